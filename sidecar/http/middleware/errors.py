"""How errors look: RFC 9457 problem documents, GraphQL errors under ``/api/query``, pages under ``/litmus``.

This is the one place where exceptions become answers. What is not ours is a
bug: logged once with its traceback, told to the client as nothing.
"""

from typing import Final

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.errors import (
    BadRequestError,
    BusyError,
    NotFoundError,
    SidecarError,
    TooLargeError,
    TooManyRequestsError,
    UnsupportedMediaTypeError,
)
from sidecar.http.keys import OUTCOME, REQUEST_ID
from sidecar.http.pages.errors import is_page, page_error
from sidecar.http.pictures.views import has_share, picture_error
from sidecar.http.route import QUERY_PATH

_HTTP_LEVEL: Final = (BadRequestError, TooLargeError, UnsupportedMediaTypeError)
_log = structlog.get_logger(__name__)


class _MethodNotAllowedError(SidecarError):
    """The route exists, for other methods."""

    code = "method_not_allowed"
    status = 405


async def answer_for(request: web.Request, error: Exception) -> web.Response:
    """Return the answer that tells of an error, in the form its path speaks."""
    if isinstance(error, web.HTTPException):
        known = _of_http(request, error)
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    elif isinstance(error, SidecarError):
        known, headers = error, {}
    else:
        _log.error("unhandled error", path=request.path, exc_info=error)
        known, headers = SidecarError("Internal error; the request id finds it in the log."), {}
    request[OUTCOME] = known.code
    if known.status == UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if request.path == QUERY_PATH:
        response = _graphql(request, known)
    elif has_share(request):
        response = await picture_error(request, known)
    elif is_page(request):
        response = await page_error(request, known)
    else:
        response = _problem(request, known)
    if isinstance(error, TooManyRequestsError | BusyError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    response.headers.update(headers)
    response.headers["Cache-Control"] = "private, no-store"
    return response


UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_NOT_ALLOWED: Final = 405
_TOO_LARGE: Final = 413
_CLIENT_ERRORS: Final = range(400, 500)


def _of_http(request: web.Request, error: web.HTTPException) -> SidecarError:
    if error.status == _NOT_FOUND:
        return NotFoundError("No such page here.")
    if error.status == _NOT_ALLOWED:
        allowed = error.headers.get("Allow", "other methods").replace(",", ", ")
        return _MethodNotAllowedError(f"Method {request.method} is not served here; use {allowed}.")
    if error.status == _TOO_LARGE:
        return TooLargeError("Request body too large.")
    if error.status in _CLIENT_ERRORS:
        return BadRequestError(f"Request refused: {error.reason}.")
    return SidecarError("Internal error; the request id finds it in the log.")


def _problem(request: web.Request, error: SidecarError) -> web.Response:
    document = {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": str(error),
        "code": error.code,
        "requestID": request[REQUEST_ID],
    }
    if isinstance(error, BadRequestError) and error.parameter is not None:
        document["parameter"] = error.parameter
    return web.Response(
        body=msgspec.json.encode(document), status=error.status, content_type="application/problem+json"
    )


def _graphql(request: web.Request, error: SidecarError) -> web.Response:
    """Answer as the plugin understands: it shows texts of 200 only, of others just the status line.

    So credentials, methods and bodies that are no GraphQL request get their
    status, and everything else is a 200 with ``errors``.
    """
    http_level = (
        error.status in (UNAUTHORIZED, _NOT_ALLOWED)
        or isinstance(error, _HTTP_LEVEL)
        or type(error) is SidecarError
    )
    document = {
        "errors": [
            {
                "message": str(error),
                "extensions": {"code": error.code, "requestID": request[REQUEST_ID]},
            }
        ],
        "data": None,
    }
    return web.Response(
        body=msgspec.json.encode(document),
        status=error.status if http_level else 200,
        content_type="application/json",
    )
