"""A connection of aiosqlite whose statements take one turn of its thread each, not five.

SQLite's calls are made in a thread, and a turn there costs the event loop more than
most of our statements cost SQLite. The driver takes one each to make a cursor, execute,
fetch and close; here all of that happens in one. A transaction begins in the turn of its
first statement, and what has nothing to end takes no turn.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Self

import aiosqlite

BEGIN: Final = "BEGIN"
"""Begins a transaction that takes no lock before it reads or writes."""
BEGIN_WRITING: Final = "BEGIN IMMEDIATE"
"""Begins one that takes the lock of who writes at once, with its first statement."""
_BEGINNINGS: Final = frozenset({BEGIN, BEGIN_WRITING})

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
        """Execute one statement and fetch all that it returns; a beginning waits for the next one."""
        if sql in _BEGINNINGS:
            self._connection.beginning = sql
            return self
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
            self._connection.begin(cursor)
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
        self.beginning: str | None = None
        """How the transaction begins whose first statement is still to come."""

    def cursor(self) -> Any:
        """Return a cursor; that takes no turn."""
        return _Cursor(self)

    def begin(self, cursor: sqlite3.Cursor) -> None:
        """Begin the transaction that is still to begin, in the connection's thread.

        If that fails it is still to begin: no statement of it is executed outside of it.
        """
        if self.beginning is not None:
            cursor.execute(self.beginning)
            self.beginning = None

    async def commit(self) -> None:
        """Commit, in one turn, what there is to commit."""
        self.beginning = None
        if self.in_transaction:
            await self.in_thread(sqlite3.Connection.commit)

    async def rollback(self) -> None:
        """Roll back, in one turn, what there is to roll back."""
        self.beginning = None
        if self.in_transaction:
            await self.in_thread(sqlite3.Connection.rollback)

    async def in_thread(self, function: Callable[[sqlite3.Connection], None]) -> None:
        """Do it in the connection's thread."""
        executed: Awaitable[None] = self._execute(function, self._conn)  # type: ignore[no-untyped-call]
        await executed
