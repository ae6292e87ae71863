"""How a database fails, in our words.

No exception of a driver and no text of one goes on from here: such texts hold
statements, values and addresses.
"""

import errno
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from sidecar.domain.errors import StoreError, StoreRefusedError

_REASON_OF_SQLITE: Final = {
    # Of the names that refine the first two words, those that tell more.
    "SQLITE_READONLY_DBMOVED": "missing",
    "SQLITE_IOERR_WRITE": "unwritable",
    "SQLITE_IOERR_FSYNC": "unwritable",
    "SQLITE_IOERR_TRUNCATE": "unwritable",
    "SQLITE_IOERR_SHMSIZE": "unwritable",
    "SQLITE_FULL": "full",
    "SQLITE_READONLY": "read_only",
    "SQLITE_BUSY": "locked",
    "SQLITE_LOCKED": "locked",
    "SQLITE_CORRUPT": "damaged",
    "SQLITE_NOTADB": "damaged",
    "SQLITE_CANTOPEN": "missing",
    "SQLITE_IOERR": "io_error",
}
_REASON_OF_ERRNO: Final = {
    errno.ENOENT: "missing",
    errno.ENOSPC: "full",
    errno.EROFS: "read_only",
    errno.EDQUOT: "unwritable",
}
_REASON_OF_SQLSTATE: Final = {
    "53100": "full",
    "25006": "read_only",
    "28000": "refused",
    "28P01": "refused",
    "3D000": "missing",
    "42P01": "missing",
    "42501": "refused",
    "55P03": "locked",
    "57014": "timeout",
}
_PROGRAM_LIMIT: Final = "54"
"""Class of what is too large for PostgreSQL, such as a text for an index: the database itself is well."""
_PROTOCOL_VIOLATION: Final = "08P01"
_OF_A_POOLER: Final = "statement pooling"
"""What PgBouncer says to ``BEGIN`` where it lends its sessions for one statement each."""
_REFUSED: Final = "The database refused a value."
SENTENCES: Final = {
    "full": "The database has no space left.",
    "read_only": "The database cannot be written.",
    "unwritable": "The disk of the database refused a write; perhaps a quota is used up.",
    "locked": "The database is locked by another process.",
    "damaged": "The database file is damaged or no database.",
    "missing": "The database, its file or its directory does not exist.",
    "io_error": "The disk of the database failed.",
    "refused": "The database refused the credentials or their rights.",
    "timeout": "The database did not answer in time.",
    "pooled": "The pooler before the database gives no transactions; set pool_mode = transaction.",
    "unreachable": "The database cannot be reached.",
    "error": "The database failed.",
}
"""What each reason means, for logs and clients."""
_ONLY_OF_WRITING: Final = frozenset({"full", "read_only", "unwritable"})
"""Reasons for which the database is still read."""


class StoreUnavailableError(StoreError):
    """The database is gone, or cannot be written; what can continues in memory."""

    def __init__(self, reason: str, *, while_reading: bool = False) -> None:
        super().__init__(SENTENCES[reason])
        self.reason = reason
        """A key of :data:`SENTENCES`."""
        self.is_readable = reason in _ONLY_OF_WRITING and not while_reading
        """Whether only writing failed, so that reading goes on."""


@asynccontextmanager
async def translated_errors() -> AsyncIterator[None]:
    """Turn what a driver raises into our errors: of a value it refused, or of a database that is away."""
    try:
        yield
    except (IntegrityError, DataError) as exc:
        raise StoreRefusedError(_REFUSED) from exc
    except TimeoutError as exc:
        raise StoreUnavailableError("timeout") from exc
    except (SQLAlchemyError, OSError) as exc:
        if str(getattr(getattr(exc, "orig", None), "sqlstate", None)).startswith(_PROGRAM_LIMIT):
            raise StoreRefusedError(_REFUSED) from exc
        raise StoreUnavailableError(_reason(exc)) from exc


def sentence_of(error: sqlite3.Error) -> str:
    """Return what happened, in our words."""
    return SENTENCES[_reason_of_sqlite(error)]


def _reason_of_sqlite(error: sqlite3.Error) -> str:
    # Errors of the driver itself have no name.
    name = getattr(error, "sqlite_errorname", "")
    return _REASON_OF_SQLITE.get(name) or _REASON_OF_SQLITE.get("_".join(name.split("_")[:2]), "error")


def _reason(exc: Exception) -> str:
    if isinstance(exc, OSError):
        return _REASON_OF_ERRNO.get(exc.errno or 0, "io_error")
    if not isinstance(exc, DBAPIError):
        return "error"
    if isinstance(exc.orig, sqlite3.Error):
        return _reason_of_sqlite(exc.orig)
    sqlstate = getattr(exc.orig, "sqlstate", None)
    if sqlstate == _PROTOCOL_VIOLATION and _OF_A_POOLER in str(exc.orig):
        return "pooled"
    if sqlstate is None or sqlstate[:2] in {"08", "57"}:
        return _REASON_OF_SQLSTATE.get(sqlstate or "", "unreachable")
    return _REASON_OF_SQLSTATE.get(sqlstate, "error")
