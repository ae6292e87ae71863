"""Reads a list of Litmus whole, page by page, while others may change it.

Litmus's sorting has no tie-breaker and its pages shift under writes, so rows
are told apart by id and a pass only counts if its total held still and every
row was seen. Pages shrink when Litmus cannot compute them.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from sidecar.domain.errors import UpstreamError, UpstreamProtocolError
from sidecar.litmus.wire.values import Page
from sidecar.runtime.turns import Work, in_slices

MAX_PASSES: Final = 3
SMALLEST_PAGE: Final = 5
PASSES_TO_RECOVER: Final = 10
MAX_ROWS: Final = 100_000


class Row(Protocol):
    """What all our rows have."""

    @property
    def updated_at_ms(self) -> int | None:
        """When Litmus last changed it."""


R = TypeVar("R", bound=Row)


class PageSize:
    """How many rows to ask for at once: halved on overload, doubled again after ten good readings."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._good = 0
        self.current = largest

    def shrink(self) -> bool:
        """Halve the size; ``False`` if it is as small as it may be."""
        self._good = 0
        if self.current <= SMALLEST_PAGE:
            return False
        self.current = max(SMALLEST_PAGE, self.current // 2)
        return True

    def passed(self) -> None:
        """Report that the whole list was read."""
        self._good += 1
        if self.current < self._largest and self._good >= PASSES_TO_RECOVER:
            self.current = min(self._largest, self.current * 2)
            self._good = 0


async def read_rows(
    first: Page[R],
    fetch: Callable[[int], Awaitable[Page[R]]],
    limit: int,
    identity: Callable[[R], str],
) -> tuple[R, ...]:
    """Return all rows in Litmus's order, each once, given the first page and how to fetch page *n*.

    A list that fits the first page is taken as it is: one page is one query
    and cannot disagree with itself.

    Raises:
        UpstreamError: From ``fetch``, or if no pass of three was consistent.
    """
    for attempt in range(MAX_PASSES):
        rows = await _read_once(first if attempt == 0 else await fetch(0), fetch, limit, identity)
        if rows is not None:
            return rows
    raise UpstreamError("The list kept changing in Litmus while it was read; it is read again next time.")


async def _read_once(
    first: Page[R],
    fetch: Callable[[int], Awaitable[Page[R]]],
    limit: int,
    identity: Callable[[R], str],
) -> tuple[R, ...] | None:
    if first.total > MAX_ROWS:
        raise UpstreamProtocolError(f"Litmus lists more than {MAX_ROWS} rows; that many are not read.")
    pages = [first]
    while len(pages) * limit < first.total:
        page = await fetch(len(pages))
        if page.total != first.total or not page.rows:
            return None
        pages.append(page)
    rows = await in_slices(_newest(pages, identity))
    nulls = sum(page.rows - len(page.items) for page in pages)
    if len(pages) > 1 and len(rows) + nulls != first.total:
        return None
    return rows


def _newest(pages: Sequence[Page[R]], identity: Callable[[R], str]) -> Work[tuple[R, ...]]:
    by_id: dict[str, R] = {}
    for page in pages:
        for row in page.items:
            known = by_id.get(identity(row))
            if known is None or (row.updated_at_ms or 0) > (known.updated_at_ms or 0):
                by_id[identity(row)] = row
        yield
    return tuple(by_id.values())
