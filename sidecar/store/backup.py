"""A copy of a SQLite store while a service uses it, and the way back.

SQLite copies by itself, in one transaction: what is written meanwhile is wholly
in the copy or not at all, and a copy that breaks off leaves what was there.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sidecar.domain.errors import StoreError
from sidecar.store.engine.failures import sentence_of
from sidecar.store.engine.ownership import FileHeldError, FileOwnership
from sidecar.store.engine.sqlite import BUSY_TIMEOUT_SECONDS, create_private

_REVISION: Final = "SELECT version_num FROM alembic_version"


def back_up(file: Path, target: Path) -> str:
    """Write a copy into a new file, which we alone may read; return the revision of its schema.

    Raises:
        StoreError: If the file is no store, the target exists, or one of them cannot be used.
    """
    _require(file)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        raise StoreError(f"{target} exists already; name a new file.") from None
    except OSError as exc:
        raise StoreError(f"{target} cannot be created: {exc.strerror}.") from exc
    try:
        revision = _copy(file, target)
        with _opened(target) as copy:
            # One file, without one to write ahead into.
            copy.execute("PRAGMA journal_mode=DELETE").close()
    except BaseException:
        target.unlink()
        raise
    return revision


def restore(source: Path, file: Path, *, replace: bool) -> str:
    """Make a store of a backup; return the revision of its schema. The next start brings it up to date.

    Args:
        source: What :func:`back_up` wrote.
        file: The store.
        replace: Whether a store that is there may be overwritten.

    Raises:
        StoreError: If a service uses the store, there is one that may not be overwritten, the source is
            none, or one of them cannot be used.
    """
    _require(source)
    with _owned(file):
        is_new = not file.exists()
        if not is_new and source.samefile(file):
            raise StoreError(f"{source} is the store itself.")
        if not is_new and file.stat().st_size and not replace:
            raise StoreError(f"{file} has a store already; add --replace to overwrite it.")
        create_private(file)
        try:
            return _copy(source, file)
        except BaseException:
            if is_new:
                file.unlink()
            raise


@contextmanager
def _owned(file: Path) -> Iterator[None]:
    """Keep services off the file."""
    ownership = FileOwnership(file)
    try:
        reason = ownership.take()
    except FileHeldError:
        raise StoreError(f"{file} is in use by a service that runs; end that first.") from None
    if reason is not None:
        raise StoreError(f"Nobody can tell whether a service uses {file}: its lock cannot be had ({reason}).")
    try:
        yield
    finally:
        ownership.release()


def _require(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"{file} does not exist or is no file.")


def _copy(source: Path, target: Path) -> str:
    with _opened(source) as read:
        revision = _revision(read, source)
        if read.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise StoreError(f"{source} is damaged.")
        with _opened(target) as written:
            read.backup(written)
    return revision


def _revision(connection: sqlite3.Connection, file: Path) -> str:
    try:
        row = connection.execute(_REVISION).fetchone()
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorname != "SQLITE_ERROR":
            raise
        row = None
    if row is None:
        raise StoreError(f"{file} is no store of the sidecar.")
    return str(row[0])


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that exists; what SQLite says of it becomes a sentence of ours."""
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_SECONDS)
        ) as connection:
            yield connection
    except sqlite3.Error as exc:
        raise StoreError(f"{file} cannot be used. {sentence_of(exc)}") from exc
