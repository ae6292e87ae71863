"""What a start will find of a database, seen without a change: no file is made, none is locked."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from sidecar.config.store_url import StoreAddress
from sidecar.store.engine.failures import StoreUnavailableError, translated_errors
from sidecar.store.engine.migration import SchemaState, schema_state
from sidecar.store.engine.postgresql import single_use_engine
from sidecar.store.schema import metadata

T = TypeVar("T")

_RIGHTS: Final = text(
    "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE NOT ("
    "has_table_privilege(to_regclass(name)::oid, 'SELECT') AND "
    "has_table_privilege(to_regclass(name)::oid, 'INSERT') AND "
    "has_table_privilege(to_regclass(name)::oid, 'UPDATE') AND "
    "has_table_privilege(to_regclass(name)::oid, 'DELETE'))"
)
"""Those of our tables that are there and may not be used."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was seen."""

    schema: SchemaState
    lacks: Sequence[str] = ()
    """What our user may not, and must, in words that go on after 'may not'."""
    free_bytes: int | None = None
    """Space left beside a SQLite file; ``None``: of a server's disk nothing is known."""


async def inspect(address: StoreAddress) -> Inspection:
    """Look at a database in a file or on a server.

    Raises:
        StoreUnavailableError: If it cannot be read, or has no place where it could be made.
    """
    async with translated_errors():
        if address.file is not None:
            return await asyncio.to_thread(_inspect_file, address, Path(address.file))
        return await asyncio.to_thread(read_without_change, address, _inspect_session)


def read_without_change(
    address: StoreAddress, use: Callable[[Connection], T], *, timeout_seconds: int = 5
) -> T:
    """Return what is read of a database in one transaction, without a change of it. Blocks.

    Args:
        address: A file that is there, or a server.
        use: What reads.
        timeout_seconds: Longest that a statement takes, or waits for whoever writes.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If it cannot be read.
    """
    engine = _engine(address, timeout_seconds)
    try:
        with engine.connect() as connection:
            return use(connection)
    finally:
        engine.dispose()


def _engine(address: StoreAddress, timeout_seconds: int) -> Engine:
    if address.file is None:
        return single_use_engine(address, statement_timeout_ms=timeout_seconds * 1000)
    # A link leads to where SQLite keeps the files beside it, too.
    file = Path(os.path.realpath(address.file))
    engine = create_engine("sqlite://", creator=lambda: _opened(file, timeout_seconds), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _opened(file: Path, timeout_seconds: int) -> sqlite3.Connection:
    """Open a file for reading alone.

    Where nobody has it open it is taken for unchanging: SQLite would make the files beside it, and the
    service, which may be another user, could not write them.
    """
    in_use = all(Path(f"{file}{suffix}").exists() for suffix in ("-wal", "-shm"))
    mode = "mode=ro" if in_use else "immutable=1"
    return sqlite3.connect(
        f"file:{quote(str(file))}?{mode}", uri=True, timeout=timeout_seconds, isolation_level=None
    )


def _inspect_file(address: StoreAddress, file: Path) -> Inspection:
    file = Path(os.path.realpath(file))
    directory = file.parent
    if not directory.is_dir():
        raise StoreUnavailableError("missing")
    lacks = []
    if not os.access(directory, os.W_OK | os.X_OK):
        lacks.append(f"make files in {directory}")
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        lacks.append(f"read and write {file}")
    free_bytes = shutil.disk_usage(directory).free
    schema = SchemaState.ABSENT
    if file.exists() and os.access(file, os.R_OK):
        schema = read_without_change(address, schema_state)
    return Inspection(schema=schema, lacks=lacks, free_bytes=free_bytes)


def _inspect_session(connection: Connection) -> Inspection:
    schema = schema_state(connection)
    lacks = []
    if connection.scalar(text("SELECT current_setting('transaction_read_only') = 'on'")):
        lacks.append("write: the server only reads, as a standby does")
    elif schema in {SchemaState.ABSENT, SchemaState.OLDER} and not connection.scalar(
        # Without a schema in its search path there is none where tables would be made.
        text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
    ):
        lacks.append("make tables in the schema")
    refused = connection.scalars(_RIGHTS, {"names": sorted(metadata.tables)}).all()
    if refused:
        lacks.append(f"use the table{'' if len(refused) == 1 else 's'} {', '.join(refused)}")
    return Inspection(schema=schema, lacks=lacks)
