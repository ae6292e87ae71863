"""Bodies of requests: bounded in bytes and in time, JSON by declaration."""

import asyncio
from typing import Final

from aiohttp import web

from sidecar.domain.errors import BadRequestError, TooLargeError, UnsupportedMediaTypeError

BODY_SECONDS: Final = 15.0
"""A client that sends slower than this is not waited for."""


async def read_json_body(request: web.Request, max_bytes: int) -> bytes:
    """Return the body of a request that must be JSON.

    Raises:
        UnsupportedMediaTypeError: If it says to be something else.
        TooLargeError: If it is longer than ``max_bytes``.
        BadRequestError: If it is too slow.
    """
    if request.content_type != "application/json":
        raise UnsupportedMediaTypeError("Content-Type must be application/json.")
    return await read_bounded(request, max_bytes)


async def read_bounded(request: web.Request, max_bytes: int, seconds: float = BODY_SECONDS) -> bytes:
    """Return the body of a request, whatever it is, if it is here within these seconds.

    Raises:
        TooLargeError: If it is longer than ``max_bytes``.
        BadRequestError: If it is too slow.
    """
    if (request.content_length or 0) > max_bytes:
        raise TooLargeError(f"Body too large: at most {max_bytes} bytes are read.")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise TooLargeError(f"Body too large: at most {max_bytes} bytes are read.")
    except TimeoutError as exc:
        raise BadRequestError("Body too slow: it did not arrive in time.") from exc
    return bytes(body)
