"""A badge for READMEs, as flat as everybody's: what it is about, and the figure."""

from typing import Final

import msgspec

from sidecar.domain.words import counted
from sidecar.http.pictures.charts.marks import Frame, Words, frame
from sidecar.http.pictures.charts.palette import Level, level_of
from sidecar.http.pictures.charts.words import clean, finite, fitting, percent, whole, width_of
from sidecar.http.shapes.common import ScoreNowShape

HEIGHT: Final = 20.0
DEFAULT_LABEL: Final = "resilience"
NO_DATA: Final = "no data"
_PAD: Final = 5.0
_TEXT_SIZE: Final = 11.0
_LONGEST: Final = 300.0


class BadgeChart(msgspec.Struct, frozen=True, kw_only=True):
    """Two fields side by side; the texts are drawn exactly as long as said, whatever the font."""

    frame: Frame
    label: Words
    label_width: float
    """Of the field."""
    label_length: float
    """Of its text."""
    value: Words
    value_width: float
    value_length: float
    level: Level


def badge_chart(
    label: str, value: str, *, prefix: str, level: Level, title: str | None = None, desc: str | None = None
) -> BadgeChart:
    """Return a badge of any two texts; without a title of its own it says just them."""
    label = fitting(clean(label), _LONGEST, _TEXT_SIZE)
    value = fitting(clean(value), _LONGEST, _TEXT_SIZE)
    label_length = round(width_of(label, _TEXT_SIZE), 1)
    value_length = round(width_of(value, _TEXT_SIZE), 1)
    label_width, value_width = label_length + 2 * _PAD, value_length + 2 * _PAD
    words = f"{label}: {value}"
    return BadgeChart(
        frame=frame(prefix, round(label_width + value_width, 1), HEIGHT, title or words, desc or words),
        label=Words(x=_PAD, y=14.0, text=label),
        label_width=round(label_width, 1),
        label_length=label_length,
        value=Words(x=round(label_width + _PAD, 1), y=14.0, text=value),
        value_width=round(value_width, 1),
        value_length=value_length,
        level=level,
    )


def score_badge(
    score: ScoreNowShape, *, prefix: str, title: str, note: str, stale: bool, label: str = DEFAULT_LABEL
) -> BadgeChart:
    """Return the badge of the score now; ``note`` (the age) has no room but in the description."""
    value = finite(score.score)
    # Text and colour are of the same number: 79.6 is called 80 and looks so.
    told = None if value is None else whole(value)
    shown = NO_DATA if told is None else f"{told} %"
    exact = NO_DATA if value is None else f"{percent(value)}, mean of {counted(score.number, 'experiment')}"
    return badge_chart(
        label,
        f"{shown} (stale)" if stale else shown,
        prefix=prefix,
        level=level_of(told),
        title=f"{title}: {shown}",
        desc=f"{exact}. {note}.",
    )
