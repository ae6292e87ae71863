"""Rows read again: what says the same stays the same object, and nobody waits for the comparison."""

from operator import attrgetter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidecar.litmus.reading.unchanged import AT_ONCE, known_rows
from tests.support.pieces import pieces


class Row(msgspec.Struct, frozen=True):
    id: str
    said: int


ROWS = st.lists(st.builds(Row, st.sampled_from("abcdef"), st.integers(0, 1)), unique_by=lambda row: row.id)


@given(ROWS, ROWS)
def test_rows_are_as_read_and_objects_as_known(read: list[Row], before: list[Row]) -> None:
    known = {row.id: row for row in before}

    rows = known_rows(read, before, attrgetter("id"))

    assert list(rows) == read
    assert all(row is known[row.id] for row in rows if known.get(row.id) == row)


def test_a_list_that_says_the_same_is_the_list_that_was_known() -> None:
    before = (Row("a", 1), Row("b", 2))

    assert known_rows((Row("a", 1), Row("b", 2)), before, attrgetter("id")) is before
    assert known_rows((Row("b", 2), Row("a", 1)), before, attrgetter("id")) is not before


def test_others_may_have_their_turn_while_thousands_are_compared() -> None:
    rows = tuple(Row(str(number), number) for number in range(4 * AT_ONCE))

    assert pieces(known_rows.work(rows, (), attrgetter("id"))) >= 4
