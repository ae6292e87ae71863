"""Brings a database's schema up to date, once, whoever starts at the same time.

Alembic without its files of configuration: the scripts ship in the package.
It runs in a thread of its own connection, because Alembic is synchronous and
keeps its state in module globals.
"""

import functools
import sqlite3
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, func
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from sidecar.config.store_url import StoreAddress
from sidecar.store.engine.postgresql import single_use_engine
from sidecar.store.engine.sqlite import sqlite_url
from sidecar.store.schema import metadata

T = TypeVar("T")

SCRIPTS: Final = Path(__file__).parents[1] / "migrations"
LOCK: Final = 0x6C69746D7573
"""Number of PostgreSQL's advisory lock around migrations."""
WAIT_SECONDS: Final = 60.0
"""Longest to wait for another process that migrates."""

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


def migration_scripts() -> tuple[Config, ScriptDirectory]:
    """Return where the migrations are, as Alembic wants to know it."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


@functools.cache
def _revisions() -> tuple[str | None, frozenset[str]]:
    """Return the newest revision, and all that we know: looked for once, for each is a file."""
    _, scripts = migration_scripts()
    return scripts.get_current_head(), frozenset(script.revision for script in scripts.walk_revisions())


def newest_revision() -> str:
    """Return the revision that a migration leads to."""
    head, _ = _revisions()
    return head or ""


def revision_of(connection: Connection) -> str | None:
    """Return which revision a database is at; ``None``: none of ours."""
    return MigrationContext.configure(connection).get_current_revision()


def schema_state(connection: Connection) -> SchemaState:
    """Return how the database's schema stands to ours; a revision we do not know is a newer release's."""
    current = revision_of(connection)
    head, known = _revisions()
    if current is None:
        return SchemaState.ABSENT
    if current not in known:
        return SchemaState.NEWER
    return SchemaState.CURRENT if current == head else SchemaState.OLDER


def _is_current(connection: Connection) -> bool:
    return schema_state(connection) in {SchemaState.CURRENT, SchemaState.NEWER}


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(func.pg_advisory_xact_lock(LOCK).select())
    if _is_current(connection):
        return
    config, scripts = migration_scripts()

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 - as alembic.command does; there is no public name

    with EnvironmentContext(config, scripts, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()


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
