"""How we connect to SQLite: to a file, or to a database that lives in this process's memory.

A database in memory lasts as long as one connection to it, whatever the pools
do; whoever opens one keeps a connection for that alone.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sidecar.config.store_url import StoreAddress
from sidecar.store.engine.sqlite_driver import Connection as DriverConnection

BUSY_TIMEOUT_SECONDS: Final = 5.0
"""How long SQLite waits for another process that writes."""


def sqlite_url(driver: str, address: StoreAddress) -> URL:
    """Return the address as SQLAlchemy reads it."""
    return URL.create(driver, database=address.file, query={"uri": "true"} if address.is_memory else {})


def sqlite_engine(address: StoreAddress, *, size: int, begin: str) -> AsyncEngine:
    """Return so many connections, whose transactions begin with this statement."""
    engine = create_async_engine(
        sqlite_url("sqlite+aiosqlite", address),
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        # The driver begins no transactions by itself; we say when and how.
        connect_args={
            "timeout": BUSY_TIMEOUT_SECONDS,
            "isolation_level": None,
            "async_creator_fn": DriverConnection,
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def open_memory(address: StoreAddress) -> sqlite3.Connection:
    """Return the connection for which a database in memory lasts."""
    return sqlite3.connect(address.file or "", uri=True)


def create_private(path: Path) -> int:
    """Make sure that the file exists, readable by us alone if we make it; return its inode.

    SQLite gives the files beside it (``-wal``, ``-shm``) the same mode.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return path.stat().st_ino


def inode_of(path: Path) -> int | None:
    """Return which file is at the path; ``None``: none is."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
