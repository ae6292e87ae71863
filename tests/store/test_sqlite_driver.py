"""The connection under SQLAlchemy: one turn of its thread for each statement."""

import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from sidecar.store.engine.sqlite_driver import Connection


class Counting(Connection):
    turns = 0

    async def in_thread(self, function: partial[None]) -> None:
        self.turns += 1
        await super().in_thread(function)


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Counting]:
    opened = Counting(tmp_path / "some.db", isolation_level=None)
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


async def test_a_refused_statement_leaves_nothing_open(connection: Counting) -> None:
    cursor = connection.cursor()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await cursor.execute("SELECT * FROM elsewhere")
    await cursor.execute("BEGIN IMMEDIATE")
    await connection.rollback()
    await cursor.execute("BEGIN IMMEDIATE")
    assert list(await cursor.fetchall()) == []
    await connection.rollback()
