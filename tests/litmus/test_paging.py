"""A list is read whole, although its pages shift while it is read."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import UpstreamError, UpstreamProtocolError
from sidecar.litmus.reading.paging import PageSize, read_rows
from sidecar.litmus.wire.values import Page


class Row(msgspec.Struct, frozen=True):
    name: str
    updated_at_ms: int | None = None


class Pages:
    """Serves lists one page at a time; each pass over page 0 moves on to the next list."""

    def __init__(self, *lists: Sequence[Row], limit: int = 2) -> None:
        self.lists = [list(rows) for rows in lists]
        self.limit = limit
        self.asked: list[int] = []

    def page(self, number: int) -> Page[Row]:
        rows = self.lists[0][number * self.limit : (number + 1) * self.limit]
        return Page(total=len(self.lists[0]), rows=len(rows), items=tuple(rows))

    async def fetch(self, number: int) -> Page[Row]:
        self.asked.append(number)
        if number == 0:
            self.lists = self.lists[1:] or self.lists
        return self.page(number)

    async def read(self, first: Page[Row] | None = None) -> list[str]:
        rows = await read_rows(first or self.page(0), self.fetch, self.limit, lambda row: row.name)
        return [row.name for row in rows]


def rows(names: str) -> list[Row]:
    return [Row(name) for name in names]


async def test_a_list_of_one_page_asks_for_nothing_more() -> None:
    pages = Pages(rows("ab"))

    assert await pages.read() == ["a", "b"]
    assert pages.asked == []


async def test_further_pages_are_asked_one_by_one() -> None:
    pages = Pages(rows("abcde"))

    assert await pages.read() == list("abcde")
    assert pages.asked == [1, 2]


async def test_one_page_is_trusted_whatever_its_total_says() -> None:
    pages = Pages(rows("a"))

    assert await pages.read(Page(total=2, rows=1, items=(Row("a"),))) == ["a"]


async def test_a_total_that_changes_on_the_way_reads_again() -> None:
    pages = Pages(rows("abc"), rows("bcd"))
    first = Page(total=4, rows=2, items=(Row("x"), Row("a")))

    assert await pages.read(first) == ["b", "c", "d"]
    assert pages.asked == [1, 0, 1]


async def test_a_row_seen_twice_means_another_was_missed() -> None:
    pages = Pages(rows("abc"), rows("abc"))
    shifted = Page(total=3, rows=2, items=(Row("b"), Row("c")))

    assert await pages.read(shifted) == ["a", "b", "c"]


async def test_null_rows_count_as_seen() -> None:
    pages = Pages(rows("abc"))

    assert await pages.read(Page(total=3, rows=2, items=(Row("a"),))) == ["a", "c"]


async def test_a_list_that_never_holds_still_is_an_error() -> None:
    pages = Pages(rows("aab"))

    with pytest.raises(UpstreamError, match="kept changing"):
        await pages.read()
    assert pages.asked == [1, 0, 1, 0, 1]


async def test_an_empty_page_before_the_end_does_not_go_on_for_ever() -> None:
    asked: list[int] = []
    first = Page(total=9, rows=2, items=tuple(rows("ab")))

    async def fetch(number: int) -> Page[Row]:
        asked.append(number)
        return first if number == 0 else Page(total=9, rows=0, items=())

    with pytest.raises(UpstreamError, match="kept changing"):
        await read_rows(first, fetch, 2, lambda row: row.name)
    assert asked == [1, 0, 1, 0, 1]


async def test_an_absurd_total_is_refused() -> None:
    pages = Pages(rows("ab"))

    with pytest.raises(UpstreamProtocolError):
        await pages.read(Page(total=10**9, rows=2, items=tuple(rows("ab"))))
    assert pages.asked == []


async def test_of_two_rows_with_one_id_the_newer_stays() -> None:
    page = Page(total=2, rows=2, items=(Row("a", 1), Row("a", 2)))

    (row,) = await read_rows(page, Pages(rows("")).fetch, 2, lambda row: row.name)

    assert row.updated_at_ms == 2


@given(count=st.integers(min_value=0, max_value=60), limit=st.integers(min_value=1, max_value=20))
async def test_a_list_that_holds_still_is_read_whole_at_any_page_size(count: int, limit: int) -> None:
    names = [str(number) for number in range(count)]
    pages = Pages([Row(name) for name in names], limit=limit)

    assert await pages.read() == names


def test_a_page_size_halves_down_to_five() -> None:
    size = PageSize(100)
    seen = []
    while size.shrink():
        seen.append(size.current)

    assert seen == [50, 25, 12, 6, 5]


def test_a_page_size_recovers_after_ten_good_readings() -> None:
    size = PageSize(100)
    size.shrink()
    for _ in range(9):
        size.passed()
    before = size.current
    size.passed()

    assert (before, size.current) == (50, 100)


def test_an_overload_starts_the_count_of_good_readings_again() -> None:
    size = PageSize(100)
    size.shrink()
    for _ in range(9):
        size.passed()
    size.shrink()
    size.passed()

    assert size.current == 25
