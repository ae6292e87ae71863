"""Who serves from a SQLite file: one process, which holds a lock on a file beside it while it runs.

The kernel frees the lock when the process ends, however it ends. It is on a
file of its own, for closing any descriptor of a database file would drop the
locks that SQLite has on it.
"""

import errno
import fcntl
import os
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

SUFFIX: Final = ".lock"
"""Behind the name of the database file."""
_HELD_ELSEWHERE: Final = frozenset({errno.EAGAIN, errno.EACCES})


class FileHeldError(Exception):
    """Another process serves from the file."""


class FileOwnership:
    """The right to serve from a database file, until :meth:`release` or the end of the process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        _ALL.add(self)

    def take(self) -> str | None:
        """Take the lock unless it is ours already; return why it cannot be had by anybody, else ``None``.

        Blocks for as long as the file system does.

        Raises:
            FileHeldError: If another process has it.
        """
        # Whatever name the file was given, the lock is beside the file itself.
        path = Path(f"{os.path.realpath(self._file)}{SUFFIX}")
        try:
            while not self._is_ours(path):
                self.release()
                self._descriptor = _locked(path)
        except OSError as exc:
            return os.strerror(exc.errno) if exc.errno else "unknown"
        return None

    def release(self) -> None:
        """Let others have the file. The lock's file stays: removed, two could hold one each."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _is_ours(self, path: Path) -> bool:
        """Tell whether we hold the lock that others would find; it may have been removed under us."""
        if self._descriptor is None:
            return False
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._descriptor), path.stat())
        return False


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        # Not of fcntl's other kind: that tells no two holders in one process apart.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(descriptor)
        if exc.errno in _HELD_ELSEWHERE:
            raise FileHeldError from exc
        raise
    return descriptor


_ALL: Final = weakref.WeakSet[FileOwnership]()


def _leave_to_parent() -> None:
    """A child of ours holds nothing: it would hold the lock on when we are killed."""
    for one in list(_ALL):
        one.release()


os.register_at_fork(after_in_child=_leave_to_parent)
