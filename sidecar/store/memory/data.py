"""Snapshots, leases and history in this process's memory.

For one replica without a database, for tests, and, the leases, while the
database is gone. Nothing here waits, so a
method is atomic between two awaits of its caller; it is still ``async``
because the ports are. Runs alone are looked for in a thread, among those that
were there when it began.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from sidecar.domain.errors import LeaseLostError
from sidecar.domain.freshness import merge
from sidecar.domain.model import Lane, ProjectRef, SectionResult, Snapshot
from sidecar.domain.ports import HistoryChange, Job, Lease, RunQuery, SnapshotHead
from sidecar.domain.runs import OUTCOME_OF_PHASE, HistoryState, KnownExperiment, Outcome, Run
from sidecar.store.run_book import RunBook

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

    def __init__(self, *, lease_time: timedelta = LEASE_TIME, last_fence: int = 0) -> None:
        self._lease_time = lease_time
        self._jobs: dict[Job, _JobState] = {}
        self._last_fence = last_fence
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

    def postpone(self, job: Job, due_at: datetime) -> None:
        """Set when a job is due; how the store keeps these leases in step with the database's."""
        state = self._jobs.get(job)
        if state is not None:
            state.due_at = due_at

    async def holds(self, lease: Lease) -> bool:
        """Tell whether the lease is still the job's latest."""
        state = self._jobs.get(lease.job)
        return state is not None and state.fence == lease.fence


class MemorySnapshots:
    """:class:`ports.Snapshots` for one process."""

    def __init__(self, leases: MemoryLeases) -> None:
        self._leases = leases
        self._snapshots: dict[ProjectRef, Snapshot] = {}
        self._first_version = 0
        """Above every version of what was forgotten: readers keep answers by version."""

    def get(self, project: ProjectRef) -> Snapshot | None:
        """See :meth:`ports.Snapshots.get`."""
        return self._snapshots.get(project)

    def head(self, project: ProjectRef) -> SnapshotHead | None:
        """See :meth:`ports.Snapshots.head`."""
        snapshot = self._snapshots.get(project)
        return SnapshotHead(version=snapshot.version, freshness=snapshot.freshness) if snapshot else None

    async def merge(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        """See :meth:`ports.Snapshots.merge`."""
        if not await self._leases.holds(lease):
            raise LeaseLostError(f"The lease of {lease.job.project} moved on while it was synchronised.")
        project = lease.job.project
        previous = self._snapshots.get(project)
        snapshot = merge(previous, project, results)
        if previous is None:
            snapshot = msgspec.structs.replace(snapshot, version=max(snapshot.version, self._first_version))
        self._snapshots[project] = snapshot
        return snapshot

    async def retain(self, projects: Collection[ProjectRef]) -> None:
        """See :meth:`ports.Snapshots.retain`."""
        for project in self._snapshots.keys() - set(projects):
            gone = self._snapshots.pop(project)
            self._first_version = max(self._first_version, gone.version + 1)


@dataclass(slots=True)
class _Past:
    """The history of one project."""

    state: HistoryState = field(default_factory=HistoryState)
    runs: RunBook = field(default_factory=RunBook)
    experiments: dict[str, KnownExperiment] = field(default_factory=dict)


class MemoryHistory:
    """:class:`ports.History` for one process."""

    def __init__(self, leases: MemoryLeases) -> None:
        self._leases = leases
        self._pasts: defaultdict[ProjectRef, _Past] = defaultdict(_Past)

    async def state(self, project: ProjectRef) -> HistoryState:
        """See :meth:`ports.History.state`."""
        return self._pasts[project].state if project in self._pasts else HistoryState()

    async def states(self) -> Mapping[ProjectRef, HistoryState]:
        """See :meth:`ports.History.states`."""
        return {project: past.state for project, past in self._pasts.items()}

    def refusal(self) -> str | None:
        """See :meth:`ports.History.refusal`; memory takes everything."""
        return None

    async def record(self, lease: Lease, change: HistoryChange) -> HistoryState:
        """See :meth:`ports.History.record`."""
        if not await self._leases.holds(lease):
            raise LeaseLostError(f"The lease of {lease.job.project} moved on while it was synchronised.")
        past = self._pasts[lease.job.project]
        changed = [past.runs.put(run) for run in change.runs]
        changed += [past.runs.mark_removed(run) for run in change.removed_runs]
        for one in change.experiments:
            changed.append(past.experiments.get(one.experiment_id) != one)
            past.experiments[one.experiment_id] = one
        past.state = msgspec.structs.replace(change.state, version=past.state.version + any(changed))
        return past.state

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        """See :meth:`ports.History.runs`."""
        if project not in self._pasts:
            return []
        past = self._pasts[project]
        found = await asyncio.to_thread(_newest, list(past.runs.by_key().values()), query)
        return [_named(run, past.experiments) for run in found]

    async def count(self, project: ProjectRef, experiment_ids: Collection[str]) -> int:
        """See :meth:`ports.History.count`."""
        kept = self._pasts[project].runs.by_key().values() if project in self._pasts else ()
        return sum(run.experiment_id in experiment_ids and not run.removed for run in kept)

    async def experiments(self, project: ProjectRef) -> Sequence[KnownExperiment]:
        """See :meth:`ports.History.experiments`."""
        known = self._pasts[project].experiments if project in self._pasts else {}
        return [known[experiment_id] for experiment_id in sorted(known)]

    async def totals(self, project: ProjectRef) -> Mapping[str, Mapping[Outcome, int]]:
        """See :meth:`ports.History.totals`."""
        totals: defaultdict[str, dict[Outcome, int]] = defaultdict(dict)
        if project in self._pasts:
            for (experiment_id, outcome), total in self._pasts[project].runs.newly_counted.items():
                totals[experiment_id][outcome] = total
        return dict(totals)

    async def prune(self, before_ms: int, at_most: int) -> int:
        """See :meth:`ports.History.prune`."""
        left = at_most
        for past in self._pasts.values():
            old = [run for run in past.runs.by_key().values() if run.created_at_ms < before_ms]
            old = sorted(old, key=_order)[:left]
            for run in old:
                past.runs.drop(run)
            if old:
                past.runs.pruned_before_ms = max(before_ms, past.runs.pruned_before_ms or before_ms)
                past.state = msgspec.structs.replace(past.state, version=past.state.version + 1)
            left -= len(old)
        return at_most - left


def _newest(runs: Sequence[Run], query: RunQuery) -> Sequence[Run]:
    matching = (run for run in runs if _matches(run, query))
    return sorted(matching, key=_order, reverse=True)[: query.limit]


def _order(run: Run) -> tuple[int, str, str]:
    return run.created_at_ms, run.experiment_id, run.experiment_run_id


def _named(run: Run, experiments: Mapping[str, KnownExperiment]) -> Run:
    """Return the run under the name that its experiment has now."""
    known = experiments.get(run.experiment_id)
    if known is None or known.name == run.experiment_name:
        return run
    return msgspec.structs.replace(run, experiment_name=known.name)


def _matches(run: Run, query: RunQuery) -> bool:
    is_wanted_phase = (
        query.phases is None
        or run.phase in query.phases
        or (query.other_phases and run.phase not in OUTCOME_OF_PHASE)
    )
    return (
        is_wanted_phase
        and (query.since_ms is None or run.created_at_ms >= query.since_ms)
        and (query.until_ms is None or run.created_at_ms < query.until_ms)
        and (query.experiment_ids is None or run.experiment_id in query.experiment_ids)
        and (query.after is None or _order(run) < query.after)
    )
