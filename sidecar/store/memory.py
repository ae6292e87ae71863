"""Snapshots and leases in this process's memory.

For one replica without a database, and for tests. Nothing here waits, so a
method is atomic between two awaits of its caller; it is still ``async``
because the ports are.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sidecar.errors import LeaseLostError
from sidecar.model import Lane, ProjectRef, SectionResult, Snapshot
from sidecar.ports import Job, Lease
from sidecar.snapshots import merge

LEASE_TIME: Final = timedelta(minutes=2)
"""Longer than any lane may run; then another worker may take the job."""

_AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _JobState:
    """What is known of a job between its runs."""

    due_at: datetime
    fence: int = 0
    failures: int = 0
    leased_until: datetime | None = None
    hurried: bool = False


class MemoryLeases:
    """:class:`ports.Leases` for one process."""

    def __init__(self, *, lease_time: timedelta = LEASE_TIME) -> None:
        self._lease_time = lease_time
        self._jobs: dict[Job, _JobState] = {}
        self._last_fence = 0
        """One count for all jobs: a job that left and came back must not repeat a number."""

    async def plan(self, jobs: Collection[Job], now: datetime) -> None:
        """See :meth:`ports.Leases.plan`."""
        self._jobs = {job: self._jobs.get(job) or _JobState(due_at=now) for job in jobs}

    async def take(self, instance: str, lanes: Collection[Lane], now: datetime) -> Lease | None:
        """See :meth:`ports.Leases.take`."""
        due = [
            (state.due_at, job)
            for job, state in self._jobs.items()
            if job.project.instance == instance
            and job.lane in lanes
            and state.due_at <= now
            and (state.leased_until is None or state.leased_until <= now)
        ]
        if not due:
            return None
        due_at, job = min(due)
        state = self._jobs[job]
        self._last_fence += 1
        state.fence = self._last_fence
        state.leased_until = now + self._lease_time
        state.hurried = False
        return Lease(
            job=job,
            fence=state.fence,
            due_at=None if due_at == _AT_ONCE else due_at,
            expires_at=state.leased_until,
            failures=state.failures,
        )

    async def release(self, lease: Lease, due_at: datetime, *, failed: bool) -> None:
        """See :meth:`ports.Leases.release`."""
        state = self._jobs.get(lease.job)
        if state is None or state.fence != lease.fence:
            return
        state.leased_until = None
        state.failures = lease.failures + 1 if failed else 0
        state.due_at = _AT_ONCE if state.hurried else due_at

    async def hurry(self, job: Job, now: datetime, *, again: bool) -> None:
        """See :meth:`ports.Leases.hurry`."""
        state = self._jobs.get(job)
        if state is None:
            return
        if state.leased_until is None or state.leased_until <= now:
            state.due_at = _AT_ONCE
        elif again:
            state.hurried = True

    async def next_due(self, instance: str, lanes: Collection[Lane]) -> datetime | None:
        """See :meth:`ports.Leases.next_due`."""
        return min(
            (
                max(state.due_at, state.leased_until) if state.leased_until else state.due_at
                for job, state in self._jobs.items()
                if job.project.instance == instance and job.lane in lanes
            ),
            default=None,
        )

    async def holds(self, lease: Lease) -> bool:
        """Tell whether the lease is still the job's latest."""
        state = self._jobs.get(lease.job)
        return state is not None and state.fence == lease.fence


class MemorySnapshots:
    """:class:`ports.Snapshots` for one process."""

    def __init__(self, leases: MemoryLeases) -> None:
        self._leases = leases
        self._snapshots: dict[ProjectRef, Snapshot] = {}

    def get(self, project: ProjectRef) -> Snapshot | None:
        """See :meth:`ports.Snapshots.get`."""
        return self._snapshots.get(project)

    async def merge(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        """See :meth:`ports.Snapshots.merge`."""
        if not await self._leases.holds(lease):
            raise LeaseLostError(f"The lease of {lease.job.project} moved on while it was synchronised.")
        project = lease.job.project
        snapshot = merge(self._snapshots.get(project), project, results)
        self._snapshots[project] = snapshot
        return snapshot

    async def retain(self, projects: Collection[ProjectRef]) -> None:
        """See :meth:`ports.Snapshots.retain`."""
        kept = set(projects)
        self._snapshots = {ref: snapshot for ref, snapshot in self._snapshots.items() if ref in kept}
