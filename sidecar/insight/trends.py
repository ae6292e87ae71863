"""Trends: a window cut at the edges of local hours, days, weeks or months.

Buckets are half-open, follow each other without a hole and cover the window
exactly; the first and the last may therefore be shorter than the rest.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from sidecar.domain.runs import Outcome
from sidecar.domain.unix_time import ceil_ms
from sidecar.insight.civil_time import edges
from sidecar.insight.digest import ProjectRuns
from sidecar.insight.scores import merge, outcome_counts, score_stats, summarise
from sidecar.insight.windows import Window


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of a trend."""

    since: datetime
    """Inclusive, UTC."""
    until: datetime
    """Exclusive, UTC."""
    mean_score: float | None
    """``None`` without a scored run."""
    scored: int
    """How many scored runs the mean is of."""
    outcomes: Mapping[Outcome, int]


def bucket_edges(window: Window) -> tuple[datetime, ...]:
    """Return the borders of the window's buckets: its beginning, edges of its unit, its end."""
    inner = edges(ZoneInfo(window.zone), window.unit, window.since, window.until)
    return (window.since, *inner, window.until)


def trend(projects: Sequence[ProjectRuns], window: Window) -> tuple[Bucket, ...]:
    """Return the window's buckets over the runs of all the projects, oldest first."""
    return tuple(_bucket(projects, since, until) for since, until in itertools.pairwise(bucket_edges(window)))


def _bucket(projects: Sequence[ProjectRuns], since: datetime, until: datetime) -> Bucket:
    since_ms, until_ms = ceil_ms(since), ceil_ms(until)
    summary = merge(summarise(runs, since_ms, until_ms) for runs in projects)
    stats = score_stats(summary)
    return Bucket(
        since=since,
        until=until,
        mean_score=stats.mean,
        scored=stats.number,
        outcomes=outcome_counts(summary),
    )
