"""Requests inside the GraphQL server that wait for the auth server, whether or not their client still does.

Litmus dials the auth server without a timeout and does not notice that a client has left: what was
asked meanwhile is done once the auth server is back, mutations included.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from sidecar.simulator.world import World


class HangingRequests:
    """The requests that wait, in the order in which they came."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[web.Response]] = set()
        self.most = 0
        """How many have waited at once, at most, since the last ``forget``."""

    def __len__(self) -> int:
        return len(self._tasks)

    async def wait(
        self, execute: Callable[[], web.Response], *, patience_seconds: float
    ) -> web.Response | None:
        """Return the answer that ``execute`` gives when the auth server is back.

        ``None``: nginx lost its patience first. Then, and if the caller is cancelled, the request is
        executed all the same, later, and its answer goes nowhere.
        """
        task = asyncio.create_task(self._wait_and_execute(execute))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.most = max(self.most, len(self._tasks))
        done, _ = await asyncio.wait({task}, timeout=patience_seconds)
        return task.result() if done and not task.cancelled() else None

    async def _wait_and_execute(self, execute: Callable[[], web.Response]) -> web.Response:
        await self._world.auth_server_back()
        return execute()

    def forget(self) -> None:
        """Count the most at once anew."""
        self.most = len(self._tasks)

    async def end(self) -> None:
        """Let the server's process end: what waits is never executed."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
