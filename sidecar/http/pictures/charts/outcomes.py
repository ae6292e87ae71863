"""Runs by outcome: one bar of parts, and beneath it each part's symbol, word, number and share."""

from collections.abc import Mapping
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
    frame,
    line,
    noted_frame,
    shares,
)
from sidecar.http.pictures.charts.palette import LOOKS
from sidecar.http.pictures.charts.words import share, width_of

WIDTH: Final = 480.0
_BAR: Final = 24.0
_LEAST: Final = 16.0
_SWATCH: Final = 14.0
_GAP: Final = 14.0
_SMALL_WIDTH: Final = 180.0
_SMALL_HEIGHT: Final = 18.0
NO_RUNS: Final = "No runs known in the window"


class LegendItem(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome of the legend."""

    swatch: Block
    words: Words


class OutcomesChart(msgspec.Struct, frozen=True, kw_only=True):
    """Runs by outcome, placed."""

    frame: Frame
    headline: Words | None
    blocks: tuple[Block, ...]
    """Their widths together are the bar's; empty without runs."""
    legend: tuple[LegendItem, ...]
    empty: Words | None
    """Said instead of a bar without runs."""
    note: Words | None


class OutcomeBar(msgspec.Struct, frozen=True, kw_only=True):
    """Runs by outcome as a bar so small that it stands in a row of a table."""

    frame: Frame
    blocks: tuple[Block, ...]
    """Each with its symbol, and its number where there is room."""


def outcome_bar(runs_by_outcome: Mapping[str, int], *, prefix: str, title: str) -> OutcomeBar | None:
    """Return the bar of so many runs per outcome; ``None`` without any, which a table says in words."""
    counts = _counts(runs_by_outcome)
    if not counts:
        return None
    parts = shares(list(counts.values()), _SMALL_WIDTH, _LEAST)
    blocks = tuple(
        Block(
            x=start,
            y=0.0,
            width=width,
            height=_SMALL_HEIGHT,
            look=LOOKS[outcome],
            text=_fitting_text(outcome, number, width),
        )
        for (outcome, number), (start, width) in zip(counts.items(), parts, strict=True)
    )
    return OutcomeBar(frame=frame(prefix, _SMALL_WIDTH, _SMALL_HEIGHT, title, _desc(counts)), blocks=blocks)


def outcomes_chart(
    runs_by_outcome: Mapping[str, int],
    *,
    prefix: str,
    title: str,
    headline: str | None = None,
    note: str | None = None,
) -> OutcomesChart:
    """Return the chart of so many runs per outcome.

    ``title`` names subject and window; ``headline`` and ``note`` (the age) are
    for a picture that stands alone.
    """
    counts = _counts(runs_by_outcome)
    total = sum(counts.values())
    room = WIDTH - 2 * PAD
    top = PAD + (ROW if headline is not None else 0.0)
    parts = shares(list(counts.values()), room, _LEAST) if counts else []
    blocks = tuple(
        Block(
            x=round(PAD + start, 2),
            y=top,
            width=width,
            height=_BAR,
            look=LOOKS[outcome],
            text=str(number) if width_of(str(number), TEXT_SIZE) + 4 <= width else "",
        )
        for (outcome, number), (start, width) in zip(counts.items(), parts, strict=True)
    )
    legend = _legend(counts, total, top + _BAR + 6.0)
    bottom = legend[-1].swatch.y + _SWATCH if legend else top + _BAR
    desc = _desc(counts)
    return OutcomesChart(
        frame=noted_frame(prefix, WIDTH, bottom, title, desc, note=note),
        headline=None if headline is None else line(headline, PAD, PAD + TEXT_SIZE, room=room),
        blocks=blocks,
        legend=legend,
        empty=None if total else line(NO_RUNS, WIDTH / 2, top + 16.0, room=room, anchor="middle"),
        note=None if note is None else line(note, PAD, bottom + ROW, room=room),
    )


def _counts(runs_by_outcome: Mapping[str, int]) -> dict[Outcome, int]:
    """Return the outcomes that have runs, in the order of charts."""
    return {outcome: number for outcome in LOOKS if (number := max(runs_by_outcome.get(outcome.value, 0), 0))}


def _desc(counts: Mapping[Outcome, int]) -> str:
    figures = "; ".join(f"{LOOKS[outcome].label}: {number}" for outcome, number in counts.items())
    return f"{counted(sum(counts.values()), 'run')}. {figures}." if counts else f"{NO_RUNS}."


def _fitting_text(outcome: Outcome, number: int, width: float) -> str:
    """Return symbol and number, or the symbol alone: colour says nothing by itself."""
    symbol = LOOKS[outcome].symbol
    both = f"{symbol} {number}"
    return both if width_of(both, TEXT_SIZE) + 4 <= width else symbol


def _legend(counts: Mapping[Outcome, int], total: int, top: float) -> tuple[LegendItem, ...]:
    """Return the legend in rows as long as fit."""
    items: list[LegendItem] = []
    x, y = PAD, top
    for outcome, number in counts.items():
        look = LOOKS[outcome]
        text = f"{look.label} {number} ({share(number, total)})"
        length = _SWATCH + 4.0 + width_of(text, TEXT_SIZE)
        if x > PAD and x + length > WIDTH - PAD:
            x, y = PAD, y + ROW
        swatch = Block(x=round(x, 2), y=y, width=_SWATCH, height=_SWATCH, look=look, text=look.symbol)
        words = line(text, round(x + _SWATCH + 4.0, 2), y + 11.0, room=WIDTH - PAD - x - _SWATCH - 4.0)
        items.append(LegendItem(swatch=swatch, words=words))
        x += length + _GAP
    return tuple(items)
