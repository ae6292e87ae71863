"""What the cells of an experiment's heat map tell of its last runs."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sidecar.domain.runs import SCORED, Outcome, RecentRun
from sidecar.domain.unix_time import from_ms
from sidecar.http.answers.times import rfc3339
from sidecar.http.pictures.charts.words import finite
from sidecar.replica.healing import NEVER_RAN, plugin_runs

_LATEST_MS: Final = 32_503_680_000_000
"""Year 3000; what is later, no calendar has."""


class HeatRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell tells of a run."""

    outcome: Outcome
    score: float | None
    """Percent; ``None`` unless the run is scored."""
    at: str | None
    """When it was created, RFC 3339; ``None`` if unknown."""
    by: str | None
    """Who started it; ``None`` for a schedule, or where Litmus does not say."""


def heat_runs(recent: Sequence[RecentRun]) -> list[HeatRun]:
    """Return an experiment's recent runs, those that the content lists and in its order: newest first."""
    return [_heat_run(run) for run in plugin_runs(tuple(recent)) if run is not NEVER_RAN]


def _heat_run(run: RecentRun) -> HeatRun:
    return HeatRun(
        outcome=run.outcome,
        score=finite(run.resiliency_score) if run.outcome in SCORED else None,
        at=_instant(run.created_at_ms or 0),
        by=run.updated_by or None,
    )


def _instant(milliseconds: int) -> str | None:
    """Return the time; Litmus's zero and what no calendar has are unknown."""
    if not 0 < milliseconds < _LATEST_MS:
        return None
    return rfc3339(from_ms(milliseconds))
