"""What to read next of a project's history, and from where.

Pure: decided from the progress so far, the snapshot and the time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from sidecar.domain.model import Section, Snapshot
from sidecar.domain.runs import HistoryState, Run
from sidecar.domain.unix_time import to_ms
from sidecar.litmus.reading.history_progress import (
    HistoryProgress,
    Increment,
    ListPosition,
    ReferenceRun,
    SweepKind,
)
from sidecar.litmus.reading.history_sweep import EXPERIMENTS_PER_BATCH, run_counts

FUTURE: Final = timedelta(days=1)
"""A run changed later than this from now has a wrong clock: it is kept, but moves no watermark."""


class HistorySchedule(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how far back, the history is read."""

    overlap: timedelta = timedelta(minutes=5)
    """The increment begins so long before the watermark: agents' clocks differ."""
    increment_every: timedelta = timedelta(minutes=10)
    """At the latest, while the snapshot shows no change."""
    reconcile_every: timedelta = timedelta(days=1)
    unexplained_after: timedelta = timedelta(hours=1)
    """Shortest time between two reconciliations, however odd the totals are."""
    confirm_after: timedelta = timedelta(minutes=5)
    """Between the two passes that confirm a deletion."""


class Task(StrEnum):
    """What a step does."""

    INCREMENT = "increment"
    SWEEP = "sweep"
    COUNT = "count"
    NOTHING = "nothing"


def next_task(
    progress: HistoryProgress,
    state: HistoryState,
    snapshot: Snapshot,
    schedule: HistorySchedule,
    now: datetime,
) -> Task:
    """Return what is to be done now: what just changed goes before what is only thorough."""
    if progress.increment is not None:
        return Task.INCREMENT
    sweeping = progress.sweep is not None or sweep_due(progress, state, snapshot, schedule, now) is not None
    if state.watermark_ms is None:
        return Task.SWEEP if sweeping else Task.NOTHING
    last = state.synced_at or state.first_synced_at or now
    if progress.seen_version != snapshot.version or now - last >= schedule.increment_every:
        return Task.INCREMENT
    if count_due(progress, state, schedule, now):
        return Task.COUNT
    return Task.SWEEP if sweeping else Task.INCREMENT


def sweep_due(
    progress: HistoryProgress,
    state: HistoryState,
    snapshot: Snapshot,
    schedule: HistorySchedule,
    now: datetime,
) -> SweepKind | None:
    """Return which sweep is to begin; ``None`` if none is."""
    since = None if state.reconciled_at is None else now - state.reconciled_at
    unwatched = state.watermark_ms is None and newest_change_ms(snapshot, now) is not None
    if not state.is_complete or unwatched:
        return SweepKind.BACK_FILL
    if progress.missing is not None and now - progress.missing.found_at >= schedule.confirm_after:
        return SweepKind.CONFIRM
    if progress.short_experiments:
        return SweepKind.LOOK
    unexplained = progress.total_check.is_unexplained
    if since is None or since >= (schedule.unexplained_after if unexplained else schedule.reconcile_every):
        return SweepKind.COMPARE
    return None


def count_due(
    progress: HistoryProgress, state: HistoryState, schedule: HistorySchedule, now: datetime
) -> bool:
    """Tell whether runs kept should be counted against Litmus's: deletions are invisible to the increment.

    Not while a sweep compares them anyway, or found what the next one is to confirm.
    """
    is_busy = progress.sweep is not None or progress.missing is not None or bool(progress.short_experiments)
    is_due = progress.counted_at is None or now - progress.counted_at >= schedule.increment_every
    return state.is_complete and state.watermark_ms is not None and is_due and not is_busy


def count_batch(progress: HistoryProgress, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the experiments to count next, in turn; those that never ran need no count."""
    ids = sorted(one for one, number in run_counts(snapshot).items() if number)
    following = [one for one in ids if one > progress.counted_to]
    return tuple((following or ids)[:EXPERIMENTS_PER_BATCH])


def begin_increment(
    progress: HistoryProgress, watermark_ms: int, snapshot: Snapshot, schedule: HistorySchedule
) -> Increment:
    """Return the reading of what changed since the watermark, or since the reference run if that is older."""
    since_ms = watermark_ms - schedule.overlap // timedelta(milliseconds=1)
    if progress.reference_run is not None:
        since_ms = min(since_ms, progress.reference_run.updated_at_ms)
    if progress.ranges_failed_at is None:
        return Increment(since_ms=since_ms)
    return by_experiment(Increment(since_ms=since_ms), snapshot)


def by_experiment(increment: Increment, snapshot: Snapshot) -> Increment:
    """Return the increment for a Litmus whose date range matches nothing."""
    ids = tuple(
        experiment.experiment_id
        for experiment in snapshot.content.experiments or ()
        if any((run.updated_at_ms or 0) >= increment.since_ms for run in experiment.recent_runs)
    )
    return msgspec.structs.replace(increment, experiment_ids=ids, reading=ListPosition(is_done=not ids))


def newest_reference_run(
    reference_run: ReferenceRun | None, runs: Iterable[Run], now: datetime
) -> ReferenceRun | None:
    """Return the latest changed run with an id that makes sense, of the runs and the reference run before."""
    best = reference_run
    for run in runs:
        if (
            run.experiment_run_id
            and is_plausible(run.updated_at_ms, now)
            and (best is None or run.updated_at_ms >= best.updated_at_ms)
        ):
            best = ReferenceRun(experiment_run_id=run.experiment_run_id, updated_at_ms=run.updated_at_ms)
    return best


def newest_change_ms(snapshot: Snapshot, now: datetime) -> int | None:
    """Return the greatest ``updatedAt`` among recent runs; ``None`` if there is none that makes sense."""
    latest_ms = _latest_ms(now)
    return max(
        (
            run.updated_at_ms
            for experiment in snapshot.content.experiments or ()
            for run in experiment.recent_runs
            if run.updated_at_ms is not None and run.updated_at_ms <= latest_ms
        ),
        default=None,
    )


def is_plausible(moment_ms: int, now: datetime) -> bool:
    """Tell whether Litmus may have written the time by now."""
    return moment_ms <= _latest_ms(now)


def _latest_ms(now: datetime) -> int:
    return to_ms(now + FUTURE)


def experiments_read_at(snapshot: Snapshot) -> datetime | None:
    """Return when the list of experiments was read; ``None`` if the last attempt did not bring it whole."""
    freshness = snapshot.freshness.get(Section.EXPERIMENTS)
    if freshness is None or freshness.error is not None or Section.EXPERIMENTS in snapshot.restored:
        return None
    return freshness.succeeded_at
