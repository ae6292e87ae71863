"""Runs by outcome and scores: of a window, of the one before it, and now.

A :class:`Summary` is what can be merged over projects without losing the
median. Sums are exact (``fsum``), so no figure depends on an order.
"""

import math
import statistics
from array import array
from collections.abc import Iterable, Mapping

import msgspec

from sidecar.domain.runs import Outcome
from sidecar.insight.digest import OUTCOMES, ProjectRuns
from sidecar.insight.windows import Window


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of a stretch of time, reduced to what figures need."""

    counts: tuple[int, ...]
    """Runs per outcome, in the order of ``digest.OUTCOMES``."""
    scores: "array[float]"
    """Of the scored runs, ascending."""


class ScoreStats(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of the scored runs of a stretch of time, 0 to 100."""

    number: int
    """How many scored runs there are."""
    mean: float | None
    """``None`` without any scored run, never 0; so are :attr:`median` and :attr:`worst`."""
    median: float | None
    worst: float | None


class WindowFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a window's runs come to."""

    score: ScoreStats
    previous: ScoreStats
    """Of the window before."""
    change: float | None
    """Points of the mean against the window before; ``None`` if either has no scored run."""
    total: int
    """All runs of the window, unscored and since deleted ones included."""
    outcomes: Mapping[Outcome, int]
    """Every outcome, with 0 where there is no run of it."""


class ScoreNow(msgspec.Struct, frozen=True, kw_only=True):
    """The mean over experiments of each one's latest scored run, however old it is."""

    score: float | None
    """``None`` without any."""
    number: int
    """Of how many experiments."""


def summarise(runs: ProjectRuns, since_ms: int, until_ms: int) -> Summary:
    """Reduce the runs created in ``[since, until)``."""
    first, last = runs.span(since_ms, until_ms)
    outcomes = runs.outcomes[first:last]
    return Summary(
        counts=tuple(outcomes.count(code) for code in range(len(OUTCOMES))),
        scores=array("d", sorted(score for score in runs.scores[first:last] if not math.isnan(score))),
    )


def merge(summaries: Iterable[Summary]) -> Summary:
    """Return the summary of all their runs together; they must not share any."""
    parts = list(summaries)
    scores: list[float] = []
    for part in parts:
        scores.extend(part.scores)
    scores.sort()
    counts = zip(*(part.counts for part in parts), strict=True) if parts else ((),) * len(OUTCOMES)
    return Summary(counts=tuple(sum(count) for count in counts), scores=array("d", scores))


def score_stats(summary: Summary) -> ScoreStats:
    """Return the figures of a summary's scores."""
    scores = summary.scores
    if not scores:
        return ScoreStats(number=0, mean=None, median=None, worst=None)
    return ScoreStats(
        number=len(scores),
        mean=math.fsum(scores) / len(scores),
        median=statistics.median(scores),
        worst=scores[0],
    )


def outcome_counts(summary: Summary) -> dict[Outcome, int]:
    """Return the number of runs of every outcome."""
    return dict(zip(OUTCOMES, summary.counts, strict=True))


def summarise_window(runs: ProjectRuns, window: Window) -> tuple[Summary, Summary]:
    """Reduce the runs of the window, and those of the window before."""
    return (
        summarise(runs, window.since_ms, window.until_ms),
        summarise(runs, window.previous_since_ms, window.since_ms),
    )


def window_figures(current: Summary, previous: Summary) -> WindowFigures:
    """Return a window's figures from its summary and that of the window before."""
    score, before = score_stats(current), score_stats(previous)
    change = None if score.mean is None or before.mean is None else score.mean - before.mean
    return WindowFigures(
        score=score,
        previous=before,
        change=change,
        total=sum(current.counts),
        outcomes=outcome_counts(current),
    )


def latest_scores(runs: ProjectRuns) -> "array[float]":
    """Return the latest score of each experiment that has one and still exists in Litmus."""
    latest = (one.latest_score for one in runs.experiments if not one.removed)
    return array("d", [score for score in latest if score is not None])


def score_now(parts: Iterable["array[float]"]) -> ScoreNow:
    """Return the score now over :func:`latest_scores` of one project, or of several."""
    scores = [score for part in parts for score in part]
    return ScoreNow(score=math.fsum(scores) / len(scores) if scores else None, number=len(scores))


def last_outcome(runs: ProjectRuns) -> Outcome | None:
    """Return the outcome of the latest run; ``None`` if there is none."""
    return OUTCOMES[runs.outcomes[-1]] if runs.outcomes else None


def last_run_score(runs: ProjectRuns) -> float | None:
    """Return the score of the latest run; ``None`` if there is none or it is not scored."""
    score = runs.scores[-1] if runs.scores else math.nan
    return None if math.isnan(score) else score


def last_run_at_ms(runs: ProjectRuns) -> int | None:
    """Return when the latest run was created; ``None`` if there is none."""
    return runs.created_at_ms[-1] if runs.created_at_ms else None
