"""The leases of this process alone, for the time that the database is away.

Nothing here waits, so a method is atomic between two awaits of its caller; it
is still ``async`` because the port is.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sidecar.domain.model import Lane
from sidecar.domain.ports import Job, Lease, Patience

LEASE_TIME: Final = timedelta(minutes=2)
"""Longer than any lane may run; then another worker of this process may take the job."""

_TURN_OF_LANE: Final = {
    lane: timedelta(milliseconds=turn) for turn, lane in enumerate((Lane.FAST, Lane.SLOW, Lane.HISTORY))
}
_AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _JobState:
    """What is known of a job between its runs."""

    due_at: datetime
    late_at: datetime
    fence: int = 0
    failures: int = 0
    leased_until: datetime | None = None
    hurried: bool = False


def lanes_in_turn(job: Job) -> timedelta:
    """Return the patience with which the experiments of all projects go before the hubs of any."""
    return _TURN_OF_LANE[job.lane]


class LocalLeases:
    """:class:`ports.Leases` for one process."""

    def __init__(self, *, lease_time: timedelta = LEASE_TIME, last_fence: int = 0) -> None:
        self._lease_time = lease_time
        self._jobs: dict[Job, _JobState] = {}
        self._last_fence = last_fence
        """One count for all jobs: a job that left and came back must not repeat a number."""

    async def plan(self, jobs: Collection[Job], now: datetime, patience: Patience | None = None) -> None:
        """See :meth:`ports.Leases.plan`."""
        wait = patience or lanes_in_turn
        self._jobs = {
            job: self._jobs.get(job) or _JobState(due_at=now, late_at=now + wait(job)) for job in jobs
        }

    async def take(self, instance: str, lanes: Collection[Lane], now: datetime) -> Lease | None:
        """See :meth:`ports.Leases.take`."""
        due = [
            (state.late_at, state.due_at, job)
            for job, state in self._jobs.items()
            if job.project.instance == instance
            and job.lane in lanes
            and state.due_at <= now
            and (state.leased_until is None or state.leased_until <= now)
        ]
        if not due:
            return None
        _, due_at, job = min(due, key=lambda one: (*one[:2], one[2].lane, one[2].project))
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

    async def release(
        self, lease: Lease, due_at: datetime, *, failed: bool, patience: timedelta = timedelta(0)
    ) -> None:
        """See :meth:`ports.Leases.release`."""
        state = self._jobs.get(lease.job)
        if state is None or state.fence != lease.fence:
            return
        state.leased_until = None
        state.failures = lease.failures + 1 if failed else 0
        state.due_at = _AT_ONCE if state.hurried else due_at
        state.late_at = _AT_ONCE if state.hurried else due_at + patience

    async def hurry(self, job: Job, now: datetime, *, again: bool) -> None:
        """See :meth:`ports.Leases.hurry`."""
        state = self._jobs.get(job)
        if state is None:
            return
        if state.leased_until is None or state.leased_until <= now:
            state.due_at = state.late_at = _AT_ONCE
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

    def postpone(self, job: Job, due_at: datetime, patience: timedelta = timedelta(0)) -> None:
        """Set when a job is due and late; how the store keeps these leases in step with the database's."""
        state = self._jobs.get(job)
        if state is not None:
            state.due_at, state.late_at = due_at, due_at + patience

    async def holds(self, lease: Lease) -> bool:
        """Tell whether the lease is still the job's latest."""
        state = self._jobs.get(lease.job)
        return state is not None and state.fence == lease.fence
