"""On which addresses the sidecar answers, and that the image's health check finds it there."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from sidecar.app.lifecycle import listen
from sidecar.cli.health import judged


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


@asynccontextmanager
async def listening(host: str) -> AsyncIterator[int]:
    """A server on this host that tells callers their address; yields its port."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.remote)

    app = web.Application()
    app.router.add_get("/healthz", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await listen(runner, host, 0)
        ports = {address[1] for address in runner.addresses}
        assert len(ports) == 1
        yield ports.pop()
    finally:
        await runner.cleanup()


async def caller(host: str, port: int) -> str | None:
    """Return what address a caller of this host seems to have; ``None``: nobody answers."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/healthz") as answer:
            return await answer.text()
    except aiohttp.ClientConnectionError:
        return None


async def is_healthy(host: str, port: int) -> bool:
    """Ask as the image's health check does."""
    is_well, _ = await asyncio.to_thread(judged, host, port)
    return is_well


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_two_colons_serve_both_families_each_with_its_own_addresses() -> None:
    async with listening("::") as port:
        assert await caller("127.0.0.1", port) == "127.0.0.1"
        assert await caller("[::1]", port) == "::1"
        assert await is_healthy("::", port)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_four_zeros_serve_ipv4_alone() -> None:
    async with listening("0.0.0.0") as port:  # noqa: S104 - that is the question
        assert await caller("127.0.0.1", port) == "127.0.0.1"
        assert await caller("[::1]", port) is None
        assert await is_healthy("0.0.0.0", port)  # noqa: S104


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_the_health_check_finds_what_serves_ipv6_alone() -> None:
    async with listening("::1") as port:
        assert await caller("127.0.0.1", port) is None
        assert await is_healthy("::1", port)
