"""The connection under SQLAlchemy: one turn of its thread for each statement."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sidecar.store.engine.sqlite_driver import Connection


class Counting(Connection):
    turns = 0

    async def in_thread(self, function: Callable[[sqlite3.Connection], None]) -> None:
        self.turns += 1
        await super().in_thread(function)


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Counting]:
    opened = Counting(tmp_path / "some.db", isolation_level=None, timeout=0.01)
    assert await opened is opened
    yield opened
    await opened.close()


async def test_a_statement_takes_one_turn_with_all_that_it_returns(connection: Counting) -> None:
    cursor = connection.cursor()
    await cursor.execute("SELECT 1 AS one UNION ALL SELECT ?", (2,))
    assert [column[0] for column in cursor.description] == ["one"]
    assert list(await cursor.fetchall()) == [(1,), (2,)]
    assert list(await cursor.fetchall()) == []

    assert connection.turns == 1


async def test_what_was_written_is_counted_whether_or_not_it_is_returned(connection: Counting) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE words (word TEXT)")
    await cursor.executemany("INSERT INTO words VALUES (?)", [("a",), ("b",)])
    assert (cursor.rowcount, cursor.description) == (2, None)
    await cursor.execute("UPDATE words SET word = word || '!' RETURNING word")
    assert cursor.rowcount == 2
    assert sorted(await cursor.fetchall()) == [("a!",), ("b!",)]

    assert connection.turns == 3


async def test_a_transaction_begins_in_the_turn_of_its_first_statement(connection: Counting) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE words (word TEXT)")
    connection.turns = 0
    await cursor.execute("BEGIN IMMEDIATE")
    assert (connection.in_transaction, connection.turns) == (False, 0)
    await cursor.execute("INSERT INTO words VALUES ('a')")
    assert (connection.in_transaction, connection.turns) == (True, 1)
    await connection.rollback()
    await cursor.execute("SELECT * FROM words")
    assert (list(await cursor.fetchall()), connection.turns) == ([], 3)


async def test_what_has_nothing_to_end_takes_no_turn(connection: Counting) -> None:
    cursor = connection.cursor()
    for end in (connection.commit, connection.rollback):
        await end()
        await cursor.execute("BEGIN")
        await end()
    assert connection.turns == 0
    # And what was never begun is not begun by the next statement.
    await cursor.execute("SELECT 1")
    assert not connection.in_transaction


async def test_no_statement_is_executed_outside_of_a_transaction_that_cannot_begin(
    connection: Counting, tmp_path: Path
) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE words (word TEXT)")
    other = sqlite3.connect(tmp_path / "some.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        await cursor.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            # Reading would be possible.
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                await cursor.execute("SELECT * FROM words")
        other.rollback()
        await cursor.execute("INSERT INTO words VALUES ('a')")
        assert connection.in_transaction
        await connection.commit()
        assert other.execute("SELECT word FROM words").fetchall() == [("a",)]
    finally:
        other.close()


async def test_a_refused_statement_leaves_nothing_open(connection: Counting) -> None:
    cursor = connection.cursor()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await cursor.execute("SELECT * FROM elsewhere")
    for _ in range(2):
        await cursor.execute("BEGIN IMMEDIATE")
        await cursor.execute("SELECT 1")
        assert connection.in_transaction
        await connection.rollback()
        assert not connection.in_transaction
