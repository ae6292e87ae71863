"""How much a store holds, read without changing it."""

import asyncio
import os
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import func, inspect, select, text
from sqlalchemy.engine import Connection

from sidecar.config.store_url import StoreAddress
from sidecar.store.engine.failures import StoreUnavailableError, translated_errors
from sidecar.store.engine.inspection import read_without_change
from sidecar.store.engine.migration import newest_revision, revision_of
from sidecar.store.schema import metadata

_TIMEOUT_SECONDS: Final = 60
"""For one statement: a large table is counted row by row."""
_BESIDE: Final = ("", "-wal", "-shm")
"""What SQLite keeps in files of its own, behind the name of the file."""


class TableStats(msgspec.Struct, frozen=True, kw_only=True):
    """One table."""

    name: str
    rows: int


class StoreStats(msgspec.Struct, frozen=True, kw_only=True):
    """A whole store."""

    revision: str | None
    """Of the schema; ``None``: there is none yet."""
    newest_revision: str
    """The newest that this release knows."""
    size_bytes: int
    """Of SQLite's files, or of the tables and their indexes in PostgreSQL."""
    free_bytes: int | None
    """Of these, what SQLite uses next; ``None`` for PostgreSQL."""
    tables: tuple[TableStats, ...]
    """Of ours, those that there are, by name."""


async def read_stats(address: StoreAddress) -> StoreStats:
    """Count everything.

    Raises:
        StoreUnavailableError: If the database cannot be read, or is no file yet.
    """
    async with translated_errors():
        return await asyncio.to_thread(_measured, address)


def _measured(address: StoreAddress) -> StoreStats:
    if address.file is not None and not Path(address.file).is_file():
        raise StoreUnavailableError("missing")
    stats = read_without_change(address, _count, timeout_seconds=_TIMEOUT_SECONDS)
    if address.file is None:
        return stats
    files = [Path(f"{os.path.realpath(address.file)}{suffix}") for suffix in _BESIDE]
    return msgspec.structs.replace(
        stats, size_bytes=sum(file.stat().st_size for file in files if file.exists())
    )


def _count(connection: Connection) -> StoreStats:
    present = set(inspect(connection).get_table_names())
    ours = sorted(metadata.tables.keys() & present)
    is_sqlite = connection.dialect.name == "sqlite"
    return StoreStats(
        revision=revision_of(connection),
        newest_revision=newest_revision(),
        size_bytes=0 if is_sqlite else sum(_size_bytes(connection, name) for name in ours),
        free_bytes=_free_bytes(connection) if is_sqlite else None,
        tables=tuple(
            TableStats(
                name=name,
                rows=connection.execute(select(func.count()).select_from(metadata.tables[name])).scalar_one(),
            )
            for name in ours
        ),
    )


def _size_bytes(connection: Connection, table: str) -> int:
    size = connection.execute(text("SELECT pg_total_relation_size(to_regclass(:name))"), {"name": table})
    return int(size.scalar_one())


def _free_bytes(connection: Connection) -> int:
    pages, size = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("freelist_count", "page_size")
    )
    return int(pages * size)
