"""The score now: a gauge around its number, with the number of experiments it is the mean of."""

import math
from typing import Final

import msgspec

from sidecar.domain.words import counted
from sidecar.http.pictures.charts.marks import PAD, ROW, TEXT_SIZE, Frame, Words, line, noted_frame
from sidecar.http.pictures.charts.palette import Level, level_of
from sidecar.http.pictures.charts.words import finite, percent
from sidecar.http.shapes.common import ScoreNowShape

WIDTH: Final = 240.0
_RADIUS: Final = 76.0
_STROKE: Final = 14.0
_NUMBER_SIZE: Final = 26.0
NO_SCORE: Final = "No score yet"


class ScoreChart(msgspec.Struct, frozen=True, kw_only=True):
    """The score now, placed."""

    frame: Frame
    headline: Words | None
    track: str
    """Path of the whole gauge."""
    arc: str | None
    """Path of the score's part; ``None`` for a score of 0 and for none."""
    stroke: float
    level: Level
    number: Words
    """The score, or the words that there is none."""
    detail: Words | None
    note: Words | None


def score_chart(
    score: ScoreNowShape,
    *,
    prefix: str,
    title: str,
    headline: str | None = None,
    note: str | None = None,
) -> ScoreChart:
    """Return the gauge of a score; ``headline`` and ``note`` are for a picture that stands alone."""
    value = finite(score.score)
    room = WIDTH - 2 * PAD
    middle = WIDTH / 2
    top = PAD + (ROW if headline is not None else 0.0)
    base = top + _STROKE / 2 + _RADIUS
    detail = None if value is None else f"mean of {counted(score.number, 'experiment')}"
    desc = f"{NO_SCORE}: no scored run is known."
    if value is not None:
        desc = f"{percent(value)}, {detail}."
    bottom = base + 6.0 + (ROW if detail is not None else 0.0)
    return ScoreChart(
        frame=noted_frame(prefix, WIDTH, bottom, title, desc, note=note),
        headline=None
        if headline is None
        else line(headline, middle, PAD + TEXT_SIZE, room=room, anchor="middle"),
        track=_arc(base, 100.0),
        arc=_arc(base, value) if value else None,
        stroke=_STROKE,
        level=level_of(value),
        number=line(
            NO_SCORE if value is None else percent(value),
            middle,
            base - 8.0,
            room=room,
            anchor="middle",
            size=16.0 if value is None else _NUMBER_SIZE,
        ),
        detail=None if detail is None else line(detail, middle, base + ROW, room=room, anchor="middle"),
        note=None if note is None else line(note, middle, bottom + ROW - 2.0, room=room, anchor="middle"),
    )


def _arc(base: float, score: float) -> str:
    """Return the path of the gauge from 0 to the score."""
    angle = math.pi * (1 - score / 100)
    x = round(WIDTH / 2 + _RADIUS * math.cos(angle), 2)
    y = round(base - _RADIUS * math.sin(angle), 2)
    return f"M{WIDTH / 2 - _RADIUS} {base}A{_RADIUS} {_RADIUS} 0 0 1 {x} {y}"
