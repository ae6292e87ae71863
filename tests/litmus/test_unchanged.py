"""Rows read again: what says the same stays the same object, and nobody waits for the comparison."""

import asyncio
from operator import attrgetter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidecar.litmus.reading.unchanged import AT_ONCE, known_rows


class Row(msgspec.Struct, frozen=True):
    id: str
    said: int


ROWS = st.lists(st.builds(Row, st.sampled_from("abcdef"), st.integers(0, 1)), unique_by=lambda row: row.id)


@given(ROWS, ROWS)
def test_rows_are_as_read_and_objects_as_known(read: list[Row], before: list[Row]) -> None:
    known = {row.id: row for row in before}

    rows = asyncio.run(known_rows(read, before, attrgetter("id")))

    assert list(rows) == read
    assert all(row is known[row.id] for row in rows if known.get(row.id) == row)


async def test_a_list_that_says_the_same_is_the_list_that_was_known() -> None:
    before = (Row("a", 1), Row("b", 2))

    assert await known_rows((Row("a", 1), Row("b", 2)), before, attrgetter("id")) is before
    assert await known_rows((Row("b", 2), Row("a", 1)), before, attrgetter("id")) is not before


async def test_others_have_their_turn_while_thousands_are_compared() -> None:
    rows = tuple(Row(str(number), number) for number in range(4 * AT_ONCE))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    await known_rows(rows, (), attrgetter("id"))
    counting.cancel()

    assert turns >= 4
