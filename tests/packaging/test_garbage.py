"""An application of a test ends with it, though aiohttp remembers its handlers."""

import gc
import weakref
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.support.garbage import forget_applications

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def ended_application() -> weakref.ref[web.Application]:
    """Start an application with a middleware, ask it once and end it."""

    @web.middleware
    async def passed_on(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request)

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="here")

    app = web.Application(middlewares=[passed_on])
    app.router.add_get("/", answer)
    async with TestClient(TestServer(app)) as client, client.get("/") as response:
        assert await response.text() == "here"
    return weakref.ref(app)


async def test_an_application_that_ended_is_let_go_once_its_handlers_are_forgotten() -> None:
    application = await ended_application()
    gc.collect()
    assert application() is not None, "aiohttp remembers none: there is nothing to forget any more"
    forget_applications()
    gc.collect()
    assert application() is None
