"""Repairs of what Litmus may say and the plugin cannot bear; pure, one value at a time.

Why each is needed: the plugin dereferences without looking, and one bad record
takes its whole page down. Nothing outside the plugin's shapes is healed.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import msgspec

from sidecar.domain.model import Content, Experiment, Infra
from sidecar.domain.runs import RecentRun

RECENT_RUNS_AT_MOST: Final = 10

NEVER_RAN: Final = RecentRun(
    experiment_run_id="", phase="NA", resiliency_score=None, updated_at_ms=None, updated_by=""
)
"""The one entry of an experiment that never ran: ten grey cells, and Run stays enabled."""

NO_INFRA: Final = Infra(
    infra_id="", name="-", environment_id="", is_active=False, infra_type="", infra_namespace=""
)
"""Stands for an infrastructure whose document is gone."""

UNKNOWN_USER: Final = "-"

_PHASES: Final[Mapping[str, str]] = {
    **{
        phase: phase
        for phase in (
            "Completed",
            "Completed_With_Error",
            "Completed_With_Probe_Failure",
            "Error",
            "Running",
            "Stopped",
            "Timeout",
            "Queued",
        )
    },
    "Pending": "Queued",
    "Succeeded": "Completed",
    "Terminated": "Stopped",
}
_INT_MAX: Final = 2**31 - 1


def plugin_experiments(content: Content) -> tuple[Experiment, ...]:
    """Return the experiments, those whose schedule does not fire at present without its text.

    The plugin computes a next run from any text it gets, also while the schedule is suspended,
    or was saved in Litmus and never started.
    """
    silent = {one.experiment_id for one in content.schedules or () if not one.can_fire}
    return tuple(
        msgspec.structs.replace(one, cron_syntax="") if one.experiment_id in silent else one
        for one in content.experiments or ()
    )


def plugin_phase(phase: str) -> str:
    """Return the nearest of the nine phases the plugin knows; ``NA`` for all others."""
    return _PHASES.get(phase, "NA")


def plugin_runs(runs: tuple[RecentRun, ...]) -> tuple[RecentRun, ...]:
    """Return at most ten runs, newest first, or the placeholder when there are none.

    Litmus lists them newest first; the order is made sure of only where every
    run says when it was created, since the plugin takes the first as the latest.
    """
    if not runs:
        return (NEVER_RAN,)
    known = [run.created_at_ms for run in runs if run.created_at_ms is not None]
    if len(known) == len(runs) and any(newer < older for newer, older in pairwise(known)):
        runs = tuple(sorted(runs, key=lambda run: run.created_at_ms or 0, reverse=True))
    return runs[:RECENT_RUNS_AT_MOST]


def finite(score: float | None) -> float | None:
    """Return the score, or ``None`` for what JSON cannot say."""
    return score if score is not None and math.isfinite(score) else None


def millis(at_ms: int | None) -> str:
    """Return a time the way Litmus sends it: milliseconds as text, ``"0"`` for unset."""
    return "0" if at_ms is None else str(at_ms)


def int32(number: int | None) -> int:
    """Return the number within GraphQL's ``Int``; ``0`` for ``None``."""
    return 0 if number is None else max(-_INT_MAX - 1, min(number, _INT_MAX))
