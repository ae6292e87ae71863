"""Attacks by how a request is sent, and how its answer is not read."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Final

from benchmarks.abusing.bodies import ATTACKER, KEY, posted, recent_runs
from benchmarks.abusing.target import Target
from benchmarks.abusing.wire import Streams, connected, request

PAUSE_SECONDS: Final = 0.1
Hold = Callable[[Streams], Awaitable[None]]


async def hold(target: Target, sources: list[str], act: Hold) -> None:
    """Keep a connection from each of these addresses; who is cut off comes again after a while."""

    async def one(source: str) -> None:
        while True:
            try:
                async with connected(target.port, source) as streams:
                    await act(streams)
            except (OSError, EOFError):
                target.answers["closed"] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        for source in sources:
            group.create_task(one(source))


def _addresses(connections: int, addresses: int = 1) -> list[str]:
    """Return the source of each connection, among so many addresses of loopback."""
    return [
        f"127.0.1.{1 + number % addresses}" if addresses > 1 else ATTACKER for number in range(connections)
    ]


async def _until_closed(streams: Streams) -> None:
    while await streams[0].read(64 * 1024):
        pass
    raise EOFError


async def half_sent(target: Target) -> None:
    """Promise a body and send half of it."""
    sent = posted("{ a }", {"p": target.small, "x": "y" * 2_000})

    async def act(streams: Streams) -> None:
        streams[1].write(sent[:-1_000])
        await _until_closed(streams)

    # So many that one address may not have them.
    await hold(target, _addresses(520, 4), act)


async def half_open(target: Target) -> None:
    """Send half a head."""
    await _half_open(target, 1)


async def half_open_spread(target: Target) -> None:
    """Send half a head, from many addresses."""
    await _half_open(target, 16)


async def _half_open(target: Target, addresses: int) -> None:
    async def act(streams: Streams) -> None:
        streams[1].write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ")
        await _until_closed(streams)

    await hold(target, _addresses(400, addresses), act)


async def dribbled(target: Target) -> None:
    """Send heads so slowly that they never end."""

    async def act(streams: Streams) -> None:
        for byte in request("GET", "/healthz", {"X-Slow": "x" * 10_000}):
            streams[1].write(bytes([byte]))
            await streams[1].drain()
            await asyncio.sleep(0.2)

    await hold(target, _addresses(200), act)


async def pipelined(target: Target) -> None:
    """Send many requests at once on a few connections, and read what comes."""
    one = request("GET", "/api/v1/entities", KEY, keep=True)

    async def act(streams: Streams) -> None:
        reader, writer = streams
        left = 0
        while True:
            writer.write(one * 50)
            left += 50
            while left > 0:
                found = (await reader.read(256 * 1024)) or b""
                if not found:
                    raise EOFError
                left -= found.count(b"HTTP/1.1 ")
                target.answers["answers"] += found.count(b"HTTP/1.1 ")

    await hold(target, _addresses(4), act)


async def unread(target: Target) -> None:
    """Ask for a large answer, and read nothing of it."""
    await _unread(target, [recent_runs(target, 7)])


async def unread_each(target: Target) -> None:
    """The same, and every connection asks for another answer."""
    await _unread(target, [recent_runs(target, 7, f"a{number}_") for number in range(100)])


async def _unread(target: Target, questions: list[bytes]) -> None:
    asked = cycle(questions)

    async def act(streams: Streams) -> None:
        streams[1].write(next(asked))
        streams[1].transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(3_600)

    await hold(target, _addresses(100), act)
