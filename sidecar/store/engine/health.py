"""Whether the database is in use, whole or for reading alone; one line in the log when that changes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

import structlog

from sidecar.domain.ports import Clock
from sidecar.store.engine.failures import StoreUnavailableError

_log = structlog.get_logger(__name__)


class StoreHealth:
    """Whether the database is in use, since when not, and why."""

    def __init__(self, clock: Clock, description: str) -> None:
        self._clock = clock
        self._description = description
        self.reason: str | None = None
        """Why the store is degraded, a key of ``database.SENTENCES``; ``None`` while all is well."""
        self.since: datetime | None = None
        """When it became degraded, UTC."""
        self.outages: int = 0
        """How often that happened since the start."""
        self.is_readable: bool = True
        """Whether what is stored can be read: always while all is well, and while only writing fails."""

    @property
    def state(self) -> str:
        """``ok`` or ``degraded``."""
        return "ok" if self.reason is None else "degraded"

    def mark_lost(self, exc: StoreUnavailableError) -> None:
        """Note that the database cannot be used, or not be written; logged once per outage."""
        if self.reason is None:
            self.since = self._clock()
            self.outages += 1
            _log.error(
                "store degraded: read only, continuing in memory"
                if exc.is_readable
                else "store degraded: continuing in memory",
                store=self._description,
                code=exc.reason,
                reason=str(exc),
            )
        self.reason, self.is_readable = exc.reason, exc.is_readable

    def recover(self) -> None:
        """Note that the database is in use again."""
        _log.warning("store healed", store=self._description, degraded_since=self.since)
        self.reason = self.since = None
        self.is_readable = True

    def require_writable(self) -> None:
        """Raise at once while the database cannot be written, instead of waiting for it again."""
        if self.reason is not None:
            raise StoreUnavailableError(self.reason, while_reading=not self.is_readable)

    def require_readable(self) -> None:
        """Raise at once while the database cannot even be read."""
        if not self.is_readable:
            self.require_writable()

    @asynccontextmanager
    async def while_writable(self) -> AsyncIterator[None]:
        """Around what nothing else can stand in for: refused at once while the database cannot be written.

        Also around reads that lead to wrong acts when nothing can be written: who seems idle may not be.
        """
        self.require_writable()
        with self._noting_loss():
            yield

    @asynccontextmanager
    async def while_readable(self) -> AsyncIterator[None]:
        """Around reads that nothing else can stand in for: refused at once while the database is away."""
        self.require_readable()
        with self._noting_loss():
            yield

    @contextmanager
    def _noting_loss(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailableError as exc:
            self.mark_lost(exc)
            raise
