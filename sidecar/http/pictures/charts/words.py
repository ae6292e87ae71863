"""Texts of charts: cleaned of what a picture must not hold, measured, and worded alike everywhere."""

import math
import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sidecar.http.shapes.common import WindowShape
from sidecar.insight.windows import WINDOWS

ELLIPSIS: Final = "…"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What XML 1.0 forbids, in any spelling, and what would turn or hide the text around it.
_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef]"
)
# Advances of DejaVu Sans, which Verdana shares, in hundredths of the size.
_ADVANCES: Final = {
    letter: advance
    for advance, letters in (
        (28, "'ijl"),
        (29, "IJ"),
        (32, " ,.·"),
        (35, "/:;\\|f"),
        (36, "-"),
        (39, "()[]t"),
        (41, "!r"),
        (46, '"'),
        (50, "*_`"),
        (52, "sz?"),
        (55, "cL"),
        (58, "Fkvxy"),
        (61, "PTYao"),
        (63, "eESbdghnpqu"),
        (64, "$0123456789{}"),
        (69, "KAVBRXZ"),
        (71, "C"),
        (77, "UHNDG"),
        (80, "&OQw#+<=>^~"),
        (86, "M"),
        (97, "%m"),
        (100, "W@…"),
    )
    for letter in letters
}
_OTHER_ADVANCE: Final = 100
"""Of every other letter: no less than nearly all of them take."""


def clean(text: str) -> str:
    """Return the text as one line that may stand in XML; what may not becomes a replacement sign."""
    return " ".join(_FORBIDDEN.sub("\ufffd", text).split())


def width_of(text: str, size: float) -> float:
    """Return about how wide the text is, in user units; rather too much than too little."""
    return sum(_ADVANCES.get(letter, _OTHER_ADVANCE) for letter in text) * size / 100


def fitting(text: str, width: float, size: float) -> str:
    """Return the text, or as much of its beginning as fits the width."""
    if width_of(text, size) <= width:
        return text
    left = width - width_of(ELLIPSIS, size)
    kept = 0
    for kept, letter in enumerate(text):  # noqa: B007 - read after the loop
        left -= width_of(letter, size)
        if left < 0:
            break
    return text[:kept].rstrip() + ELLIPSIS


def finite(score: float | None) -> float | None:
    """Return the score within 0 to 100; ``None`` for what is no number."""
    if score is None or not math.isfinite(score):
        return None
    return min(max(score, 0.0), 100.0)


def percent(score: float) -> str:
    """Return a score as the pages write it: ``87.5 %``."""
    return f"{round(score, 2):g} %"


def whole(score: float) -> int:
    """Return a score without decimals, halves up; only a whole 100 is called 100, only 0 is called 0."""
    if score in {0, 100}:
        return int(score)
    return min(max(math.floor(score + 0.5), 1), 99)


def share(number: int, total: int) -> str:
    """Return a share with at most one decimal; a part of the whole is neither 0 nor 100."""
    shown = round(100 * number / total, 1)
    if 0 < number < total:
        shown = min(max(shown, 0.1), 99.9)
    return f"{shown:g} %"


def window_words(window: WindowShape) -> str:
    """Return the window in words: ``last 30 days``, or its borders."""
    named = WINDOWS.get(window.name or "")
    if named is not None:
        return f"last {named.words}"
    return f"{moment(window.since, window.tz)} to {moment(window.until, window.tz)}"


def moment(instant: str, zone: str) -> str:
    """Return an RFC 3339 instant as people of the zone write it: ``23 Nov 2026, 02:59 UTC``."""
    local = _local(instant, zone)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {local.tzname()}"


def hour(instant: str, zone: str) -> str:
    """Return an instant's time of day: ``14:00``."""
    return f"{_local(instant, zone):%H:%M}"


def day(instant: str, zone: str) -> str:
    """Return an instant's day: ``23 Nov``."""
    local = _local(instant, zone)
    return f"{local.day} {_MONTHS[local.month - 1]}"


def month(instant: str, zone: str) -> str:
    """Return an instant's month: ``Nov 26``."""
    local = _local(instant, zone)
    return f"{_MONTHS[local.month - 1]} {local.year % 100:02d}"


def age_words(as_of: str | None, *, stale: bool, zone: str) -> str:
    """Return how fresh the figures are; absolute, since a picture may be looked at long after."""
    if as_of is None:
        return "Stale: Litmus was not read yet" if stale else "Litmus was not read yet"
    return f"{'Stale: as of' if stale else 'As of'} {moment(as_of, zone)}"


def _local(instant: str, zone: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))
