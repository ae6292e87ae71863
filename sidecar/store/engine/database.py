"""One database: its engines and transactions, its errors in our words.

SQLite, in a file or in memory, or PostgreSQL; what differs between them is here
and in ``migration``, so that the statements elsewhere are the same. No
exception of a driver leaves this module (see ``failures``).

SQLite's file runs in WAL mode with ``synchronous=NORMAL``: a killed process loses
nothing that was committed; a power cut may lose the last commits, never the
database's consistency.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    extract,
    func,
    literal,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sidecar.config.store_url import StoreAddress
from sidecar.domain.errors import StoreError
from sidecar.domain.unix_time import to_ms
from sidecar.store.engine.connection_pool import PATIENCE_SECONDS, ConnectionPool
from sidecar.store.engine.failures import StoreUnavailableError, translated_errors
from sidecar.store.engine.migration import migrate
from sidecar.store.engine.postgresql import connect_args, use_transactions
from sidecar.store.engine.sqlite import create_private, inode_of, open_memory, sqlite_engine
from sidecar.store.engine.sqlite_driver import BEGIN, BEGIN_WRITING

OPERATION_TIMEOUT_SECONDS: Final = 20.0
"""Longest a transaction may take before the database counts as gone."""
STATEMENT_TIMEOUT_MS: Final = 15_000
POOL_SIZE: Final = 5
READERS: Final = 2

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Observe(Protocol):
    """Told of every transaction."""

    def __call__(self, operation: str, failure: str | None, seconds: float) -> None:
        """Count a transaction: ``read`` or ``write``, an error's code or ``None``, its time.

        The time includes waiting for a turn.
        """


class Database:
    """Connections to one database; nothing is opened before it is used."""

    def __init__(
        self,
        address: StoreAddress,
        observe: Observe | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.is_sqlite: Final = address.file is not None
        self.description: Final = address.description
        self._address = address
        self._observe = observe or _ignore
        self._file = None if address.is_memory or address.file is None else Path(address.file)
        self._inode: int | None = None
        """Of the SQLite file we opened; a file put in its place is another database."""
        self._memory: sqlite3.Connection | None = None
        """What keeps a database in memory; everything goes through one more connection, in turn."""
        new_pool = partial(ConnectionPool, patience_seconds=patience_seconds)
        if self.is_sqlite:
            new_pool = partial(new_pool, interruptions=0)
            self._writer = new_pool(partial(sqlite_engine, address, size=1, begin=BEGIN_WRITING), 1)
            self._reader = self._writer
            if not address.is_memory:
                self._reader = new_pool(partial(sqlite_engine, address, size=READERS, begin=BEGIN), READERS)
        else:
            self._writer = self._reader = new_pool(partial(_postgresql_engine, address), POOL_SIZE)

    async def open(self) -> None:
        """Bring the schema up to date (again, after an outage).

        Raises:
            StoreUnavailableError: If that is not possible now.
        """
        await self._close_pools()
        async with translated_errors():
            if self._address.is_memory:
                self._memory = self._memory or open_memory(self._address)
            elif self._file is not None:
                self._inode = create_private(self._file)
            await asyncio.to_thread(migrate, self._address)

    async def close(self) -> None:
        """Close all connections, those in use after they are given back; later use opens new ones."""
        await self._close_pools()
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    async def _close_pools(self) -> None:
        await self._reader.close()
        if self._writer is not self._reader:
            await self._writer.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads.

        Raises:
            StoreUnavailableError: If the database cannot be used.
        """
        async with self._transaction("read", self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; committed at the end, rolled back on any exception.

        Raises:
            StoreUnavailableError: If the database cannot be used.
            StoreError: If it refused a value.
        """
        async with self._transaction("write", self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, operation: str, pool: ConnectionPool) -> AsyncIterator[AsyncConnection]:
        started = perf_counter()
        failure: str | None = None
        try:
            async with translated_errors(), asyncio.timeout(OPERATION_TIMEOUT_SECONDS), pool.turns:
                self._check_file()
                async with pool.transaction() as connection:
                    yield connection
        except StoreUnavailableError as exc:
            failure = exc.code
            if operation == "read" and exc.is_readable:
                # What is said of writing elsewhere kept us from reading here.
                raise StoreUnavailableError(exc.reason, while_reading=True) from exc
            raise
        except StoreError as exc:
            failure = exc.code
            raise
        finally:
            self._observe(operation, failure, perf_counter() - started)

    def _check_file(self) -> None:
        """Refuse a file that was deleted or replaced under us: what we wrote would be lost unseen."""
        if self._file is not None and inode_of(self._file) != self._inode:
            raise StoreUnavailableError("missing")

    def now_ms(self, ours: datetime) -> ColumnElement[int]:
        """Return the time: the database's on PostgreSQL, which replicas share; ours on SQLite."""
        if self.is_sqlite:
            return literal(to_ms(ours), BigInteger)
        return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

    @property
    def now(self) -> ColumnElement[int]:
        """The same for a statement that is built once and given :meth:`now_values`."""
        return bindparam("now_ms", type_=BigInteger()) if self.is_sqlite else self.now_ms(_EPOCH)

    def now_values(self, ours: datetime) -> dict[str, Any]:
        """Return what a statement with :attr:`now` is given."""
        return {"now_ms": to_ms(ours)} if self.is_sqlite else {}

    def insert(self, table: Table) -> Any:
        """Return an INSERT that knows ``on_conflict_…``, the same on both engines."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Return whether a column of whole numbers or texts is one of the list given under the name.

        PostgreSQL is given the list as one value, so that the statement has the same words for every length.
        """
        if self.is_sqlite:
            return column.in_(bindparam(name, expanding=True))
        kind = BigInteger() if isinstance(column.type, Integer) else Text()
        return column == any_(bindparam(name, type_=postgresql.ARRAY(kind)))

    async def lock(self, connection: AsyncConnection, number: int) -> None:
        """Keep others with this number out until the transaction ends (SQLite has one writer anyway)."""
        if not self.is_sqlite:
            await connection.execute(func.pg_advisory_xact_lock(number).select())


def _ignore(operation: str, failure: str | None, seconds: float) -> None:
    """Take no notice."""


def _postgresql_engine(address: StoreAddress) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+psycopg://",
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=connect_args(address, tcp_user_timeout=STATEMENT_TIMEOUT_MS),
    )
    use_transactions(engine.sync_engine, address, statement_timeout_ms=STATEMENT_TIMEOUT_MS)
    return engine
