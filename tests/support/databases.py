"""New databases that are migrated already: the schema is built once, and every test gets a copy."""

import functools
import os
import tempfile
from pathlib import Path

from sidecar.config.store_url import StoreAddress, parse_url
from sidecar.store.engine.migration import migrate


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


def spare_migration(address: StoreAddress) -> None:
    """Put a migrated file where this store would make one; a server's database is left as it is."""
    if address.file is not None:
        new_file(Path(address.file))
