"""Answers given before a request is parsed, at the connection: what is held, and for how long."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.gate.connections import ReadyAnswer, Runner
from tests.support.service import eventually

SENT: Final = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
LONG: Final = bytes(8 * 1024 * 1024)
"""More than a connection takes that nobody reads."""
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LONG)


class Held:
    """Counts an answer that is being sent."""


class Ready:
    """Knows one request, and counts its answers."""

    def __init__(self) -> None:
        self.held: weakref.WeakSet[Held] = weakref.WeakSet()
        self.usual = 0

    def at_once(self, _address: str, sent: bytes) -> ReadyAnswer | None:
        if sent != SENT:
            return None
        held = Held()
        self.held.add(held)
        return ReadyAnswer(HEAD, (LONG,), closes=False, held=held)

    def in_front_of(self, _handler: object) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def usual(_request: web.Request) -> web.Response:
            self.usual += 1
            return web.Response(text="usual")

        return usual


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Ready, asyncio.StreamReader, asyncio.StreamWriter]]:
    ready = Ready()
    runner = Runner(
        web.Application(),
        bounds=ConnectionLimits(),
        proxies=(),
        count=lambda _reason: None,
        in_front=lambda _app: ready.in_front_of,
        at_once=lambda _app: ready.at_once,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
        yield ready, reader, writer
        writer.close()
    finally:
        await runner.cleanup()


async def test_a_long_answer_is_held_until_the_client_has_taken_it() -> None:
    async with serving() as (ready, reader, writer):
        writer.write(SENT)
        await eventually(lambda: len(ready.held) == 1)
        assert await reader.readexactly(len(HEAD) + len(LONG)) == HEAD + LONG
        await eventually(lambda: not ready.held)


async def test_a_long_answer_is_let_go_when_its_client_leaves() -> None:
    async with serving() as (ready, _, writer):
        writer.write(SENT)
        await eventually(lambda: len(ready.held) == 1)
        writer.transport.abort()
        await eventually(lambda: not ready.held)


async def test_who_does_not_take_an_answer_is_not_given_the_next_at_once() -> None:
    async with serving() as (ready, reader, writer):
        writer.write(SENT)
        await eventually(lambda: len(ready.held) == 1)
        writer.write(SENT)
        await eventually(lambda: ready.usual == 1)
        assert await reader.readexactly(len(HEAD) + len(LONG)) == HEAD + LONG
        assert (await reader.readuntil(b"usual")).startswith(b"HTTP/1.1 200 OK")
