"""Bodies of requests: bounded in bytes and in time, JSON by declaration."""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from sidecar.domain.errors import BadRequestError, TooLargeError, UnsupportedMediaTypeError

BODY_SECONDS: Final = 15.0
"""A client that sends slower than this is not waited for."""
AHEAD_BYTES: Final = 32 * 1024
"""More than any route reads."""
_BROKEN: Final = (OSError, HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises of a body whose rest will not come."""
_AHEAD: Final = web.RequestKey("ahead", bytes)
"""What was read of the body already."""


async def read_json_body(request: web.Request, max_bytes: int) -> bytes:
    """Return the body of a request that must be JSON; without a body it needs no type.

    Raises:
        UnsupportedMediaTypeError: If it says to be something else.
        TooLargeError: If it is longer than ``max_bytes``.
        BadRequestError: If it is too slow, or ends before its end.
    """
    if request.body_exists and request.content_type != "application/json":
        raise UnsupportedMediaTypeError("Content-Type must be application/json.")
    return await read_bounded(request, max_bytes)


async def read_ahead(request: web.Request) -> None:
    """Read the body before anybody works on the request: a client that sends slowly holds no place meanwhile.

    Of one longer than any route reads, the rest is left to the route, which refuses it.

    Raises:
        BadRequestError: If it is too slow, or ends before its end.
    """
    if _AHEAD not in request and request.can_read_body and (request.content_length or 0) <= AHEAD_BYTES:
        request[_AHEAD] = await _read(request, AHEAD_BYTES, BODY_SECONDS)


def keep_ahead(request: web.Request, body: bytes) -> None:
    """Keep what was read of the body before, for whoever reads it."""
    request[_AHEAD] = body


def ahead_of(request: web.Request) -> bytes:
    """Return what was read of the body before anybody asked for it."""
    body: bytes = request.get(_AHEAD, b"")
    return body


async def read_bounded(request: web.Request, max_bytes: int, seconds: float = BODY_SECONDS) -> bytes:
    """Return the body of a request, whatever it is, if it is here within these seconds.

    Raises:
        TooLargeError: If it is longer than ``max_bytes``.
        BadRequestError: If it is too slow, or ends before its end.
    """
    if (request.content_length or 0) > max_bytes:
        raise TooLargeError(f"Body too large: at most {max_bytes} bytes are read.")
    body = ahead_of(request)
    body += await _read(request, max_bytes - len(body), seconds)
    if len(body) > max_bytes:
        raise TooLargeError(f"Body too large: at most {max_bytes} bytes are read.")
    return body


async def _read(request: web.Request, at_most: int, seconds: float) -> bytes:
    """Return what is left of the body; of a longer one, some more than ``at_most`` bytes."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while len(body) <= at_most and (chunk := await request.content.readany()):
                body += chunk
    except TimeoutError as exc:
        raise BadRequestError("Body too slow: it did not arrive in time.") from exc
    except _BROKEN as exc:
        # Whoever sent it has left, or what was sent is no HTTP; hardly anybody will read this.
        raise BadRequestError("Body incomplete: it ended before all of it was here.") from exc
    return bytes(body)
