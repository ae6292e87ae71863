"""Runs by outcome: one bar of parts, and beneath it each part's symbol, word, number and share."""

from collections.abc import Mapping
from typing import Final

import msgspec

from sidecar.domain.model import Outcome
from sidecar.http.pictures.charts.marks import PAD, TEXT_SIZE, Block, Frame, Words, frame, line, shares
from sidecar.http.pictures.charts.palette import LOOKS
from sidecar.http.pictures.charts.words import counted, share, width_of

WIDTH: Final = 480.0
_BAR: Final = 24.0
_LEAST: Final = 16.0
_ROW: Final = 18.0
_SWATCH: Final = 14.0
_GAP: Final = 14.0
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
    counts = {
        outcome: number for outcome in LOOKS if (number := max(runs_by_outcome.get(outcome.value, 0), 0))
    }
    total = sum(counts.values())
    room = WIDTH - 2 * PAD
    top = PAD + (_ROW if headline is not None else 0.0)
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
    figures = "; ".join(f"{LOOKS[outcome].label}: {number}" for outcome, number in counts.items())
    desc = f"{counted(total, 'run')}. {figures}." if total else f"{NO_RUNS}."
    return OutcomesChart(
        frame=frame(
            prefix,
            WIDTH,
            bottom + PAD + (_ROW if note is not None else 0.0),
            title,
            desc if note is None else f"{desc} {note}.",
        ),
        headline=None if headline is None else line(headline, PAD, PAD + TEXT_SIZE, room=room),
        blocks=blocks,
        legend=legend,
        empty=None if total else line(NO_RUNS, WIDTH / 2, top + 16.0, room=room, anchor="middle"),
        note=None if note is None else line(note, PAD, bottom + _ROW, room=room),
    )


def _legend(counts: Mapping[Outcome, int], total: int, top: float) -> tuple[LegendItem, ...]:
    """Return the legend in rows as long as fit."""
    items: list[LegendItem] = []
    x, y = PAD, top
    for outcome, number in counts.items():
        look = LOOKS[outcome]
        text = f"{look.label} {number} ({share(number, total)})"
        length = _SWATCH + 4.0 + width_of(text, TEXT_SIZE)
        if x > PAD and x + length > WIDTH - PAD:
            x, y = PAD, y + _ROW
        swatch = Block(x=round(x, 2), y=y, width=_SWATCH, height=_SWATCH, look=look, text=look.symbol)
        words = line(text, round(x + _SWATCH + 4.0, 2), y + 11.0, room=WIDTH - PAD - x - _SWATCH - 4.0)
        items.append(LegendItem(swatch=swatch, words=words))
        x += length + _GAP
    return tuple(items)
