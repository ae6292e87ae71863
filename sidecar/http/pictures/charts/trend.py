"""The window's trend: the mean score of each bucket as a line, and beneath it the runs by outcome.

A bucket without a scored run has no point and breaks the line; it is never 0.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import msgspec

from sidecar.domain.runs import Outcome
from sidecar.domain.words import counted
from sidecar.http.pictures.charts.marks import (
    PAD,
    ROW,
    TEXT_SIZE,
    Block,
    Frame,
    Words,
    line,
    noted_frame,
    shares,
)
from sidecar.http.pictures.charts.outcomes import NO_RUNS
from sidecar.http.pictures.charts.palette import LOOKS
from sidecar.http.pictures.charts.words import day, finite, hour, month, percent, width_of
from sidecar.http.shapes.common import BucketShape

WIDTH: Final = 640.0
_LEFT: Final = 38.0
_SCORE_HEIGHT: Final = 110.0
_BETWEEN: Final = 14.0
_BARS_HEIGHT: Final = 48.0
_LEAST_PART: Final = 2.0
_WIDEST_BAR: Final = 24.0
_GRID: Final = (0, 25, 50, 75, 100)
_SMALL: Final = 10.0
_LONGEST_HOUR: Final = timedelta(hours=6)
"""Of a bucket that is called by its time of day."""
_LONGEST_WEEK: Final = timedelta(days=8)
NO_SCORED: Final = "No scored run in the window"


class TrendLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the grid with its word."""

    y: float
    words: Words


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The mean score of a bucket."""

    x: float
    y: float
    score: float


class TrendBucket(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket, placed."""

    text: str
    """Its figures in words; what a pointer over it says."""
    x: float
    """Left border of its slot."""
    width: float
    point: TrendPoint | None
    bars: tuple[Block, ...]
    """Its runs by outcome, the first lowest."""


class TrendChart(msgspec.Struct, frozen=True, kw_only=True):
    """A window's trend, placed."""

    frame: Frame
    headline: Words | None
    left: float
    right: float
    top: float
    height: float
    """From the top of the scores to the foot of the runs."""
    radius: float
    grid: tuple[TrendLine, ...]
    foot: float
    """Where the bars stand."""
    most: tuple[Words, ...]
    """Number of runs of the highest bar, and what it is a number of; empty without runs."""
    lines: tuple[str, ...]
    """Points of each unbroken stretch, as SVG writes them."""
    buckets: tuple[TrendBucket, ...]
    labels: tuple[Words, ...]
    empty: Words | None
    """Said where there is no run, or none with a score."""
    note: Words | None


def trend_chart(
    buckets: Sequence[BucketShape],
    *,
    zone: str,
    prefix: str,
    title: str,
    headline: str | None = None,
    note: str | None = None,
) -> TrendChart:
    """Return the chart of a trend, oldest bucket first.

    ``title`` names subject and window; ``headline`` and ``note`` (the age) are
    for a picture that stands alone.
    """
    top = PAD + 4.0 + (ROW if headline is not None else 0.0)
    scale = _Scale(buckets, zone, top)
    placed = tuple(scale.bucket(number, bucket) for number, bucket in enumerate(buckets))
    desc = _desc(buckets, placed)
    bottom = scale.foot + ROW
    room = WIDTH - 2 * PAD
    return TrendChart(
        frame=noted_frame(prefix, WIDTH, bottom, title, desc, note=note),
        headline=None if headline is None else line(headline, PAD, PAD + TEXT_SIZE, room=room),
        left=_LEFT,
        right=WIDTH - PAD,
        top=top,
        height=scale.foot - top,
        radius=round(min(3.0, max(1.2, scale.slot / 4)), 2),
        grid=tuple(
            TrendLine(
                y=y, words=line(str(score), _LEFT - 5.0, y + 3.5, room=_LEFT, anchor="end", size=_SMALL)
            )
            for score in _GRID
            for y in (scale.y(score),)
        ),
        foot=scale.foot,
        most=scale.most_words(),
        lines=tuple(_lines(placed)),
        buckets=placed,
        labels=tuple(_labels(buckets, scale)),
        empty=_empty(buckets, scale),
        note=None if note is None else line(note, PAD, bottom + ROW, room=room),
    )


class _Scale:
    """Where buckets, scores and numbers of runs are placed."""

    def __init__(self, buckets: Sequence[BucketShape], zone: str, top: float) -> None:
        self.zone = zone
        self.top = top
        self.slot = (WIDTH - PAD - _LEFT) / max(len(buckets), 1)
        self.foot = top + _SCORE_HEIGHT + _BETWEEN + _BARS_HEIGHT
        self.most = max((_runs(bucket) for bucket in buckets), default=0)
        self._label = _label_of(buckets)

    def label(self, bucket: BucketShape) -> str:
        return self._label(bucket.since, self.zone)

    def middle(self, number: int) -> float:
        return _LEFT + self.slot * (number + 0.5)

    def y(self, score: float) -> float:
        return round(self.top + _SCORE_HEIGHT * (1 - score / 100), 2)

    def most_words(self) -> tuple[Words, ...]:
        if not self.most:
            return ()
        top = self.foot - _BARS_HEIGHT + _SMALL - 2.0
        number, _, noun = counted(self.most, "run").partition(" ")
        return tuple(
            line(text, _LEFT - 5.0, y, room=_LEFT - 5.0, anchor="end", size=_SMALL)
            for text, y in ((number, top), (noun, top + _SMALL + 1.0))
        )

    def bucket(self, number: int, bucket: BucketShape) -> TrendBucket:
        score = finite(bucket.mean_score)
        x = round(_LEFT + self.slot * number, 2)
        return TrendBucket(
            text=_bucket_words(bucket, self.label(bucket)),
            x=x,
            width=round(round(_LEFT + self.slot * (number + 1), 2) - x, 2),
            point=None
            if score is None
            else TrendPoint(x=round(self.middle(number), 2), y=self.y(score), score=score),
            bars=self._bars(number, bucket),
        )

    def _bars(self, number: int, bucket: BucketShape) -> tuple[Block, ...]:
        counts = _counts(bucket)
        if not counts:
            return ()
        height = max(_BARS_HEIGHT * sum(counts.values()) / self.most, _LEAST_PART * len(counts))
        width = round(min(self.slot * 0.7, _WIDEST_BAR), 2)
        return tuple(
            Block(
                x=round(self.middle(number) - width / 2, 2),
                y=round(self.foot - start - length, 2),
                width=width,
                height=length,
                look=LOOKS[outcome],
            )
            for outcome, (start, length) in zip(
                counts, shares(list(counts.values()), height, _LEAST_PART), strict=True
            )
        )


def _counts(bucket: BucketShape) -> dict[Outcome, int]:
    return {outcome: number for outcome in LOOKS if (number := max(bucket.outcomes.get(outcome.value, 0), 0))}


def _runs(bucket: BucketShape) -> int:
    return sum(_counts(bucket).values())


def _lines(placed: Sequence[TrendBucket]) -> Iterator[str]:
    """Yield the unbroken stretches of at least two points."""
    for has_point, stretch in groupby(placed, key=lambda bucket: bucket.point is not None):
        points = [f"{bucket.point.x},{bucket.point.y}" for bucket in stretch if bucket.point is not None]
        if has_point and len(points) > 1:
            yield " ".join(points)


def _label_of(buckets: Sequence[BucketShape]) -> Callable[[str, str], str]:
    """Return how buckets of this length are called: by hour, by day or by month."""
    lengths = [
        datetime.fromisoformat(bucket.until) - datetime.fromisoformat(bucket.since) for bucket in buckets
    ]
    # The first and the last may be cut short by the window.
    longest = max(lengths, default=timedelta())
    if longest <= _LONGEST_HOUR:
        return hour
    return day if longest <= _LONGEST_WEEK else month


def _labels(buckets: Sequence[BucketShape], scale: _Scale) -> Iterator[Words]:
    """Yield labels at an even step, as many as stand apart."""
    texts = [scale.label(bucket) for bucket in buckets]
    widest = max((width_of(text, _SMALL) for text in texts), default=0.0)
    step = max(1, math.ceil((widest + 8.0) / scale.slot))
    for number in range(0, len(texts), step):
        half = width_of(texts[number], _SMALL) / 2
        x = min(max(scale.middle(number), half + 1.0), WIDTH - half - 1.0)
        yield line(texts[number], round(x, 2), scale.foot + 13.0, room=WIDTH, anchor="middle", size=_SMALL)


def _empty(buckets: Sequence[BucketShape], scale: _Scale) -> Words | None:
    text = None
    if not scale.most:
        text = NO_RUNS
    elif all(finite(bucket.mean_score) is None for bucket in buckets):
        text = NO_SCORED
    if text is None:
        return None
    x = (_LEFT + WIDTH - PAD) / 2
    return line(text, x, scale.y(62.5) + 4.0, room=WIDTH - PAD - _LEFT, anchor="middle")


def _desc(buckets: Sequence[BucketShape], placed: Sequence[TrendBucket]) -> str:
    """Return the figures of every bucket with runs; the others are only counted."""
    if not any(_runs(bucket) for bucket in buckets):
        return f"{NO_RUNS}."
    told = [one.text for bucket, one in zip(buckets, placed, strict=True) if _runs(bucket)]
    silent = len(buckets) - len(told)
    rest = f" Without any run: {silent} of {len(buckets)}." if silent else ""
    return f"{'; '.join(told)}.{rest}"


def _bucket_words(bucket: BucketShape, label: str) -> str:
    score = finite(bucket.mean_score)
    words = (
        f"{label}: no scored run" if score is None else f"{label}: {percent(score)} of {bucket.scored} scored"
    )
    counts = _counts(bucket)
    if not counts:
        return f"{label}: no run"
    runs = ", ".join(f"{LOOKS[outcome].label} {number}" for outcome, number in counts.items())
    return f"{words}, {counted(sum(counts.values()), 'run')} ({runs})"
