"""Leases that go on in this process's memory while the database is away."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sidecar.domain.model import Lane
from sidecar.domain.ports import Job, Lease, Patience
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.engine.health import StoreHealth
from sidecar.store.leases import SqlLeases
from sidecar.store.local_leases import LocalLeases

_LOCAL_FENCES: Final = -(2**62)
"""Fences given out without the database are negative: it never takes one for its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Planned:
    """What was declared last."""

    jobs: frozenset[Job]
    patience: Patience | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Release:
    """A lease that was given back."""

    lease: Lease
    due_at: datetime
    failed: bool
    patience: timedelta


class FailoverLeases:
    """:class:`ports.Leases`: the database's, or this process's own while it is away."""

    def __init__(
        self,
        stored: SqlLeases,
        health: StoreHealth,
        local_time: timedelta,
        on_taken: Callable[[Lease], Awaitable[None]],
    ) -> None:
        self._stored = stored
        self._health = health
        self._local_time = local_time
        self._local = LocalLeases(lease_time=local_time, last_fence=_LOCAL_FENCES)
        self._on_taken = on_taken
        self._planned: _Planned | None = None
        self._plan_written: _Planned | None = None
        """The plan that the database was told when it came back last."""
        self._current: dict[Job, int] = {}
        """The latest fence this process took, per job."""
        self._held: dict[Job, tuple[Lease, datetime]] = {}
        """The database's leases under which work goes on, and when they were taken."""
        self._unreleased: dict[Job, _Release] = {}
        """Releases that the database has not heard of."""

    async def plan(self, jobs: Collection[Job], now: datetime, patience: Patience | None = None) -> None:
        """See :meth:`ports.Leases.plan`."""
        self._planned = _Planned(jobs=frozenset(jobs), patience=patience)
        await self._local.plan(jobs, now, patience)
        if self._health.reason is None:
            try:
                await self._stored.plan(jobs, now, patience)
            except StoreUnavailableError as exc:
                self._health.mark_lost(exc)

    async def take(self, instance: str, lanes: Collection[Lane], now: datetime) -> Lease | None:
        """See :meth:`ports.Leases.take`."""
        lease = await self._take(instance, lanes, now)
        if lease is not None:
            self._current[lease.job] = lease.fence
        return lease

    async def _take(self, instance: str, lanes: Collection[Lane], now: datetime) -> Lease | None:
        if self._health.reason is None:
            try:
                lease = await self._stored.take(instance, lanes, now)
            except StoreUnavailableError as exc:
                self._health.mark_lost(exc)
            else:
                if lease is not None:
                    # Should the database go away meanwhile, nobody here takes the job a second time.
                    self._local.postpone(lease.job, now + self._local_time)
                    self._held[lease.job] = (lease, now)
                    await self._on_taken(lease)
                return lease
        return await self._local.take(instance, lanes, now)

    async def release(
        self, lease: Lease, due_at: datetime, *, failed: bool, patience: timedelta = timedelta(0)
    ) -> None:
        """See :meth:`ports.Leases.release`."""
        if lease.fence < 0:
            await self._local.release(lease, due_at, failed=failed, patience=patience)
            return
        if (held := self._held.get(lease.job)) is not None and held[0].fence == lease.fence:
            del self._held[lease.job]
        if self._current.get(lease.job) == lease.fence:
            self._local.postpone(lease.job, due_at, patience)
        if self._health.reason is None:
            try:
                await self._stored.release(lease, due_at, failed=failed, patience=patience)
            except StoreUnavailableError as exc:
                self._health.mark_lost(exc)
            else:
                return
        self._unreleased[lease.job] = _Release(lease=lease, due_at=due_at, failed=failed, patience=patience)

    async def free_all(self) -> None:
        """End all leases that the database has.

        Raises:
            StoreUnavailableError: If it cannot be written.
        """
        await self._stored.free_all()

    async def renew(self, now: datetime) -> None:
        """Prolong the leases under which work goes on, but of no work that lasts longer than any may."""
        leases = [lease for lease, taken_at in self._held.values() if now - taken_at < self._local_time]
        if leases and self._health.reason is None:
            try:
                await self._stored.renew(leases, now)
            except StoreUnavailableError as exc:
                self._health.mark_lost(exc)

    async def hurry(self, job: Job, now: datetime, *, again: bool) -> None:
        """See :meth:`ports.Leases.hurry`."""
        if self._health.reason is None:
            try:
                await self._stored.hurry(job, now, again=again)
            except StoreUnavailableError as exc:
                self._health.mark_lost(exc)
            else:
                return
        await self._local.hurry(job, now, again=again)

    async def next_due(self, instance: str, lanes: Collection[Lane]) -> datetime | None:
        """See :meth:`ports.Leases.next_due`."""
        if self._health.reason is None:
            try:
                return await self._stored.next_due(instance, lanes)
            except StoreUnavailableError as exc:
                self._health.mark_lost(exc)
        return await self._local.next_due(instance, lanes)

    def holds(self, lease: Lease) -> bool:
        """Tell whether the lease is the job's latest, as far as this process knows."""
        is_planned = self._planned is None or lease.job in self._planned.jobs
        return is_planned and self._current.get(lease.job) == lease.fence

    @property
    def has_unwritten(self) -> bool:
        """Whether there is a plan or a release that the database has not heard of since it is back."""
        return self._planned is not self._plan_written or bool(self._unreleased)

    async def write_back(self, now: datetime) -> None:
        """Tell the database what it missed; more may have come in at the end.

        Raises:
            StoreUnavailableError: If it is still away.
        """
        planned = self._planned
        if planned is not None:
            await self._stored.plan(planned.jobs, now, planned.patience)
        self._plan_written = planned
        for job, unwritten in list(self._unreleased.items()):
            await self._stored.release(
                unwritten.lease, unwritten.due_at, failed=unwritten.failed, patience=unwritten.patience
            )
            if self._unreleased.get(job) is unwritten:
                del self._unreleased[job]
