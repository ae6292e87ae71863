"""The one table of how outcomes and scores look: word, symbol, colours, class.

A fill carries its text with a contrast of at least 4.5 and stands against the
page (white, or the dark page's background) with at least 3. Colour never says
anything alone: word, symbol or number stands with it. The pages' style sheet
has the same colours, a test compares them.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from sidecar.domain.runs import Outcome


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How one outcome looks, everywhere."""

    label: str
    symbol: str
    css_class: str
    """For the pages' style sheet, which recolours it in the dark."""
    fill: str
    text: str
    """Colour of text on :attr:`fill`."""
    dark_fill: str
    dark_text: str


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """How a score of some height looks."""

    least: float
    """Lowest score of this level, in percent."""
    css_class: str
    fill: str
    text: str
    dark_fill: str
    dark_text: str


LIGHT_PAGE: Final = "#ffffff"
DARK_PAGE: Final = "#12161b"
_WHITE: Final = "#ffffff"
_INK: Final = "#0d1117"


def _look(outcome: Outcome, label: str, symbol: str, fill: str, dark_fill: str) -> Look:
    return Look(
        label=label,
        symbol=symbol,
        css_class=f"outcome-{outcome.value.replace('_', '-')}",
        fill=fill,
        text=_WHITE,
        dark_fill=dark_fill,
        dark_text=_INK,
    )


# Symbols are of DejaVu Sans and have no form as emoji, so that they look alike everywhere.
LOOKS: Final[Mapping[Outcome, Look]] = {
    Outcome.PASSED: _look(Outcome.PASSED, "Passed", "✓", "#1a7f37", "#4ac26b"),
    Outcome.PROBE_FAILED: _look(Outcome.PROBE_FAILED, "Probe failed", "!", "#b35900", "#f0a03c"),
    Outcome.ERROR: _look(Outcome.ERROR, "Error", "✕", "#c11f2d", "#ff8a80"),
    Outcome.STOPPED: _look(Outcome.STOPPED, "Stopped", "■", "#59636e", "#9aa4af"),
    Outcome.TIMEOUT: _look(Outcome.TIMEOUT, "Timeout", "◷", "#8250df", "#d2a8ff"),
    Outcome.RUNNING: _look(Outcome.RUNNING, "Running", "▶", "#0969da", "#79b8ff"),
    Outcome.WAITING: _look(Outcome.WAITING, "Waiting", "…", "#0f7285", "#56d4dd"),
    Outcome.OTHER: _look(Outcome.OTHER, "Other", "?", "#6e6a64", "#c2bdb5"),
}
"""In the order in which charts show them."""


def _level(least: float, name: str, fill: str, dark_fill: str) -> Level:
    return Level(
        least=least,
        css_class=f"level-{name}",
        fill=fill,
        text=_WHITE,
        dark_fill=dark_fill,
        dark_text=_INK,
    )


LEVELS: Final = (
    _level(80, "high", "#1a7f37", "#4ac26b"),
    _level(50, "middle", "#b35900", "#f0a03c"),
    _level(0, "low", "#c11f2d", "#ff8a80"),
)
NO_LEVEL: Final = _level(0, "none", "#6e6a64", "#c2bdb5")


def level_of(score: float | None) -> Level:
    """Return how a score looks; one that is not there has a look of its own."""
    if score is None:
        return NO_LEVEL
    return next((level for level in LEVELS if score >= level.least), LEVELS[-1])
