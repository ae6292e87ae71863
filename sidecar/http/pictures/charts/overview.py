"""The charts of an entity's overview, made from the shape that the API serves."""

import msgspec

from sidecar.domain.words import counted
from sidecar.http.pictures.charts.badge import DEFAULT_LABEL, BadgeChart, score_badge
from sidecar.http.pictures.charts.outcomes import OutcomesChart, outcomes_chart
from sidecar.http.pictures.charts.score import ScoreChart, score_chart
from sidecar.http.pictures.charts.trend import TrendChart, trend_chart
from sidecar.http.pictures.charts.words import age_words, clean, window_words
from sidecar.http.shapes.overview import OverviewShape


class OverviewCharts(msgspec.Struct, frozen=True, kw_only=True):
    """What an entity's page shows in pictures."""

    score: ScoreChart
    outcomes: OutcomesChart
    trend: TrendChart


def overview_charts(shape: OverviewShape) -> OverviewCharts:
    """Return the charts for a page, which names subject, window and age itself."""
    return OverviewCharts(
        score=score_chart(shape.score_now, prefix="score", title=_score_title(shape)),
        outcomes=outcomes_chart(shape.runs_by_outcome, prefix="outcomes", title=_outcomes_title(shape)),
        trend=trend_chart(shape.trend, zone=shape.window.tz, prefix="trend", title=_trend_title(shape)),
    )


def score_picture(shape: OverviewShape) -> ScoreChart:
    """Return the score now as a picture that stands alone."""
    title = _score_title(shape)
    return score_chart(shape.score_now, prefix="score", title=title, headline=title, note=_note(shape))


def outcomes_picture(shape: OverviewShape) -> OutcomesChart:
    """Return the runs by outcome as a picture that stands alone."""
    title = _outcomes_title(shape)
    return outcomes_chart(
        shape.runs_by_outcome,
        prefix="runs",
        title=title,
        headline=f"{title}: {counted(shape.total_runs, 'run')}",
        note=_note(shape),
    )


def trend_picture(shape: OverviewShape) -> TrendChart:
    """Return the trend as a picture that stands alone."""
    title = _trend_title(shape)
    return trend_chart(
        shape.trend, zone=shape.window.tz, prefix="trend", title=title, headline=title, note=_note(shape)
    )


def badge_picture(shape: OverviewShape, label: str | None = None) -> BadgeChart:
    """Return the badge of the score now."""
    return score_badge(
        shape.score_now,
        prefix="badge",
        title=_score_title(shape),
        note=_note(shape),
        stale=shape.stale,
        label=label or DEFAULT_LABEL,
    )


def _subject(shape: OverviewShape) -> str:
    return clean(shape.title or "") or shape.entity_ref.partition("/")[2]


def _score_title(shape: OverviewShape) -> str:
    return f"{_subject(shape)}: resilience score now"


def _outcomes_title(shape: OverviewShape) -> str:
    return f"{_subject(shape)}: runs by outcome, {window_words(shape.window)}"


def _trend_title(shape: OverviewShape) -> str:
    return f"{_subject(shape)}: resilience score and runs, {window_words(shape.window)}"


def _note(shape: OverviewShape) -> str:
    note = age_words(shape.as_of, stale=shape.stale, zone=shape.window.tz)
    return note if shape.history.is_complete else f"{note}; older runs are still being read"
