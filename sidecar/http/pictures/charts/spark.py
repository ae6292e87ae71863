"""A trend so small that it stands in a row of a table: the mean scores alone, the last one marked."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Final

import msgspec

from sidecar.domain.words import counted
from sidecar.http.pictures.charts.marks import Frame, frame
from sidecar.http.pictures.charts.words import finite, percent
from sidecar.http.shapes.common import BucketShape

WIDTH: Final = 120.0
HEIGHT: Final = 26.0
_EDGE: Final = 3.0


class SparkChart(msgspec.Struct, frozen=True, kw_only=True):
    """Mean scores of a window's buckets, placed."""

    frame: Frame
    lines: tuple[str, ...]
    """Points of each unbroken stretch, as SVG writes them."""
    gaps: tuple[str, ...]
    """From the end of one stretch to the beginning of the next, where buckets have no scored run."""
    dots: tuple[tuple[float, float], ...]
    """Points without a neighbour, and the last of all."""


def spark_chart(buckets: Sequence[BucketShape], *, prefix: str, title: str) -> SparkChart | None:
    """Return the chart, oldest bucket first; ``None`` without any scored run, which a table says in words."""
    scores = [finite(bucket.mean_score) for bucket in buckets]
    known = [score for score in scores if score is not None]
    if not known:
        return None
    step = (WIDTH - 2 * _EDGE) / max(len(scores) - 1, 1)
    places = [
        None if score is None else (round(_EDGE + step * number, 1), _y(score))
        for number, score in enumerate(scores)
    ]
    stretches = [
        [place for place in stretch if place is not None]
        for has_score, stretch in groupby(places, key=lambda place: place is not None)
        if has_score
    ]
    alone = [stretch[0] for stretch in stretches if len(stretch) == 1]
    last = stretches[-1][-1]
    return SparkChart(
        frame=frame(prefix, WIDTH, HEIGHT, title, _desc(known, len(buckets))),
        lines=tuple(_points(stretch) for stretch in stretches if len(stretch) > 1),
        gaps=tuple(_points([before[-1], after[0]]) for before, after in pairwise(stretches)),
        dots=tuple(dict.fromkeys([*alone, last])),
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)


def _y(score: float) -> float:
    return round(_EDGE + (HEIGHT - 2 * _EDGE) * (1 - score / 100), 1)


def _desc(known: Sequence[float], number: int) -> str:
    return (
        f"First {percent(known[0])}, last {percent(known[-1])}, lowest {percent(min(known))}, "
        f"highest {percent(max(known))}; {counted(len(known), 'bucket')} of {number} with scored runs."
    )
