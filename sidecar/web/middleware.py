"""What happens around every request: its id, the gate, errors, the log line, the metrics."""

import re
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

import structlog
from aiohttp import web

from sidecar.web.auth import authorize
from sidecar.web.errors import answer_for
from sidecar.web.keys import OUTCOME, PRINCIPAL, REQUEST_ID, SERVICES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET_ROUTES: Final = frozenset({"healthz", "readyz", "metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE"})
_SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_log = structlog.get_logger(__name__)


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, let it through the gate, and turn any error into an answer."""
    started = perf_counter()
    given = request.headers.get("X-Request-ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    request[REQUEST_ID] = request_id
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            # Nothing to guard where there is no route; everybody may learn that.
            if request.match_info.http_exception is None:
                authorize(request)
            response = await handler(request)
        except Exception as exc:  # noqa: BLE001 - the one place where exceptions become answers
            response = answer_for(request, exc)
        response.headers["X-Request-ID"] = request_id
        for name, value in _SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        _account(request, response, perf_counter() - started)
    return response


def _account(request: web.Request, response: web.StreamResponse, took_seconds: float) -> None:
    route = request.match_info.route
    resource = route.resource
    template = resource.canonical if resource is not None else "unmatched"
    outcome = request.get(OUTCOME, "ok")
    metrics = request.app[SERVICES].metrics
    # Any other method is the client's text; it must not become a label.
    method = request.method if request.method in _METHODS else "other"
    metrics.requests.labels(template, method, outcome).inc()
    metrics.request_seconds.labels(template).observe(took_seconds)
    log = _log.debug if route.name in _QUIET_ROUTES else _log.info
    principal = request.get(PRINCIPAL)
    log(
        "request",
        method=request.method,
        route=template,
        status=response.status,
        outcome=outcome,
        caller=principal.name if principal else None,
        seconds=round(took_seconds, 4),
    )
