"""One application follows the other behind the same sockets: no request is lost, none meets both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import aiohttp
from aiohttp import web

from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.gate.connections import ReadyAnswer, Runner
from sidecar.http.gate.succession import Answering
from tests.support.service import CEILING_SECONDS, eventually

NAME: Final = web.AppKey("name", str)


class World:
    """A server, the applications that were made for it, and a client that keeps its connection."""

    def __init__(self) -> None:
        self.waiting = 0
        self.may_go_on = asyncio.Event()
        self.ended: list[str] = []
        self.is_known = False
        """Whether requests are answered without being parsed."""
        self.runner = Runner(
            self.app("first"),
            bounds=ConnectionLimits(),
            proxies=(),
            count=lambda _reason: None,
            in_front=lambda _app: lambda handler: handler,
            at_once=lambda app: partial(self._ready, app[NAME]),
        )
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
        self.others = aiohttp.ClientSession()

    def _ready(self, name: str, _address: str, _sent: bytes) -> ReadyAnswer | None:
        if not self.is_known:
            return None
        body = f"{name}, at once".encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return ReadyAnswer(head, (body,), closes=False, held=None)

    def app(self, name: str) -> web.Application:
        app = web.Application()
        app[NAME] = name
        app.router.add_get("/quick", self._quick)
        app.router.add_get("/slow", self._slow)
        app.on_cleanup.append(self._note_end)
        return app

    async def _quick(self, request: web.Request) -> web.Response:
        return web.Response(text=request.app[NAME])

    async def _slow(self, request: web.Request) -> web.Response:
        self.waiting += 1
        await self.may_go_on.wait()
        return web.Response(text=request.app[NAME])

    async def _note_end(self, app: web.Application) -> None:
        self.ended.append(app[NAME])

    async def quick(self) -> str:
        """Ask on the connection that is kept."""
        return await self._get(self.session, "/quick")

    async def slow(self) -> str:
        """Ask on a connection of its own for what waits."""
        return await self._get(self.others, "/slow")

    async def _get(self, session: aiohttp.ClientSession, path: str) -> str:
        host, port = self.runner.addresses[0][:2]
        async with session.get(f"http://{host}:{port}{path}") as response:
            return await response.text()

    async def switch(self, name: str) -> Answering:
        return self.runner.succession.switch(await self.runner.succession.start(self.app(name)))


@asynccontextmanager
async def serving() -> AsyncIterator[World]:
    world = World()
    await world.runner.setup()
    try:
        async with asyncio.timeout(CEILING_SECONDS), world.session, world.others:
            await web.TCPSite(world.runner, "127.0.0.1", 0).start()
            yield world
    finally:
        await world.runner.cleanup()


async def test_the_next_request_on_the_same_connection_is_answered_by_the_next_application() -> None:
    async with serving() as world:
        assert await world.quick() == "first"
        await world.switch("second")
        assert await world.quick() == "second"
        await world.switch("third")
        assert await world.quick() == "third"


async def test_a_request_known_to_the_byte_is_answered_by_the_next_application_too() -> None:
    async with serving() as world:
        world.is_known = True
        assert await world.quick() == "first, at once"
        await world.switch("second")
        assert await world.quick() == "second, at once"


async def test_one_that_has_started_answers_nothing_before_the_switch() -> None:
    async with serving() as world:
        started = await world.runner.succession.start(world.app("second"))
        assert await world.quick() == "first"
        world.runner.succession.switch(started)
        assert await world.quick() == "second"


async def test_a_request_under_way_ends_where_it_began_and_so_long_that_application_lives() -> None:
    async with serving() as world:
        await world.switch("second")
        under_way = asyncio.create_task(world.slow())
        await eventually(lambda: world.waiting == 1)
        second = await world.switch("third")
        ending = asyncio.create_task(world.runner.succession.end(second))
        assert await world.quick() == "third"
        assert not ending.done()
        assert world.ended == []
        world.may_go_on.set()
        assert await under_way == "second"
        await ending
        assert world.ended == ["second"]
        assert await world.quick() == "third"


async def test_the_first_application_which_has_the_services_ends_last_and_once() -> None:
    async with serving() as world:
        await world.runner.succession.end(await world.switch("second"))
        assert world.ended == []
        await world.switch("third")
    assert sorted(world.ended[:2]) == ["second", "third"]
    assert world.ended[2:] == ["first"]
