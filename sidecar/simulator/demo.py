"""The demonstration's ChaosCenters, served and moving."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sidecar.simulator.demo_world import demo_worlds
from sidecar.simulator.server import NOTICE, Simulator, open_simulator

_TICK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Two running simulators with a token for each."""

    default: Simulator
    staging: Simulator
    default_token: str = field(repr=False)
    staging_token: str = field(repr=False)


@asynccontextmanager
async def open_demo(*, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Demo]:
    """Serve both demo worlds while the context is open, and move them every second.

    The instance ``staging`` gets the port after ``port``; with 0 both get a free one.
    """
    worlds = demo_worlds()
    async with (
        open_simulator(worlds.default.world, host=host, port=port) as default,
        open_simulator(worlds.staging.world, host=host, port=port + 1 if port else 0) as staging,
    ):
        moving = asyncio.create_task(_move(default, staging), name="demo worlds")
        try:
            yield Demo(
                default=default,
                staging=staging,
                default_token=worlds.default.token,
                staging_token=worlds.staging.token,
            )
        finally:
            moving.cancel()
            await asyncio.wait([moving])


async def _move(*simulators: Simulator) -> None:
    while True:
        for simulator in simulators:
            simulator.world.tick()
        await asyncio.sleep(_TICK_SECONDS)


async def serve_simulator(host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve the demo worlds until cancelled; ``announce`` gets the lines for the terminal."""
    async with open_demo(host=host, port=port) as demo:
        announce(NOTICE)
        announce(f"default: {demo.default.url} token: {demo.default_token}")
        announce(f"staging: {demo.staging.url} token: {demo.staging_token}")
        await asyncio.Event().wait()
