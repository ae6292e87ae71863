"""Brings a database's schema up to date, once, whoever starts at the same time.

Mostly there is nothing to do; that is seen without Alembic, whose import takes longer
than everything else about a store that is opened.
"""

import functools
import sqlite3
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, column, create_engine, event, inspect, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from sidecar.config.store_url import StoreAddress
from sidecar.store.engine.postgresql import single_use_engine
from sidecar.store.engine.sqlite import sqlite_url

T = TypeVar("T")

SCRIPTS: Final = Path(__file__).parents[1] / "migrations"
WAIT_SECONDS: Final = 60.0
"""Longest to wait for another process that migrates."""

_VERSION: Final = table("alembic_version", column("version_num"))
"""Where Alembic notes the revision."""
_one_at_a_time: Final = threading.Lock()


class SchemaState(Enum):
    """How the schema of a database stands to that of this release."""

    ABSENT = auto()
    OLDER = auto()
    CURRENT = auto()
    NEWER = auto()


def migrate(address: StoreAddress) -> None:
    """Run what is missing, in one transaction under a lock.

    A database whose revision we do not know was migrated by a newer release;
    it is left as it is, since newer releases only add.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If the database cannot be used.
    """
    with _one_at_a_time:
        # Looked at without the lock first: a restart, a further replica or a database that is back
        # mostly finds nothing to do, and must not wait for whoever writes.
        if _with_connection(address, "BEGIN", _is_current):
            return
        _with_connection(address, "BEGIN EXCLUSIVE", _upgrade)


def _with_connection(address: StoreAddress, begin: str, use: Callable[[Connection], T]) -> T:
    """Open the database for one transaction, which begins with this statement on SQLite.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If the database cannot be used.
    """
    engine = _engine(address, begin)
    try:
        with engine.begin() as connection:
            return use(connection)
    finally:
        engine.dispose()


@functools.cache
def known_revisions() -> tuple[str, ...]:
    """Return all revisions, the newest last: the names of their scripts begin with them, as ``s0001_``."""
    return tuple(sorted(path.name[1:5] for path in (SCRIPTS / "versions").glob("s[0-9]*.py")))


def newest_revision() -> str:
    """Return the revision that a migration leads to."""
    return known_revisions()[-1]


def revision_of(connection: Connection) -> str | None:
    """Return which revision a database is at; ``None``: none of ours."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    revision: str | None = connection.scalar(select(_VERSION))
    return revision


def schema_state(connection: Connection) -> SchemaState:
    """Return how the database's schema stands to ours; a revision we do not know is a newer release's."""
    current = revision_of(connection)
    if current is None:
        return SchemaState.ABSENT
    if current not in known_revisions():
        return SchemaState.NEWER
    return SchemaState.CURRENT if current == newest_revision() else SchemaState.OLDER


def _is_current(connection: Connection) -> bool:
    return schema_state(connection) in {SchemaState.CURRENT, SchemaState.NEWER}


def _upgrade(connection: Connection) -> None:
    from sidecar.store.engine.upgrade import lock, upgrade  # noqa: PLC0415 - Alembic, for those who need it

    lock(connection)
    if not _is_current(connection):
        upgrade(connection, SCRIPTS)


def _engine(address: StoreAddress, begin: str) -> Engine:
    if address.file is None:
        return single_use_engine(address, statement_timeout_ms=int(WAIT_SECONDS * 1000))
    engine = create_engine(
        sqlite_url("sqlite", address),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": WAIT_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def use_wal(connection: Any, _record: Any) -> None:
        _use_wal(connection)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _use_wal(connection: Any) -> None:
    """Switch the file to WAL, which it then stays in; SQLite does not wait for its lock by itself here."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
