"""The store that outlives this process, opened from its address.

While its database cannot be written (a full disk) it is still read; what would be written goes on as
while it is away. While its database is away it goes on in memory: leases are this process's own,
snapshots are merged in memory and written back later, the history can be
neither read nor written (its states are remembered), and everything else is
refused: no process may decide alone who acts, who is signed in, who holds a
lock. :meth:`Store.follow` brings the database back and looks for what other
replicas wrote.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from sidecar.config.store_url import MEMORY_URL, StoreAddress, parse_url
from sidecar.domain.errors import ConfigError
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import Clock, Lease
from sidecar.store.accounts import SqlSecrets, SqlSessions, SqlShares
from sidecar.store.actions import SqlActions
from sidecar.store.audit import SqlAudit
from sidecar.store.durable_history import DurableHistory
from sidecar.store.durable_leases import DurableLeases
from sidecar.store.durable_snapshots import DurableSnapshots
from sidecar.store.engine.database import Database, Observe, to_ms
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.engine.health import StoreHealth
from sidecar.store.history import SqlHistory
from sidecar.store.leases import SqlLeases
from sidecar.store.local_leases import LEASE_TIME
from sidecar.store.locks import SqlLocks, SqlTokenUses
from sidecar.store.namings import SqlNamings
from sidecar.store.schema import meta

POLL_SECONDS: Final = 3.0
"""How often is looked for what other replicas wrote."""
LONGEST_PAUSE_SECONDS: Final = 30.0
"""Between two attempts to get a lost database back."""


def _ignore(_project: ProjectRef) -> None:
    """Nobody waits for other replicas."""


class Store:
    """The doors of an open store; keeps them and the database in step."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        on_change: Callable[[ProjectRef], None],
        lease_time: timedelta,
        poll_seconds: float,
    ) -> None:
        self._database = database
        self._clock = clock
        self._poll_seconds = poll_seconds
        self.health = StoreHealth(clock, database.description)
        self.leases = DurableLeases(
            SqlLeases(database, clock, lease_time=lease_time), self.health, lease_time, self._taken
        )
        self.snapshots = DurableSnapshots(database, self.health, self.leases.holds, on_change)
        self.history = DurableHistory(SqlHistory(database), self.health)
        self.namings = SqlNamings(database, self.health)
        self.actions = SqlActions(database, self.health, clock)
        self.audit = SqlAudit(database, self.health)
        self.locks = SqlLocks(database, self.health, clock)
        self.token_uses = SqlTokenUses(database, self.health, clock)
        self.shares = SqlShares(database, self.health)
        self.sessions = SqlSessions(database, self.health)
        self.secrets = SqlSecrets(database, self.health)

    async def start(self) -> None:
        """Migrate and read what the last process left; without a database, begin degraded."""
        try:
            await self._database.open()
        except StoreUnavailableError as exc:
            self.health.lose(exc)
            if not exc.is_readable:
                return
        try:
            await self.snapshots.refresh(restored=True)
            await self.history.refresh()
        except StoreUnavailableError as exc:
            self.health.lose(exc)

    async def follow(self) -> None:
        """Look for others' writes now and then; try to get a lost database back, ever slower.

        Runs until cancelled; to be supervised.
        """
        pause = self._poll_seconds
        while True:
            await asyncio.sleep(pause)
            is_well = await self._tend()
            pause = self._poll_seconds if is_well else min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _tend(self) -> bool:
        try:
            if self.health.reason is None:
                await self.snapshots.refresh(restored=False)
                await self.history.refresh()
            else:
                await self._heal()
        except StoreUnavailableError as exc:
            self.health.lose(exc)
            return False
        return True

    async def _heal(self) -> None:
        if self.health.is_readable and self.health.reason != "read_only":
            # The connections at hand go on reading; on a full disk SQLite cannot open others.
            await self._write_mark()
        await self._database.open()
        await self._write_mark()
        await self.snapshots.refresh(restored=True)
        await self.history.refresh(anew=True)
        is_behind = True
        while is_behind:
            await self.leases.write_back(self._clock())
            await self.snapshots.write_back()
            # Plans, releases and results come in while others are being written; from here to the end
            # nothing may be awaited, or one of them would be told to nobody.
            is_behind = self.leases.has_untold or self.snapshots.has_unwritten
        self.health.recover()

    async def _write_mark(self) -> None:
        """Prove that the database can be written before trusting it again."""
        insert = self._database.insert(meta)
        upsert = insert.on_conflict_do_update(
            index_elements=["name"], set_={"value": insert.excluded["value"]}
        )
        async with self._database.writing() as connection:
            await connection.execute(upsert, {"name": "healed_at_ms", "value": str(to_ms(self._clock()))})

    async def _taken(self, lease: Lease) -> None:
        """Whoever continues a history starts from what is stored, not from what we read a while ago.

        From the snapshot, too: a step without the experiments that another replica
        just brought reads nothing, and the next one is due after the slow interval.
        """
        if lease.job.lane is Lane.HISTORY:
            try:
                await self.history.refresh_one(lease.job.project)
                await self.snapshots.refresh(restored=False, only=lease.job.project)
            except StoreUnavailableError as exc:
                self.health.lose(exc)


def _address(url: str | None) -> StoreAddress:
    try:
        return parse_url(MEMORY_URL if url is None else url)
    except ValueError as exc:
        raise ConfigError((f"store.url {exc}",)) from None


@asynccontextmanager
async def open_store(
    url: str | None,
    *,
    clock: Clock,
    on_change: Callable[[ProjectRef], None] = _ignore,
    lease_time: timedelta = LEASE_TIME,
    poll_seconds: float = POLL_SECONDS,
    observe: Observe | None = None,
) -> AsyncIterator[Store]:
    """Open the store of an address; ``None`` and ``memory:`` keep nothing.

    A database that is away does not fail this: the store begins degraded.

    Args:
        url: See :func:`store_url.parse_url`.
        clock: The time.
        on_change: Told of every project whose snapshot another replica changed.
        lease_time: Longer than any lane may run.
        poll_seconds: How soon other replicas' writes show here.
        observe: Told of every transaction with the database.

    Raises:
        ConfigError: If the address is none we know.
    """
    address = _address(url)
    database = Database(address, None if address.is_memory else observe)
    store = Store(database, clock, on_change, lease_time, poll_seconds)
    try:
        await store.start()
        yield store
    finally:
        await database.close()
