"""What happens around every request: its id, the gate, limits, errors, the log line, the metrics."""

import random
import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Final

import structlog
from aiohttp import web

from sidecar.config.access import KEY_HEADER
from sidecar.domain.errors import BadRequestError, TooManyRequestsError, UnsupportedMediaTypeError
from sidecar.http.answers.sending import SENDING_BUDGET
from sidecar.http.gate.body import read_ahead
from sidecar.http.gate.caller import (
    CALLER,
    Caller,
)
from sidecar.http.gate.connections import SOFTWARE, Connection
from sidecar.http.gate.first_data import PLACES, POOL_OF_CALLERS, HeldPlaces
from sidecar.http.gate.origins import own_origins
from sidecar.http.gate.path_prefix import prefix_of, with_prefix
from sidecar.http.keys import OUTCOME, REQUEST_ID
from sidecar.http.middleware.authorization import authorize
from sidecar.http.middleware.errors import answer_for
from sidecar.http.middleware.record import QUIET_ROUTES, RECORDER
from sidecar.http.pictures.views import SHARE
from sidecar.http.route import QUERY_PATH
from sidecar.http.services import SERVICES
from sidecar.identity.origins import cors_headers, is_preflight, refuse_api_change
from sidecar.runtime.door import Door
from sidecar.runtime.turns import Meter, metered
from sidecar.telemetry.tracing import NO_TRACER, Span

_IDS: Final = random.Random(secrets.token_bytes(16))  # noqa: S311 - no secret
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
DOOR = web.AppKey("door", Door)
ANONYMOUS_AT_ONCE: Final = 20
"""Requests to one public route, or to one picture's by signed addresses, that are worked on at once."""
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
"""No route reads one with these."""
_SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


@web.middleware
async def request_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, let it through the gate, and turn any error into an answer."""
    started = perf_counter()
    request_id = request_id_of(request)
    request[REQUEST_ID] = request_id
    with structlog.contextvars.bound_contextvars(request_id=request_id), _trace(request) as span:
        allowed = request.app[SERVICES].config.listen.allowed_origins
        try:
            await _wait_at_door(request)
            _check_head(request)
            if allowed and _is_api(request) and is_preflight(request.method, request.headers):
                response = _preflight(request, allowed)
            else:
                # Nothing to guard where there is no route; everybody may learn that.
                if request.match_info.http_exception is None:
                    await _admit(request)
                response = await _handle_within_limits(request, handler)
        except Exception as exc:  # noqa: BLE001 - the one place where exceptions become answers
            response = await answer_for(request, exc)
        if _is_encoded(request):
            response.force_close()
        _record(request, response, perf_counter() - started, span)
    return response


async def _wait_at_door(request: web.Request) -> None:
    """Let those have their turn who came with this one; health waits for nobody."""
    if request.match_info.route.name not in QUIET_ROUTES:
        await request.app[DOOR].pass_through(request.remote or "")


def request_id_of(request: web.Request) -> str:
    """Return the id that the client gave the request, if it can be used, else a new one."""
    given = request.headers.get("X-Request-ID")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """Return an id to tell a request apart by; no secret."""
    # Asking the system for each costs more than all else about it.
    return f"{_IDS.getrandbits(64):016x}"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give an answer the headers that all have, just before its head is sent; for the signal of that moment.

    What is streamed was sent in part, and what aiohttp answers by itself never
    was seen, once :func:`request_middleware` has the answer.
    """
    # An expectation that cannot be met is refused before the request has an id.
    if REQUEST_ID in request:
        response.headers["X-Request-ID"] = request[REQUEST_ID]
    allowed = request.app[SERVICES].config.listen.allowed_origins
    if allowed and _is_api(request):
        cors = cors_headers(request.headers, allowed)
        # An answer may differ by what else was asked with, too.
        vary = ", ".join(filter(None, (response.headers.get("Vary"), cors["Vary"])))
        response.headers.update({**cors, "Vary": vary})
    if "Location" in response.headers:
        prefix = prefix_of(request.app[SERVICES].config)
        response.headers["Location"] = with_prefix(prefix, response.headers["Location"])
    response.headers["Server"] = SOFTWARE
    for name, value in _SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


def _check_head(request: web.Request) -> None:
    """Refuse what no route takes, whoever sends it.

    Raises:
        UnsupportedMediaTypeError: If the body is compressed.
        BadRequestError: If a credential was sent twice; proxies differ in which of two counts.
    """
    if _is_encoded(request):
        raise UnsupportedMediaTypeError("Body must not be compressed: send it without Content-Encoding.")
    for name in (KEY_HEADER, "Authorization"):
        if len(request.headers.getall(name, [])) > 1:
            raise BadRequestError(f"Header {name} was sent twice; send it once.")


def _is_encoded(request: web.Request) -> bool:
    """Tell whether the body is said to be anything but itself."""
    codings = ",".join(
        request.headers.getall("Content-Encoding", []) + request.headers.getall("Transfer-Encoding", [])
    )
    return any(one.strip().lower() not in {"", "identity", "chunked"} for one in codings.split(","))


def _is_api(request: web.Request) -> bool:
    return request.path.startswith("/api/")


def _trace(request: web.Request) -> AbstractContextManager[Span]:
    """Begin the trace of the request; whoever only looks after us leaves none."""
    if request.match_info.route.name in QUIET_ROUTES:
        return NO_TRACER.request(None)
    return request.app[SERVICES].tracer.request(request.headers.get("traceparent"))


def _preflight(request: web.Request, allowed: Collection[str]) -> web.StreamResponse:
    """Tell a browser what pages of an allowed origin may send."""
    return web.Response(status=204, headers=cors_headers(request.headers, allowed, preflight=True))


async def _admit(request: web.Request) -> None:
    """Let the request to its handler, or say why not: who calls, from which page, how often."""
    await authorize(request)
    caller = request.get(CALLER)
    if caller is None:
        return
    if isinstance(request.protocol, Connection):
        request.protocol.is_known = True
    services = request.app[SERVICES]
    # The plugin's endpoint words its own refusal of whatever is no POST; safe methods pass anyway.
    if _is_api(request) and (request.path != QUERY_PATH or request.method == "POST"):
        refuse_api_change(
            request.method,
            request.content_type,
            request.headers,
            own_origins(request, services) | set(services.config.listen.allowed_origins),
            ambient=caller.ambient,
        )
    services.pace.check_request(caller.principal.name, is_person=_is_person(caller))


async def _handle_within_limits(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Work on a bounded number of requests at once; health must answer whatever else happens.

    Who has shown no credential, or just a signed address, shares a few places
    with others at the same route, and never takes one of those who have. Who has,
    takes a few of the places at once, each once the body is here, and a bounded
    time of the event loop.
    """
    services = request.app[SERVICES]
    route = request.match_info.route.name
    if route in QUIET_ROUTES:
        return await _handle(request, handler)
    if CALLER not in request or SHARE in request:
        return await _handle_in_pool(request, handler, route or "", ANONYMOUS_AT_ONCE)
    at_once = services.config.limits.concurrent_requests
    name, is_person = request[CALLER].principal.name, _is_person(request[CALLER])
    services.work_pace.check(name, is_person=is_person)
    meter = Meter()
    try:
        if request.method not in _WITHOUT_BODY:
            await metered(read_ahead(request), meter)
        async with services.places.place(name, is_person=is_person) as place:
            request[PLACES] = HeldPlaces(place, services.phase.in_progress)
            # Of several that waited, the first may have used up what was left.
            services.work_pace.check(name, is_person=is_person)
            return await metered(_handle_in_pool(request, handler, POOL_OF_CALLERS, at_once), meter)
    finally:
        services.work_pace.spend(name, meter.seconds, is_person=is_person)


async def _handle_in_pool(
    request: web.Request, handler: Handler, pool: str, at_once: int
) -> web.StreamResponse:
    in_progress = request.app[SERVICES].phase.in_progress
    if in_progress[pool] >= at_once:
        raise TooManyRequestsError("Too busy: too many requests at the same time.", retry_after_seconds=1)
    in_progress[pool] += 1
    try:
        return await _handle(request, handler)
    finally:
        in_progress[pool] -= 1


async def _handle(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return the handler's answer, once it may be sent; one that waits for that keeps its place."""
    response = await handler(request)
    # Many may have waited for the same thing; the head of each answer and its line in the log cost, too.
    await _wait_at_door(request)
    if request.method != "HEAD":
        await request.app[SENDING_BUDGET].admit(response)
    return response


def _is_person(caller: Caller) -> bool:
    return caller.is_person or caller.signed_in is not None


def _record(request: web.Request, response: web.StreamResponse, took_seconds: float, span: Span) -> None:
    """Count the request, log it, and say in its trace what it was."""
    method, template = request.app[RECORDER].record(request, response.status, took_seconds)
    span.rename(f"{method} {template}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", template)
    span.set_attribute("http.response.status_code", response.status)
    span.set_attribute("sidecar.outcome", request.get(OUTCOME, "ok"))
    if OUTCOME in request:
        span.fail(request[OUTCOME])
