"""The last ten runs of an experiment as ten cells, the newest to the right, hollow where there is none."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sidecar.insight.civil import from_ms
from sidecar.model import SCORED, Outcome, RecentRun
from sidecar.replica.healing import NEVER_RAN, plugin_runs
from sidecar.web.charts.marks import Frame, frame
from sidecar.web.charts.palette import LOOKS, Look
from sidecar.web.charts.words import clean, counted, finite, moment, percent
from sidecar.web.text import rfc3339

CELLS: Final = 10
SIDE: Final = 18
_STEP: Final = 21
_NO_RUNS: Final = "Never run"


class HeatRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell tells of a run."""

    outcome: Outcome
    score: float | None
    """Percent; ``None`` unless the run is scored."""
    at: str | None
    """When it was created, RFC 3339; ``None`` if unknown."""
    by: str | None
    """Who started it; ``None`` for a schedule, or where Litmus does not say."""


class HeatCell(msgspec.Struct, frozen=True, kw_only=True):
    """A run's cell."""

    x: int
    look: Look
    text: str
    """What a pointer over the cell says."""


class HeatChart(msgspec.Struct, frozen=True, kw_only=True):
    """Ten cells, placed."""

    frame: Frame
    side: int
    hollow: tuple[int, ...]
    """Left borders of the cells without a run."""
    cells: tuple[HeatCell, ...]


def heat_runs(recent: Sequence[RecentRun]) -> list[HeatRun]:
    """Return an experiment's recent runs, those that the content lists and in its order: newest first."""
    return [_heat_run(run) for run in plugin_runs(tuple(recent)) if run is not NEVER_RAN]


def heat_chart(runs: Sequence[HeatRun], *, prefix: str, experiment_name: str, zone: str = "UTC") -> HeatChart:
    """Return the cells of at most ten runs, given newest first."""
    shown = runs[:CELLS]
    cells = tuple(
        HeatCell(x=(CELLS - 1 - place) * _STEP, look=LOOKS[run.outcome], text=_words(run, zone))
        for place, run in enumerate(shown)
    )
    # Cells tell when and who; here that would be too much to listen to.
    figures = "; ".join(f"{LOOKS[run.outcome].label}{_score(run)}" for run in shown)
    return HeatChart(
        frame=frame(
            prefix,
            CELLS * _STEP - (_STEP - SIDE),
            SIDE,
            f"{experiment_name}: last runs",
            f"{counted(len(shown), 'run')}, newest first: {figures}." if shown else f"{_NO_RUNS}.",
        ),
        side=SIDE,
        hollow=tuple(place * _STEP for place in range(CELLS - len(shown))),
        cells=cells,
    )


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


_LATEST_MS: Final = 32_503_680_000_000


def _score(run: HeatRun) -> str:
    return "" if run.score is None else f" {percent(run.score)}"


def _words(run: HeatRun, zone: str) -> str:
    words = f"{LOOKS[run.outcome].label}{_score(run)}"
    if run.at is not None:
        words += f", {moment(run.at, zone)}"
    if run.by is not None:
        words += f", by {run.by}"
    return clean(words)
