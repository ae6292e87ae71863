"""A connection of aiosqlite whose statements take one turn of its thread each, not five.

SQLite's calls are made in a thread, and a turn there costs the event loop more than
most of our statements cost SQLite. The driver takes one each to make a cursor, execute,
fetch and close; here all of that happens in one.
"""

import sqlite3
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Self

import aiosqlite

_CHUNK: Final = 64
"""Rows that an iteration over a cursor would fetch at once; nobody iterates."""


class _Cursor:
    """What SQLAlchemy uses of a cursor; once it executed, its rows are here and SQLite's cursor is closed."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Execute one statement and fetch all that it returns."""
        await self._connection.in_thread(partial(self._run, "execute", sql, parameters))
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        """Execute one statement with many parameters."""
        await self._connection.in_thread(partial(self._run, "executemany", sql, parameters))
        return self

    async def fetchall(self) -> Sequence[Any]:
        """Return what the statement returned."""
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        """Forget the rows; nothing is open."""
        self._rows = ()

    def _run(self, method: str, sql: str, parameters: Iterable[Any], connection: sqlite3.Connection) -> None:
        cursor = connection.cursor()
        try:
            getattr(cursor, method)(sql, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else ()
            # SQLite knows of RETURNING how many rows were written once all of them were fetched.
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class Connection(aiosqlite.Connection):
    """A connection for SQLAlchemy."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(partial(sqlite3.connect, *arguments, **options), _CHUNK)
        # A statement that hangs keeps no process from its end.
        self._thread.daemon = True

    def cursor(self) -> Any:
        """Return a cursor; that takes no turn."""
        return _Cursor(self)

    async def in_thread(self, function: partial[None]) -> None:
        """Do it in the connection's thread."""
        executed: Awaitable[None] = self._execute(function, self._conn)  # type: ignore[no-untyped-call]
        await executed
