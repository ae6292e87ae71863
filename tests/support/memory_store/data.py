"""Snapshots and history in memory.

Nothing here waits, so a method is atomic between two awaits of its caller.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from sidecar.domain.errors import LeaseLostError
from sidecar.domain.freshness import merge
from sidecar.domain.model import ProjectRef, SectionResult, Snapshot
from sidecar.domain.ports import HistoryChange, Lease, RunQuery, SnapshotHead
from sidecar.domain.runs import OUTCOME_OF_PHASE, HistoryState, KnownExperiment, Outcome, Run
from sidecar.store.local_leases import LocalLeases
from sidecar.store.run_merging import RunMerge


class MemorySnapshots:
    """:class:`ports.Snapshots` for one process."""

    def __init__(self, leases: LocalLeases) -> None:
        self._leases = leases
        self._snapshots: dict[ProjectRef, Snapshot] = {}
        self._first_version = 0
        """Above every version of what was forgotten: readers keep answers by version."""

    def get(self, project: ProjectRef) -> Snapshot | None:
        """See :meth:`ports.Snapshots.get`."""
        return self._snapshots.get(project)

    async def load(self, project: ProjectRef) -> Snapshot | None:
        """See :meth:`ports.Snapshots.load`."""
        return self.get(project)

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
    runs: RunMerge = field(default_factory=RunMerge)
    experiments: dict[str, KnownExperiment] = field(default_factory=dict)


class MemoryHistory:
    """:class:`ports.History` for one process."""

    def __init__(self, leases: LocalLeases) -> None:
        self._leases = leases
        self._pasts: defaultdict[ProjectRef, _Past] = defaultdict(_Past)

    async def state(self, project: ProjectRef) -> HistoryState:
        """See :meth:`ports.History.state`."""
        return self.known(project)

    def known(self, project: ProjectRef) -> HistoryState:
        """See :meth:`ports.History.known`."""
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
