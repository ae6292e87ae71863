"""What runs now: since when, where, by whom, and whether it is stuck.

The history is authoritative; the recent runs in the snapshot may be fresher,
so a run that only they know counts too. A run that either says is finished is.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from sidecar.domain.freshness import STUCK_AFTER
from sidecar.domain.model import Content, Experiment
from sidecar.domain.runs import UNFINISHED, Outcome, RecentRun, Run
from sidecar.domain.unix_time import from_ms
from sidecar.insight.digest import ProjectRuns

_SAME_RUN_MS: Final = 2_000
"""Litmus notes a run's creation in two places, not always in the same millisecond."""


class RunningRun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run that is running or waiting."""

    experiment_id: str
    experiment_name: str
    experiment_run_id: str
    """``""`` until the agent's first event."""
    phase: str
    outcome: Outcome
    started_at: datetime
    """Its creation in Litmus, UTC."""
    changed_at: datetime
    """When Litmus last changed it, UTC."""
    started_by: str | None
    """``None`` for a schedule, or where Litmus does not say."""
    infra_id: str | None
    infra_name: str | None
    environment_id: str | None
    environment_name: str | None
    stuck: bool
    """It has not changed for an hour: Litmus leaves some queued for good."""
    stuck_at: datetime
    """When it became stuck, or will unless it changes."""


class _Unfinished(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    experiment_id: str
    experiment_name: str
    experiment_run_id: str
    phase: str
    outcome: Outcome
    created_at_ms: int
    updated_at_ms: int
    updated_by: str | None


def running_runs(content: Content, runs: ProjectRuns, now: datetime) -> tuple[RunningRun, ...]:
    """Return what runs or waits now, longest first."""
    experiments = {one.experiment_id: one for one in content.experiments or ()}
    environments = {one.environment_id: one.name for one in content.environments or ()}
    found = [*_of_history(experiments, runs), *_of_snapshot(content.experiments or (), runs)]
    found.sort(key=lambda one: (one.created_at_ms, one.experiment_id, one.experiment_run_id))
    return tuple(_running(one, experiments.get(one.experiment_id), environments, now) for one in found)


def _of_history(experiments: dict[str, Experiment], runs: ProjectRuns) -> Iterator[_Unfinished]:
    for run in runs.unfinished:
        experiment = experiments.get(run.experiment_id)
        twin = (
            next((one for one in experiment.recent_runs if _is_same(run, one)), None) if experiment else None
        )
        if twin is not None and twin.outcome not in UNFINISHED:
            continue
        newer = twin is not None and (twin.updated_at_ms or 0) > run.updated_at_ms
        source = twin if twin is not None and newer else run
        yield _Unfinished(
            experiment_id=run.experiment_id,
            experiment_name=experiment.name if experiment else run.experiment_name,
            experiment_run_id=run.experiment_run_id or (twin.experiment_run_id if twin else ""),
            phase=source.phase,
            outcome=source.outcome,
            created_at_ms=run.created_at_ms,
            updated_at_ms=source.updated_at_ms or run.updated_at_ms,
            updated_by=source.updated_by or run.updated_by,
        )


def _of_snapshot(experiments: Sequence[Experiment], runs: ProjectRuns) -> Iterator[_Unfinished]:
    """Yield runs that the history does not know yet; those it knows are its to tell."""
    for experiment in experiments:
        for recent in experiment.recent_runs:
            created = recent.created_at_ms or recent.updated_at_ms
            if recent.outcome not in UNFINISHED or created is None:
                continue
            if _is_known(experiment.experiment_id, recent, created, runs):
                continue
            yield _Unfinished(
                experiment_id=experiment.experiment_id,
                experiment_name=experiment.name,
                experiment_run_id=recent.experiment_run_id,
                phase=recent.phase,
                outcome=recent.outcome,
                created_at_ms=created,
                updated_at_ms=recent.updated_at_ms or created,
                updated_by=recent.updated_by,
            )


def _is_known(experiment_id: str, recent: RecentRun, created_at_ms: int, runs: ProjectRuns) -> bool:
    span = (created_at_ms - _SAME_RUN_MS, created_at_ms + _SAME_RUN_MS + 1)
    if runs.created_of(experiment_id, *span):
        return True
    return any(_is_same(run, recent) for run in runs.unfinished_of(experiment_id))


def _is_same(run: Run, recent: RecentRun) -> bool:
    if run.experiment_run_id and recent.experiment_run_id:
        return run.experiment_run_id == recent.experiment_run_id
    created = recent.created_at_ms
    return created is not None and abs(created - run.created_at_ms) <= _SAME_RUN_MS


def _running(
    run: _Unfinished, experiment: Experiment | None, environments: dict[str, str], now: datetime
) -> RunningRun:
    infra = experiment.infra if experiment else None
    changed_at = from_ms(run.updated_at_ms)
    return RunningRun(
        experiment_id=run.experiment_id,
        experiment_name=run.experiment_name,
        experiment_run_id=run.experiment_run_id,
        phase=run.phase,
        outcome=run.outcome,
        started_at=from_ms(run.created_at_ms),
        changed_at=changed_at,
        started_by=run.updated_by or None,
        infra_id=infra.infra_id if infra else None,
        infra_name=infra.name if infra else None,
        environment_id=infra.environment_id if infra else None,
        environment_name=environments.get(infra.environment_id) if infra else None,
        stuck=now >= changed_at + STUCK_AFTER,
        stuck_at=changed_at + STUCK_AFTER,
    )
