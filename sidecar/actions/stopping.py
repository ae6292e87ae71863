"""Which runs a stop is about, and what came of each. Pure.

Litmus stops a run by its id only: without one it marks the run stopped and
tells no agent, which goes on with what it was ordered. So a run without an id
is ``stopping`` until its agent's first event gives it one, for a minute.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from sidecar.domain.action import Action, ActionOutcome, RunStop
from sidecar.domain.errors import RunFinishedError, RunWithoutIdError, SidecarError, UpstreamAnswerLostError
from sidecar.domain.runs import UNFINISHED, RecentRun

PATIENCE: Final = timedelta(minutes=1)
"""How long an id is waited for; agents that are connected report within seconds."""
_MAY_STILL_RUN: Final = "It may still run: look at it in Litmus, and stop it once it shows there."
_NO_ID: Final = f"Run was not stopped: its infrastructure gave it no id within a minute. {_MAY_STILL_RUN}"
_MARKED: Final = (
    "Run was not stopped here: Litmus ended it before it had an id, and told its infrastructure nothing. "
    f"{_MAY_STILL_RUN}"
)
_ENDED: Final = "Run ended before it could be stopped."


def runs_to_stop(runs: Sequence[RecentRun], run_id: str | None) -> tuple[RunStop, ...]:
    """Return the unfinished ones of these runs, or of them the one with that id, before anything was done."""
    return tuple(
        RunStop(
            run_id=run.experiment_run_id or None,
            created_at_ms=run.created_at_ms,
            outcome=ActionOutcome.UNKNOWN if run.experiment_run_id else ActionOutcome.STOPPING,
        )
        for run in runs
        if run.outcome in UNFINISHED and run_id in {None, run.experiment_run_id}
    )


def with_runs(action: Action, runs: Sequence[RunStop]) -> Action:
    """Return the stop as it stands with these runs: its own outcome follows from theirs."""
    failures = [run for run in runs if run.outcome is ActionOutcome.FAILED]
    lost = [run for run in runs if run.outcome is ActionOutcome.UNKNOWN]
    outcome, decisive = ActionOutcome.ACCEPTED, None
    if any(run.outcome is ActionOutcome.STOPPING for run in runs):
        outcome = ActionOutcome.STOPPING
    elif lost:
        outcome, decisive = ActionOutcome.UNKNOWN, lost[0]
    elif failures:
        outcome = ActionOutcome.FAILED if len(failures) == len(runs) else ActionOutcome.PARTIAL
        decisive = failures[0]
    message = decisive.error_message if decisive else None
    if outcome is ActionOutcome.PARTIAL:
        message = f"{len(runs) - len(failures)} of {len(runs)} runs were stopped. {message}"
    return msgspec.structs.replace(
        action,
        runs=tuple(runs),
        outcome=outcome,
        run_id=runs[0].run_id if len(runs) == 1 else None,
        error_code=decisive.error_code if decisive else None,
        error_message=message,
    )


def with_ids(runs: Sequence[RunStop], seen: Sequence[RecentRun], *, is_over: bool) -> tuple[RunStop, ...]:
    """Return the runs with what is seen of those that wait for their ids.

    One that has its id now is ``unknown``, for it is about to be stopped by it.

    Args:
        runs: As they stood.
        seen: The newest runs of the experiment; empty where they could not be read.
        is_over: Whether nobody waits any longer.
    """
    return tuple(
        _with_id(run, seen, is_over=is_over) if run.outcome is ActionOutcome.STOPPING else run for run in runs
    )


def with_stop_result(run: RunStop, error: SidecarError | None) -> RunStop:
    """Return the run after Litmus was asked to stop it; ``None``: it accepted."""
    if error is None:
        return msgspec.structs.replace(
            run, outcome=ActionOutcome.ACCEPTED, error_code=None, error_message=None
        )
    is_lost = isinstance(error, UpstreamAnswerLostError)
    return msgspec.structs.replace(
        run,
        outcome=ActionOutcome.UNKNOWN if is_lost else ActionOutcome.FAILED,
        error_code=error.code,
        error_message=str(error),
    )


def _with_id(run: RunStop, seen: Sequence[RecentRun], *, is_over: bool) -> RunStop:
    found = next((one for one in seen if one.created_at_ms == run.created_at_ms), None)
    if found is not None and found.outcome not in UNFINISHED:
        error = RunFinishedError(_ENDED) if found.experiment_run_id else RunWithoutIdError(_MARKED)
        return with_stop_result(msgspec.structs.replace(run, run_id=found.experiment_run_id or None), error)
    if found is not None and found.experiment_run_id:
        return msgspec.structs.replace(run, run_id=found.experiment_run_id, outcome=ActionOutcome.UNKNOWN)
    return with_stop_result(run, RunWithoutIdError(_NO_ID)) if is_over else run
