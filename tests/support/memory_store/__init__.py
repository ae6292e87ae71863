"""Stand-ins for the parts of the store, in memory: made by a constructor, with any clock, answering at once.

The tests of the store hold them to the contracts of the real parts.
"""

from datetime import timedelta

from sidecar.domain.ports import Clock
from sidecar.store.engine.health import StoreHealth
from sidecar.store.local_leases import LEASE_TIME, LocalLeases
from tests.support.memory_store.accounts import (
    MemoryLocks,
    MemorySecrets,
    MemorySessions,
    MemoryShares,
    MemoryTokenUses,
)
from tests.support.memory_store.actions import MemoryActions, MemoryAudit
from tests.support.memory_store.data import MemoryHistory, MemorySnapshots
from tests.support.memory_store.namings import MemoryNamings


class MemoryStore:
    """All of them, as an open store has its parts."""

    def __init__(self, clock: Clock, *, lease_time: timedelta = LEASE_TIME) -> None:
        self.health = StoreHealth(clock, "memory:")
        self.leases = LocalLeases(lease_time=lease_time)
        self.snapshots = MemorySnapshots(self.leases)
        self.history = MemoryHistory(self.leases)
        self.namings = MemoryNamings()
        self.audit = MemoryAudit()
        self.actions = MemoryActions(self.audit, clock)
        self.locks = MemoryLocks(clock)
        self.token_uses = MemoryTokenUses(clock)
        self.shares = MemoryShares()
        self.sessions = MemorySessions()
        self.secrets = MemorySecrets()
