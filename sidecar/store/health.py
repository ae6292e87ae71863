"""Whether the database is in use; one line in the log when that changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from sidecar.ports import Clock
from sidecar.store.failures import StoreUnavailableError

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

    @property
    def state(self) -> str:
        """``ok`` or ``degraded``."""
        return "ok" if self.reason is None else "degraded"

    def lose(self, exc: StoreUnavailableError) -> None:
        """Note that the database cannot be used; logged once per outage."""
        if self.reason is None:
            self.since = self._clock()
            self.outages += 1
            _log.error(
                "store degraded: continuing in memory",
                store=self._description,
                code=exc.reason,
                reason=str(exc),
            )
        self.reason = exc.reason

    def recover(self) -> None:
        """Note that the database is in use again."""
        _log.warning("store healed", store=self._description, degraded_since=self.since)
        self.reason = self.since = None

    def require(self) -> None:
        """Raise at once while the database is away, instead of waiting for it again."""
        if self.reason is not None:
            raise StoreUnavailableError(self.reason)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Around what nothing else can stand in for: refused at once while the database is away."""
        self.require()
        try:
            yield
        except StoreUnavailableError as exc:
            self.lose(exc)
            raise
