"""What became of actions, read off what was synchronised since. Pure.

Litmus names a run it starts by a notify id that no list shows, and gives the
run its own id only later; so a run is known by its experiment and creation
time. Each run answers for one action, oldest first.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never

import msgspec

from sidecar.actions.stopping import came_of, with_runs
from sidecar.domain.action import Action, ActionKind, ActionOutcome
from sidecar.domain.errors import ActionNotDoneError
from sidecar.domain.model import Experiment, Outcome, RecentRun, Section, Snapshot

LONGEST_FLIGHT: Final = timedelta(minutes=2)
"""Longer than a request may wait for its turn and its answer; after it nobody waits any more."""
SETTLING: Final = timedelta(seconds=90)
"""What Litmus may still do after we stopped waiting: its proxy gives up after 60 s."""
SKEW: Final = timedelta(minutes=2)
"""How far Litmus's clock may be behind ours."""
LOOK_BACK: Final = timedelta(hours=1)
"""Actions older than this stay as they are."""


def resolutions(
    actions: Sequence[Action], snapshot: Snapshot, now: datetime, username: str | None = None
) -> list[Action]:
    """Return the actions about which the snapshot tells more, as they stand with that.

    Args:
        actions: All recent ones of the snapshot's project, oldest first.
        snapshot: What was synchronised.
        now: The time.
        username: Whose token we act with: runs of others are not ours; ``None``: not known.
    """
    taken: set[tuple[str, int | None]] = {
        (one.experiment_id, one.run_created_at_ms) for one in actions if one.run_created_at_ms is not None
    }
    changed = []
    for action in actions:
        if action.is_resolved or _is_in_flight(action, now):
            continue
        resolved = _resolved(action, snapshot, taken, username)
        if resolved != action:
            taken.add((resolved.experiment_id, resolved.run_created_at_ms))
            changed.append(resolved)
    return changed


def _resolved(
    action: Action, snapshot: Snapshot, taken: Iterable[tuple[str, int | None]], username: str | None
) -> Action:
    is_of_schedule = action.kind in {ActionKind.SCHEDULE, ActionKind.START_SCHEDULE}
    section = Section.SCHEDULES if is_of_schedule else Section.EXPERIMENTS
    freshness = snapshot.freshness.get(section)
    seen_at = freshness.succeeded_at if freshness else None
    if seen_at is None or seen_at <= action.created_at:
        return action
    experiment = next(
        (one for one in snapshot.content.experiments or () if one.experiment_id == action.experiment_id), None
    )
    match action.kind:
        case ActionKind.RUN:
            run = _started_run(action, experiment, taken, username)
            return _concluded(action, seen_at, is_done=False) if run is None else _accepted(action, run)
        case ActionKind.STOP:
            return _with_stopped(action, experiment)
        case ActionKind.SCHEDULE:
            return _concluded(action, seen_at, is_done=_is_switched(action, snapshot))
        case ActionKind.START_SCHEDULE:
            return _concluded(action, seen_at, is_done=_is_started(action, snapshot))
        case _:
            assert_never(action.kind)


def _concluded(action: Action, seen_at: datetime, *, is_done: bool | None) -> Action:
    """Return the action with what was seen of it then; ``None``: nothing."""
    if action.outcome is not ActionOutcome.UNKNOWN or is_done is None:
        return action
    if is_done:
        return _accepted(action, None)
    if seen_at < (action.answered_at or action.created_at + LONGEST_FLIGHT) + SETTLING:
        return action
    return msgspec.structs.replace(
        action,
        outcome=ActionOutcome.FAILED,
        answered_at=action.answered_at or seen_at,
        error_code=ActionNotDoneError.code,
        error_message="Litmus did not answer, and what was synchronised since shows that it did not do it.",
    )


def _is_in_flight(action: Action, now: datetime) -> bool:
    return action.answered_at is None and now - action.created_at < LONGEST_FLIGHT


def _accepted(action: Action, run: RecentRun | None) -> Action:
    return msgspec.structs.replace(
        action,
        outcome=ActionOutcome.ACCEPTED,
        answered_at=action.answered_at or action.created_at,
        run_id=(run.experiment_run_id or None) if run else None,
        run_created_at_ms=run.created_at_ms if run else None,
        error_code=None,
        error_message=None,
    )


def _started_run(
    action: Action,
    experiment: Experiment | None,
    taken: Iterable[tuple[str, int | None]],
    username: str | None,
) -> RecentRun | None:
    """Return the oldest run that this action can have started and no other action did."""
    runs = experiment.recent_runs if experiment else ()
    if action.run_created_at_ms is not None:
        return next((run for run in runs if run.created_at_ms == action.run_created_at_ms), None)
    earliest_ms = max(action.newest_run_ms + 1, int((action.created_at - SKEW).timestamp() * 1000))
    candidates = [
        (run.created_at_ms, run)
        for run in runs
        if run.created_at_ms is not None
        and run.created_at_ms >= earliest_ms
        and (action.experiment_id, run.created_at_ms) not in taken
        # A stopped run has lost its user.
        and (username is None or run.updated_by in {None, "", username})
    ]
    return min(candidates, key=lambda one: one[0])[1] if candidates else None


def _with_stopped(action: Action, experiment: Experiment | None) -> Action:
    """Return the stop with those runs whose answers were lost and that are seen stopped.

    The others stay as they are: releases before 3.31 do not mark a stop in this list.
    """
    recent_runs = experiment.recent_runs if experiment else ()
    stopped = {run.experiment_run_id for run in recent_runs if run.outcome is Outcome.STOPPED}
    runs = tuple(
        came_of(run, None) if run.outcome is ActionOutcome.UNKNOWN and run.run_id in stopped else run
        for run in action.runs
    )
    if runs == action.runs:
        return action
    resolved = with_runs(action, runs)
    return msgspec.structs.replace(resolved, answered_at=action.answered_at or action.created_at)


def _is_started(action: Action, snapshot: Snapshot) -> bool | None:
    """``None``: no run of it came yet, and Litmus shows a started schedule nowhere else."""
    schedules = snapshot.content.schedules or ()
    return (
        True if any(one.experiment_id == action.experiment_id and one.started for one in schedules) else None
    )


def _is_switched(action: Action, snapshot: Snapshot) -> bool | None:
    states = [
        one.suspended for one in snapshot.content.schedules or () if one.experiment_id == action.experiment_id
    ]
    return states[0] == action.suspended if states else None
