"""Lists in pages: ``limit`` and the opaque ``cursor`` of all list routes."""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from sidecar.domain.errors import BadRequestError
from sidecar.domain.unreadable import UNREADABLE

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50

RowId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number that both engines of the store have room for."""

T = TypeVar("T")


def page(request: web.Request, rows: Sequence[T], key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """Return the asked page of rows and the cursor of the next, ``None`` at the end.

    Rows are sorted by ``key``; the cursor names the last row given, so rows
    that come or go between two pages shift nothing.

    Raises:
        BadRequestError: Names ``limit`` or ``cursor``.
    """
    limit = read_limit(request)
    after = decode_cursor(request, str)
    rest = [row for row in rows if after is None or key(row) > after]
    chosen = rest[:limit]
    return chosen, encode_cursor(key(chosen[-1])) if len(rest) > limit else None


def page_of_ranked(request: web.Request, rows: Sequence[T]) -> tuple[Sequence[T], str | None]:
    """Return the asked page of rows whose order is a ranking, so that no row can be named as the last.

    The cursor counts rows; a ranking that changes between two pages may repeat
    or pass over a row.

    Raises:
        BadRequestError: Names ``limit`` or ``cursor``.
    """
    limit = read_limit(request)
    first = decode_cursor(request, RowId) or 0
    return rows[first : first + limit], encode_cursor(first + limit) if len(rows) > first + limit else None


def single(request: web.Request, name: str) -> str | None:
    """Return a query parameter that may be given once; ``None`` if it is absent.

    Raises:
        BadRequestError: If it is given more than once.
    """
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise BadRequestError(f"Parameter '{name}' is given more than once.", parameter=name)
    return values[0] if values else None


def read_limit(request: web.Request) -> int:
    """Return how many rows are wanted.

    Raises:
        BadRequestError: Names ``limit``.
    """
    text = single(request, "limit")
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT)) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise BadRequestError(
        f"Parameter 'limit' must be a whole number from 1 to {MAX_LIMIT}.", parameter="limit"
    )


def decode_cursor(request: web.Request, form: Any) -> Any:
    """Return what a cursor names, of the given type; ``None`` without a cursor.

    Raises:
        BadRequestError: Names ``cursor``.
    """
    text = single(request, "cursor")
    if text is None:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(text.encode(), altchars=b"-_", validate=True), type=form)
    except UNREADABLE as exc:
        raise BadRequestError(
            "Parameter 'cursor' must be a 'nextCursor' of this list.", parameter="cursor"
        ) from exc


def encode_cursor(position: Any) -> str:
    """Return the opaque text for a position in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode()
