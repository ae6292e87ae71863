"""Connections: how many there may be, how long each may do nothing, how much each may send unasked.

Below HTTP, for what happens before a request is one. Of aiohttp's own,
:class:`Connection` uses three private attributes, ``_waiter`` (a pending future
while a connection waits for a request), ``_messages`` (requests whose headers
are complete and that nobody works on yet) and ``_parser``, and :class:`Runner`
overrides ``_make_server`` and ``_cleanup_server``; tests fail if any of them changes.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from time import monotonic
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.gate.request_bytes import MOST, RequestBytes
from sidecar.http.gate.succession import Handler, InFront, Succession
from sidecar.identity.proxy import Network, is_trusted

SOFTWARE: Final = "litmus-sidecar"
"""What ``Server`` says: no version, ours or a library's."""
MAX_HEADER_BYTES: Final = 32 * 1024
"""Of one header: Backstage's tokens of people with many claims are long."""
TOO_LONG: Final = "Request refused: its first line or one of its headers is too long."
NO_HTTP: Final = "Request refused: it is no HTTP that can be read."
AtOnce = Callable[[str, bytes], "ReadyAnswer | None"]
"""Answers a request known by the address it comes from and its bytes; ``None``: it takes the usual way."""
_log = structlog.get_logger(__name__)


class ReadyAnswer(msgspec.Struct, frozen=True):
    """An answer whose bytes are ready."""

    head: bytes
    parts: tuple[bytes, ...]
    """The body."""
    closes: bool
    """Whether the connection ends with it."""
    held: object
    """What counts the body while it is being sent, as long as it is held; ``None``: it is short."""


class Connection(web.RequestHandler):
    """One client's connection, and since when it keeps us waiting."""

    __slots__ = (
        "_held",
        "_received",
        "_server",
        "_usual_at",
        "address",
        "head_since",
        "heard_at",
        "is_between",
        "is_known",
        "request_bytes",
        "taken_at",
        "unsent",
        "was_asked",
    )

    def __init__(self, server: "Server", **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._received = 0
        self._held: object = None
        """Of a long answer that the client has not taken yet."""
        self._usual_at = 0.0
        """When something last came that aiohttp was told of."""
        self.request_bytes = RequestBytes()
        self.address = ""
        self.head_since: float | None = None
        """When the headers that are not complete began; ``None``: none have begun."""
        self.heard_at = 0.0
        self.taken_at = 0.0
        """When the client last took something of what waits for it."""
        self.unsent = 0
        self.is_between = False
        """Whether nothing of a next request is known to have come."""
        self.is_known = False
        """Whether a credential held on it."""
        self.was_asked = False
        """Whether the headers of a first request were complete."""

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being worked on."""
        # Of a crowd that is accepted at once, aiohttp has not begun to wait for the first requests,
        # though half of their headers may have come.
        return not self.was_asked or (self._waiter is not None and not self._waiter.done())

    def has_begun_headers(self) -> bool:
        """Tell whether headers have begun behind a request; if so, the connection is of no more use.

        They may have come in one piece with the end of the request before them.
        """
        if self._parser is None:
            return False
        try:
            # Of a next request that has not begun it makes nothing, and changes nothing.
            return self._parser.feed_eof() is not None
        except HttpProcessingError:
            return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or end it."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.head_since = self.heard_at = self.taken_at = self._usual_at = monotonic()
        self._server.admit(self)

    def data_received(self, data: bytes) -> None:
        """Watch what comes: how much of one request, and whether headers have begun."""
        if not data and not self.is_waiting:
            # aiohttp itself, which has it look on behind a body that was read.
            super().data_received(data)
            return
        self.heard_at = monotonic()
        self.is_between = False
        if self.is_waiting and self._answer_at_once(data):
            return
        if self.is_waiting and self.head_since is None:
            self._received = 0
        self._received += len(data)
        if self._received > self._server.bounds.request_bytes:
            self._server.cut(self, "body")
            return
        self._usual_at = self.heard_at
        known = len(self._messages)
        super().data_received(data)
        self.request_bytes.add(data, [body for _, body in islice(self._messages, known, None)])
        self.was_asked = self.was_asked or bool(self._messages)
        if not self.is_waiting:
            self.head_since = None
        elif data and self.head_since is None:
            self.head_since = self.heard_at

    def _answer_at_once(self, data: bytes) -> bool:
        """Answer a request whose very bytes are known; tell whether they were.

        aiohttp hears nothing of it, and would end the connection as idle: so it hears of some.
        """
        if (
            len(data) > MOST
            or not self.request_bytes.is_between
            or self.heard_at - self._usual_at > self._server.bounds.renewal_seconds
            # Whoever does not take the answers, is waited for on the usual way.
            or self.writing_paused
            or self.transport is None
            or self.transport.is_closing()
        ):
            return False
        ready = self._server.at_once(self.address, data)
        if ready is None:
            return False
        self.head_since = None
        self.was_asked = self.is_known = True
        if ready.held is None:
            self.transport.write(b"".join((ready.head, *ready.parts)))
        else:
            # Not copied, however long the client takes.
            self._held = ready.held
            self.transport.writelines((ready.head, *ready.parts))
            if not self.writing_paused:
                self._held = None
        if ready.closes:
            self.transport.close()
        return True

    def resume_writing(self) -> None:
        """Note that the client took something."""
        self.taken_at = monotonic()
        self._held = None
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, and say neither with which software nor what was sent: that has secrets."""
        if isinstance(exc, HttpProcessingError):
            message = TOO_LONG if isinstance(exc, LineTooLong) else NO_HTTP
        response = super().handle_error(request, status, exc, message)
        response.headers["Server"] = SOFTWARE
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


class Server(web.Server):
    """Makes a :class:`Connection` for each client, and ends those that ask for too much patience."""

    def __init__(
        self,
        handler: Handler,
        *,
        request_factory: Any,
        bounds: ConnectionLimits,
        proxies: Sequence[Network],
        count: Callable[[str], None],
        at_once: AtOnce,
    ) -> None:
        super().__init__(handler, request_factory=request_factory)
        self.bounds = bounds
        self.at_once = at_once
        self._proxies = proxies
        self._count = count
        self._open: dict[Connection, None] = {}
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._cut: Counter[str] = Counter()

    def __call__(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self.bounds.idle_seconds,
            lingering_time=self.bounds.linger_seconds,
            max_field_size=MAX_HEADER_BYTES,
        )

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        if isinstance(handler, Connection):
            self._forget(handler)
        super().connection_lost(handler, exc)

    def admit(self, new: Connection) -> None:
        """Take a connection in; where there are too many, the one that waited longest gives way to it."""
        self._open[new] = None
        mine = self._by_address.setdefault(new.address, {})
        mine[new] = None
        if len(mine) > self.bounds.per_address and not is_trusted(new.address, self._proxies):
            self.cut(_to_give_way(mine, new), "address")
        if len(self._open) > self.bounds.total:
            self.cut(_to_give_way(self._open, new), "all")

    def cut(self, connection: Connection, reason: str) -> None:
        """End a connection at once, whatever waits in it, and count it."""
        self._cut[reason] += 1
        self._count(reason)
        self._forget(connection)
        if connection.transport is not None:
            connection.transport.abort()

    def _forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        mine = self._by_address.get(connection.address, {})
        mine.pop(connection, None)
        if not mine:
            self._by_address.pop(connection.address, None)

    def sweep(self) -> None:
        """End the connections that have kept us waiting for too long."""
        now = monotonic()
        for one in list(self._open):
            unsent = one.transport.get_write_buffer_size() if one.transport is not None else 0
            if unsent != one.unsent or not unsent:
                one.unsent, one.taken_at = unsent, now
            if now - one.taken_at > self.bounds.write_seconds:
                self.cut(one, "unread")
            elif one.is_waiting and self._is_slow(one, now):
                self.cut(one, "head")

    def _is_slow(self, one: Connection, now: float) -> bool:
        """Tell whether headers that have begun are not complete in time."""
        if one.head_since is not None:
            return now - one.head_since > self.bounds.head_seconds
        if one.is_between or one.unsent or now - one.heard_at <= self.bounds.head_seconds:
            return False
        one.is_between = not one.has_begun_headers()
        return not one.is_between

    async def watch(self) -> None:
        """Sweep until cancelled, and tell in the log what was ended."""
        told_at = monotonic()
        while True:
            await asyncio.sleep(self.bounds.sweep_seconds)
            self.sweep()
            if self._cut and monotonic() - told_at >= self.bounds.log_seconds:
                _log.warning("connections refused or cut off", open=len(self._open), **self._cut)
                self._cut.clear()
                told_at = monotonic()


def _to_give_way(candidates: Iterable[Connection], new: Connection) -> Connection:
    """Return who has waited longest without a request, else the newcomer.

    Strangers before those whose credential held, and whose headers are not
    complete before who is between requests; of those, who shares an address
    with most: a probe, whose request comes at once, is the last of them, also
    where a crowd is accepted before its request is read.
    """
    waiting = [one for one in candidates if one.is_waiting and one is not new]
    shared = Counter(one.address for one in waiting)

    def patience(one: Connection) -> tuple[bool, bool, int, float]:
        since = one.heard_at if one.head_since is None else one.head_since
        return one.is_known, one.head_since is None, -shared[one.address], since

    return min(waiting, key=patience, default=new)


class Runner(web.AppRunner):
    """Runs an application behind a :class:`Server`."""

    def __init__(
        self,
        app: web.Application,
        *,
        bounds: ConnectionLimits,
        proxies: Sequence[Network],
        count: Callable[[str], None],
        in_front: InFront,
        at_once: Callable[[web.Application], AtOnce],
        **options: Any,
    ) -> None:
        """Take what runs the first application.

        Of an application, ``in_front`` makes of its handler the one that is asked first; what ``at_once``
        gives is asked before that, with the bytes of a request.
        """
        super().__init__(app, **options)
        self._at_once = at_once
        self._in_front = in_front
        self._bounds = bounds
        self._proxies = proxies
        self._told = count
        self._watching: asyncio.Task[None] | None = None
        self._succession: Succession | None = None

    @property
    def succession(self) -> Succession:
        """Who answers; there is one once the runner was set up."""
        if self._succession is None:
            raise RuntimeError("The runner was not set up.")
        return self._succession

    async def _make_server(self) -> Server:
        plain = await super()._make_server()
        self._succession = Succession(self.app, plain.request_handler, self._in_front)
        server = Server(
            self._succession.answer,
            request_factory=plain.request_factory,
            bounds=self._bounds,
            proxies=self._proxies,
            count=self._told,
            at_once=self._answer_at_once,
        )
        self._watching = asyncio.create_task(server.watch(), name="connections")
        return server

    def _answer_at_once(self, address: str, sent: bytes) -> "ReadyAnswer | None":
        return self._at_once(self.succession.current.app)(address, sent)

    async def _cleanup_server(self) -> None:
        if self._succession is not None:
            await self._succession.cleanup()
        await super()._cleanup_server()

    async def cleanup(self) -> None:
        """End everything, the watch too."""
        await super().cleanup()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
