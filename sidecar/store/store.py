"""The store that outlives this process, opened from its address.

While its database cannot be written (a full disk) it is still read; what would be written goes on as
while it is away. While its database is away it goes on in memory: leases are this process's own,
snapshots are merged in memory and written back later, the history can be
neither read nor written (its states are remembered), and everything else is
refused: no process may decide alone who acts, who is signed in, who holds a
lock. :meth:`Store.follow` brings the database back and looks for what other
replicas wrote, and :meth:`Store.keep_leases` keeps the leases of work that goes on.

A SQLite file is served from by one process (see ``engine.ownership``). So its
start ends all leases; those of a database that replicas share end by
themselves, soon after whoever renewed them is no more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from sidecar.config.store_url import MEMORY_URL, StoreAddress, parse_url
from sidecar.domain.errors import ConfigError
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import Clock, Lease
from sidecar.domain.unix_time import to_ms
from sidecar.store.accounts import SqlSecrets, SqlSessions, SqlShares
from sidecar.store.actions import SqlActions
from sidecar.store.audit import SqlAudit
from sidecar.store.cached_history import CachedHistory
from sidecar.store.engine.database import Database, Observe
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.engine.health import StoreHealth
from sidecar.store.engine.ownership import FileHeldError, FileOwnership
from sidecar.store.failover_leases import FailoverLeases
from sidecar.store.history import SqlHistory
from sidecar.store.leases import SHARED_LEASE_TIME, SqlLeases
from sidecar.store.local_leases import LEASE_TIME
from sidecar.store.locks import SqlLocks, SqlTokenUses
from sidecar.store.namings import SqlNamings
from sidecar.store.schema import meta
from sidecar.store.write_through_snapshots import WriteThroughSnapshots

POLL_SECONDS: Final = 3.0
"""How often is looked for what other replicas wrote."""
LONGEST_PAUSE_SECONDS: Final = 30.0
"""Between two attempts to get a lost database back."""
RENEWALS: Final = 3
"""How often a lease is renewed in its time: one that is late or fails loses nothing."""


_HELD: Final = (
    "is in use by another service that runs: end that one, or give all replicas one PostgreSQL "
    "(postgresql://USER:PASSWORD@HOST/DATABASE)."
)
_log = structlog.get_logger(__name__)


def _ignore(_project: ProjectRef) -> None:
    """Nobody waits for other replicas."""


class Store:
    """The doors of an open store; keeps them and the database in step."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        on_change: Callable[[ProjectRef], None],
        lease_time: timedelta | None,
        poll_seconds: float,
        *,
        ownership: FileOwnership | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._ownership = ownership
        self._ended_former_leases = False
        """Whether the database was in use, so that leases in it may be ours."""
        local_time = LEASE_TIME if lease_time is None else lease_time
        if lease_time is None:
            lease_time = LEASE_TIME if database.is_sqlite else SHARED_LEASE_TIME
        self._renewal_seconds = lease_time.total_seconds() / RENEWALS
        self.health = StoreHealth(clock, database.description)
        self.leases = FailoverLeases(
            SqlLeases(database, clock, lease_time=lease_time), self.health, local_time, self._refresh_for
        )
        self.snapshots = WriteThroughSnapshots(database, self.health, self.leases.holds, on_change)
        self.history = CachedHistory(SqlHistory(database), self.health)
        self.namings = SqlNamings(database, self.health)
        self.actions = SqlActions(database, self.health, clock)
        self.audit = SqlAudit(database, self.health)
        self.locks = SqlLocks(database, self.health, clock)
        self.token_uses = SqlTokenUses(database, self.health, clock)
        self.shares = SqlShares(database, self.health)
        self.sessions = SqlSessions(database, self.health)
        self.secrets = SqlSecrets(database, self.health)

    async def start(self) -> None:
        """Migrate and read what the last process left; without a database, begin degraded.

        Raises:
            ConfigError: If another process serves from the file.
        """
        try:
            unowned = await self._take_ownership()
        except FileHeldError:
            raise ConfigError((f"store.url {self._database.description} {_HELD}",)) from None
        try:
            await self._database.open()
        except StoreUnavailableError as exc:
            self.health.mark_lost(exc)
            if not exc.is_readable:
                return
        try:
            await self.snapshots.refresh(restored=True)
            await self.history.refresh()
            await self._end_former_leases(unowned)
        except StoreUnavailableError as exc:
            self.health.mark_lost(exc)

    async def _take_ownership(self) -> str | None:
        """Keep other services off a file; return why that is not possible there."""
        return await asyncio.to_thread(self._ownership.take) if self._ownership is not None else None

    async def _end_former_leases(self, unowned: str | None) -> None:
        """End the leases of whoever had the file before us."""
        if self._ownership is None or self._ended_former_leases:
            return
        if unowned is None:
            await self.leases.free_all()
        else:
            _log.warning("cannot tell whether another service uses the database file", reason=unowned)
        self._ended_former_leases = True

    def release_ownership(self) -> None:
        """Let others serve from the file."""
        if self._ownership is not None:
            self._ownership.release()

    async def keep_leases(self) -> None:
        """Prolong the leases of work that goes on, until cancelled; to be supervised."""
        while True:
            await asyncio.sleep(self._renewal_seconds)
            await self.leases.renew(self._clock())

    async def follow(self) -> None:
        """Look for others' writes now and then; try to get a lost database back, ever slower.

        Runs until cancelled; to be supervised.
        """
        pause = self._poll_seconds
        while True:
            await asyncio.sleep(pause)
            is_well = await self._refresh_or_heal()
            pause = self._poll_seconds if is_well else min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _refresh_or_heal(self) -> bool:
        try:
            if self.health.reason is None:
                await self.snapshots.refresh(restored=False)
                await self.history.refresh()
            else:
                await self._heal()
        except StoreUnavailableError as exc:
            self.health.mark_lost(exc)
            return False
        return True

    async def _heal(self) -> None:
        try:
            unowned = await self._take_ownership()
        except FileHeldError:
            raise StoreUnavailableError("locked") from None
        if self.health.is_readable and self.health.reason != "read_only":
            # The connections at hand go on reading; on a full disk SQLite cannot open others.
            await self._write_mark()
        await self._database.open()
        await self._write_mark()
        await self.snapshots.refresh(restored=True)
        await self.history.refresh(anew=True)
        await self._end_former_leases(unowned)
        is_behind = True
        while is_behind:
            await self.leases.write_back(self._clock())
            await self.snapshots.write_back()
            # Plans, releases and results come in while others are being written; from here to the end
            # nothing may be awaited, or one of them would be told to nobody.
            is_behind = self.leases.has_unwritten or self.snapshots.has_unwritten
        self.health.recover()

    async def _write_mark(self) -> None:
        """Prove that the database can be written before trusting it again."""
        insert = self._database.insert(meta)
        upsert = insert.on_conflict_do_update(
            index_elements=["name"], set_={"value": insert.excluded["value"]}
        )
        async with self._database.writing() as connection:
            await connection.execute(upsert, {"name": "healed_at_ms", "value": str(to_ms(self._clock()))})

    async def _refresh_for(self, lease: Lease) -> None:
        """Whoever continues a history starts from what is stored, not from what we read a while ago.

        From the snapshot, too: a step without the experiments that another replica
        just brought reads nothing, and the next one is due after the slow interval.
        """
        if lease.job.lane is Lane.HISTORY:
            try:
                await self.history.refresh_one(lease.job.project)
                await self.snapshots.refresh(restored=False, only=lease.job.project)
            except StoreUnavailableError as exc:
                self.health.mark_lost(exc)


def _address(url: str | StoreAddress | None) -> StoreAddress:
    if isinstance(url, StoreAddress):
        return url
    try:
        return parse_url(MEMORY_URL if url is None else url)
    except ValueError as exc:
        raise ConfigError((f"store.url {exc}",)) from None


@asynccontextmanager
async def open_store(
    url: str | StoreAddress | None,
    *,
    clock: Clock,
    on_change: Callable[[ProjectRef], None] = _ignore,
    lease_time: timedelta | None = None,
    serves: bool = False,
    poll_seconds: float = POLL_SECONDS,
    observe: Observe | None = None,
) -> AsyncIterator[Store]:
    """Open the store of an address; ``None`` and ``memory:`` keep nothing.

    A database that is away does not fail this: the store begins degraded.

    Args:
        url: See :func:`store_url.parse_url`; or what that returned.
        clock: The time.
        on_change: Told of every project whose snapshot another replica changed.
        lease_time: How long a lease lasts; ``None``: what suits the engine.
        serves: Whether this process is to be the only one that synchronises into a file, and owns it
            meanwhile; who looks or adds something beside a service does not.
        poll_seconds: How soon other replicas' writes show here.
        observe: Told of every transaction with the database.

    Raises:
        ConfigError: If the address is none we know, or another process serves from the file.
    """
    address = _address(url)
    file = None if address.is_memory else address.file
    ownership = FileOwnership(Path(file)) if serves and file is not None else None
    database = Database(address, None if address.is_memory else observe)
    store = Store(database, clock, on_change, lease_time, poll_seconds, ownership=ownership)
    try:
        await store.start()
        yield store
    finally:
        await database.close()
        store.release_ownership()
