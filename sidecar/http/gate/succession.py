"""Which application answers: one after the other behind the same sockets, without a request lost between.

A request belongs to the application that answered when it came, to its end; the
next one, on the same connection too, belongs to the one that answers then. What
an application remembers ends with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
InFront = Callable[[web.Application], Callable[[Any], Any]]
"""Makes of an application's handler the one that is asked first."""


class Answering:
    """An application that has started, and the requests that are worked on in it."""

    def __init__(self, app: web.Application, handler: Handler, runner: web.AppRunner | None) -> None:
        """Take the application; ``runner`` started it, ``None``: who made the sockets did, and ends it."""
        self.app = app
        self._handler = handler
        self._runner = runner
        self._requests = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        self._requests += 1
        self._is_idle.clear()
        try:
            return await self._handler(request)
        finally:
            self._requests -= 1
            if not self._requests:
                self._is_idle.set()

    async def ended(self) -> None:
        """Wait for the last request of one that answers no more."""
        await self._is_idle.wait()

    async def cleanup(self) -> None:
        """End the application, unless somebody else does."""
        if self._runner is not None:
            await self._runner.cleanup()


class Succession:
    """The application that answers now, and those before it that still have requests."""

    def __init__(self, first: web.Application, handler: Handler, in_front: InFront) -> None:
        """Take the first application, which has started, and its handler."""
        self._in_front = in_front
        self.current = Answering(first, in_front(first)(handler), None)
        self._living = {self.current}

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Have a request answered by the application of now."""
        return await self.current.answer(request)

    async def start(self, app: web.Application) -> Answering:
        """Start an application; it answers nothing before :meth:`switch`."""
        runner = web.AppRunner(app)
        await runner.setup()
        server = runner.server
        if server is None:
            raise RuntimeError("An application that was set up has no server.")
        started = Answering(app, self._in_front(app)(server.request_handler), runner)
        self._living.add(started)
        return started

    def switch(self, successor: Answering) -> Answering:
        """Let it answer from the next request on; return the one before."""
        before, self.current = self.current, successor
        return before

    async def end(self, one: Answering) -> None:
        """End an application that answers no more, once its last request has.

        aiohttp remembers it for a while, in its cache of middlewares, so whoever filled it has to empty it.
        """
        await one.ended()
        self._living.discard(one)
        await one.cleanup()

    async def cleanup(self) -> None:
        """End all but the first, which whoever made the sockets ends."""
        for one in self._living:
            await one.cleanup()
        self._living.clear()
