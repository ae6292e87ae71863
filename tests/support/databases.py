"""New databases that are migrated already: the schema is built once, and every test gets a copy."""

import functools
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from sidecar.config.store_url import MEMORY_URL, StoreAddress, parse_url
from sidecar.domain.ports import Clock
from sidecar.store.engine.migration import migrate
from sidecar.store.engine.sqlite import open_memory
from sidecar.store.store import Store, open_store


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "template.db"
        migrate(parse_url(f"sqlite:///{path}"))
        return path.read_bytes()


def new_file(path: Path) -> None:
    """Write a SQLite database without rows, unless there is a file; as the store would, for us alone."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(_migrated())


@functools.cache
def _migrated_memory() -> sqlite3.Connection:
    """A database in memory without rows, kept for as long as the process."""
    address = parse_url(MEMORY_URL)
    kept = open_memory(address)
    migrate(address)
    return kept


@contextmanager
def new_memory() -> Iterator[StoreAddress]:
    """A database in memory without rows, for as long as this or a store has it open."""
    address = parse_url(MEMORY_URL)
    with closing(open_memory(address)) as kept:
        _migrated_memory().backup(kept)
        yield address


@asynccontextmanager
async def open_memory_store(clock: Clock, **options: Any) -> AsyncIterator[Store]:
    """The store that keeps nothing, as the service opens it, but for the time that its schema takes."""
    with new_memory() as address:
        async with open_store(address, clock=clock, **options) as store:
            yield store


def spare_migration(address: StoreAddress) -> None:
    """Put a migrated file where this store would make one; a server's database is left as it is."""
    if address.file is not None:
        new_file(Path(address.file))
