"""The warm path: a request answered before gets the same bytes again, while all they depend on is the same.

One look-up, by everything of the request that an answer can depend on: who sent it, as
sent, where to, what for. It leads to the bytes and to what they were decided under. If
all of that still holds they are sent, with an id and a date of their own, counted and
logged as every other request; else the request takes the usual way, and what comes of it
is remembered. A request whose very bytes were asked so before, from the same address, is
not even parsed again: the same look-up is made of what was learned of them. Its id and its
place in a trace may be its own.

Nothing is decided here: handlers say of their answers how long they hold
(:class:`sidecar.http.reuse.Reuse`), callers the same of their credentials.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Final

import msgspec
from aiohttp import web
from cachetools import LRUCache

from sidecar.config import Config
from sidecar.domain.errors import BadRequestError
from sidecar.http.answers.sending import AT_ONCE_BYTES, SENDING_BUDGET, SLICE_BYTES, Slices
from sidecar.http.answers.times import http_date
from sidecar.http.gate.body import AHEAD_BYTES, ahead_of, keep_ahead, read_ahead
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.connections import Connection, ReadyAnswer
from sidecar.http.keys import OUTCOME, REQUEST_ID
from sidecar.http.middleware.record import RECORDER, Recorder, RepeatedRequest
from sidecar.http.middleware.request import new_request_id, request_id_of
from sidecar.http.middleware.request_keys import HeadKey, RequestKeys
from sidecar.http.reuse import REUSE
from sidecar.http.services import SERVICES, Services
from sidecar.telemetry.request_log import RequestLine
from sidecar.telemetry.tracing import NO_TRACER

KEPT_BYTES: Final = 32 * 1024 * 1024
KEPT_HEADS: Final = 10_000
KEPT_REQUESTS: Final = 20_000
"""Requests known by their bytes; a few hundred bytes of memory each."""
_ENTRY_BYTES: Final = 4_096
"""Rough memory of an entry beside its body."""
LARGEST_BYTES: Final = 1024 * 1024
"""Of a body that is remembered; what is longer costs more to send than to look up."""
_OWN: Final = frozenset({"date", "x-request-id", "connection"})
"""Headers that each answer has anew."""
_STATUSES: Final = frozenset({200, 304})
_HEAD: Final = web.RequestKey("warm", HeadKey)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Entry(msgspec.Struct, frozen=True):
    """An answer, and what it was decided under."""

    status: int
    head: bytes
    """Status line and headers but :data:`_OWN`."""
    parts: tuple[bytes, ...]
    size: int
    caller: str
    is_person: bool
    method: str
    route: str
    until: datetime
    holds: Callable[[], bool]
    credential: Callable[[], bool] | None


class _Known:
    """What was learned of a request, known by its bytes and the address it comes from."""

    __slots__ = ("client", "closes", "key", "record", "recorded")

    def __init__(self, key: bytes, client: str | None, *, closes: bool) -> None:
        self.key = key
        """What its answer is looked up by."""
        self.client = client
        self.closes = closes
        """Whether it is the last one of its connection."""
        self.recorded: tuple[str, int] | None = None
        """The caller and the status that ``record`` is of."""
        self.record: RepeatedRequest | None = None


class WarmResponse(web.StreamResponse):
    """An answer whose bytes are ready; written as they are."""

    def __init__(self, request: web.Request, entry: _Entry, head: bytes, long: Slices | None) -> None:
        super().__init__(status=entry.status)
        self._keep_alive = request.keep_alive
        self._head = head
        self._parts = entry.parts
        self._long = long
        self._writer = request.writer

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing: head and body are sent together."""

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - all of it is here
        """Send all of it."""
        if self._long is None:
            await self._writer.write_eof(b"".join((self._head, *self._parts)))
            return
        try:
            await self._long.write_after(self._head, self._writer)
            await self._writer.write_eof()
        finally:
            await self._long.close()


class WarmAnswers:
    """Answers remembered, bounded in bytes, in front of an application's handler."""

    def __init__(self, app: web.Application, config: Config) -> None:
        self._app = app
        self._keys = RequestKeys(config.auth.proxy)
        self._kept: LRUCache[bytes, _Entry] = LRUCache(KEPT_BYTES, getsizeof=_size)
        self._heads: LRUCache[bytes, None] = LRUCache(KEPT_HEADS)
        """Heads of requests with a body that something is remembered of."""
        self._known: dict[bytes, _Known] = {}
        """Requests by the digest of their address and bytes; the oldest first."""
        self.hits = 0
        self.hits_at_once = 0
        """Of these, those that were not parsed."""

    def forget(self) -> None:
        """Forget every answer: another application answers from now on."""
        self._kept.clear()
        self._heads.clear()
        self._known.clear()

    def in_front_of(self, handler: Handler) -> Handler:
        """Return a handler that answers from what is remembered, and leaves the rest to this one."""
        return partial(self._answer, handler)

    def at_once(self, address: str, sent: bytes) -> ReadyAnswer | None:
        """Return the answer to a request known by its bytes, counted and logged; ``None``: ask as usual."""
        started = perf_counter()
        asked = self._keys.of_bytes(address, sent)
        known = self._known.get(asked.digest) if asked is not None else None
        entry = self._kept.get(known.key) if known is not None else None
        # What has to let others have their turn does so on the usual way.
        if asked is None or known is None or entry is None or entry.size > AT_ONCE_BYTES:
            return None
        services = self._app[SERVICES]
        now = services.clock()
        long = _long(entry)
        if not self._may_use(entry, services, now, long):
            return None
        self.hits += 1
        self.hits_at_once += 1
        request_id = asked.request_id or new_request_id()
        head = entry.head + _tail(now, request_id, closes=known.closes)
        self._record_of(known, entry).note(perf_counter() - started, request_id)
        return ReadyAnswer(head, entry.parts, known.closes, long)

    def _record_of(self, known: _Known, entry: _Entry) -> RepeatedRequest:
        """Return what counts and logs the requests that are the same to the byte, answered so."""
        recorded = (entry.caller, entry.status)
        if known.record is None or known.recorded != recorded:
            line = _line(entry, client=known.client, seconds=0.0, request_id="")
            known.record = self._app[RECORDER].repeated(line, label=entry.method)
            known.recorded = recorded
        return known.record

    def _know(self, request: web.Request, sent: bytes, key: bytes) -> None:
        """Remember what a request's bytes ask for; for one that was asked before."""
        asked = self._keys.of_bytes(request.remote, sent) if request.remote is not None else None
        if asked is None:
            return
        recorder: Recorder = self._app[RECORDER]
        known = _Known(key, recorder.client(request), closes=not request.keep_alive)
        self._known[asked.digest] = known
        if len(self._known) > KEPT_REQUESTS:
            del self._known[next(iter(self._known))]

    async def _answer(self, handler: Handler, request: web.Request) -> web.StreamResponse:
        started = perf_counter()
        connection = request.protocol
        sent = connection.request_bytes.take() if isinstance(connection, Connection) else None
        services = self._app[SERVICES]
        # A traced request has spans for each of its steps.
        is_traced = services.tracer is not NO_TRACER
        head = None if is_traced else self._keys.of_head(request, services.proxy.trusted)
        if head is not None:
            request[_HEAD] = head
            key = await self._key(request, head)
            entry = self._kept.get(key) if key is not None else None
            if key is not None and entry is not None:
                response = self._warm(request, entry, services, started)
                if response is not None:
                    if sent is not None and entry.size <= AT_ONCE_BYTES:
                        self._know(request, sent, key)
                    return response
        return await handler(request)

    async def remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Remember an answer that may be given again; for the signal just before its head is sent."""
        reuse, head = request.get(REUSE), request.get(_HEAD)
        if reuse is None or head is None or OUTCOME in request or not isinstance(response, web.Response):
            return
        services = self._app[SERVICES]
        caller = request.get(CALLER)
        validity = caller.validity(services, reuse.refs) if caller is not None else None
        parts = _parts(response)
        if caller is None or validity is None or parts is None or response.status not in _STATUSES:
            return
        size = sum(map(len, parts))
        if size > LARGEST_BYTES or response.cookies:
            return
        resource = request.match_info.route.resource
        self._heads[head.alone()] = None
        self._kept[head.with_body(ahead_of(request))] = _Entry(
            status=response.status,
            head=_head(response),
            parts=parts,
            size=size,
            caller=caller.principal.name,
            is_person=caller.is_person,
            method=request.method,
            route=resource.canonical if resource is not None else "unmatched",
            until=min(reuse.until, validity.until),
            holds=reuse.holds,
            credential=validity.holds,
        )

    async def _key(self, request: web.Request, head: HeadKey) -> bytes | None:
        """Return what the answer to a request is looked up by; ``None`` if nothing is remembered of it.

        A body is waited for only behind a head that was answered before: whoever has shown no credential
        that held has none read.
        """
        if request.method == "GET":
            return head.with_body(b"")
        if head.alone() not in self._heads:
            return None
        content = request.content
        if content.is_eof() and content.exception() is None and content.total_bytes <= AHEAD_BYTES:
            keep_ahead(request, content.read_nowait())
        else:
            try:
                await read_ahead(request)
            except BadRequestError:
                return None  # It is refused on the usual way.
        return head.with_body(ahead_of(request))

    def _may_use(self, entry: _Entry, services: Services, now: datetime, long: Slices | None) -> bool:
        """Tell whether an answer may be given again, and to this caller now.

        If so the request is counted, and ``long``, a long answer's body, is being sent; if not nothing is.
        """
        return (
            now < entry.until
            and (entry.credential is None or entry.credential())
            and entry.holds()
            and services.work_pace.has_left(entry.caller, is_person=entry.is_person)
            and (long is None or self._app[SENDING_BUDGET].take(long))
            # The last, since what takes the usual way after all is counted there.
            and services.pace.may_request(entry.caller, is_person=entry.is_person)
        )

    def _warm(
        self, request: web.Request, entry: _Entry, services: Services, started: float
    ) -> WarmResponse | None:
        """Return the answer, counted and logged; ``None`` if it may not be given now."""
        now, long = services.clock(), _long(entry)
        if not self._may_use(entry, services, now, long):
            return None
        self.hits += 1
        if isinstance(request.protocol, Connection):
            request.protocol.is_known = True
        request_id = request_id_of(request)
        request[REQUEST_ID] = request_id
        tail = _tail(now, request_id, closes=not request.keep_alive)
        response = WarmResponse(request, entry, entry.head + tail, long)
        recorder: Recorder = self._app[RECORDER]
        line = _line(entry, client=None, seconds=perf_counter() - started, request_id=request_id)
        recorder.note(request, line, label=entry.method)
        return response


WARM_ANSWERS = web.AppKey("warm", WarmAnswers)


def _long(entry: _Entry) -> Slices | None:
    """Return the body of an answer that counts as long; ``None`` for others."""
    return Slices(*entry.parts) if entry.size > SLICE_BYTES else None


def _line(entry: _Entry, *, client: str | None, seconds: float, request_id: str) -> RequestLine:
    return RequestLine(
        method=entry.method,
        route=entry.route,
        status=entry.status,
        outcome="ok",
        caller=entry.caller,
        client=client,
        seconds=seconds,
        request_id=request_id,
    )


def _tail(now: datetime, request_id: str, *, closes: bool) -> bytes:
    """Return the headers that each answer has anew, and the end of its head."""
    close = "Connection: close\r\n" if closes else ""
    return f"Date: {http_date(now)}\r\n{close}X-Request-ID: {request_id}\r\n\r\n".encode()


def _head(response: web.Response) -> bytes:
    """Return status line and headers as they are sent, but those that each answer has anew."""
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items() if name.lower() not in _OWN]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _parts(response: web.Response) -> tuple[bytes, ...] | None:
    """Return the body in pieces; ``None`` for one that is made while it is sent."""
    body = response.body
    if response.status == web.HTTPNotModified.status_code or body is None:
        return ()
    if isinstance(body, Slices):
        return body.parts
    return (body,) if isinstance(body, bytes) else None


def _size(entry: _Entry) -> int:
    return _ENTRY_BYTES + len(entry.head) + entry.size
