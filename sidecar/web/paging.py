"""Lists in pages: ``limit`` and the opaque ``cursor`` of all list routes."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from aiohttp import web

from sidecar.errors import BadRequestError

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50

T = TypeVar("T")


def page(request: web.Request, rows: Sequence[T], key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """Return the asked page of rows and the cursor of the next, ``None`` at the end.

    Rows are sorted by ``key``; the cursor names the last row given, so rows
    that come or go between two pages shift nothing.

    Raises:
        BadRequestError: Names ``limit`` or ``cursor``.
    """
    limit = _limit(request)
    after = _cursor(request)
    rest = [row for row in rows if after is None or key(row) > after]
    chosen = rest[:limit]
    following = _encode(key(chosen[-1])) if len(rest) > limit else None
    return chosen, following


def single(request: web.Request, name: str) -> str | None:
    """Return a query parameter that may be given once; ``None`` if it is absent.

    Raises:
        BadRequestError: If it is given more than once.
    """
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise BadRequestError(f"Parameter '{name}' is given more than once.", parameter=name)
    return values[0] if values else None


def _limit(request: web.Request) -> int:
    text = single(request, "limit")
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT)) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise BadRequestError(
        f"Parameter 'limit' must be a whole number from 1 to {MAX_LIMIT}.", parameter="limit"
    )


def _cursor(request: web.Request) -> str | None:
    text = single(request, "cursor")
    if text is None:
        return None
    try:
        return base64.b64decode(text.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as exc:
        raise BadRequestError(
            "Parameter 'cursor' must be a 'nextCursor' of this list.", parameter="cursor"
        ) from exc


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()
