"""What all charts are made of: the frame with its text alternative, blocks, words."""

import re
from itertools import accumulate, pairwise
from typing import Final

import msgspec

from sidecar.http.pictures.charts.palette import Look
from sidecar.http.pictures.charts.words import clean, fitting, width_of

TEXT_SIZE: Final = 11.0
PAD: Final = 8.0
ROW: Final = 18.0
"""Height of a line of text between others."""
_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The picture around a chart: its size, and what it says to those who do not see it."""

    id: str
    """Beginning of the ids of title and description; unique in a page."""
    width: float
    height: float
    title: str
    desc: str
    """Holds every figure of the chart."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A line of text, at its baseline."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    """``start``, ``middle`` or ``end``."""
    size: float = TEXT_SIZE

    @property
    def left(self) -> float:
        """About where the text begins."""
        wide = width_of(self.text, self.size)
        return self.x - {"start": 0.0, "middle": wide / 2, "end": wide}[self.anchor]

    @property
    def right(self) -> float:
        """About where the text ends."""
        return self.left + width_of(self.text, self.size)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A filled rectangle that stands for runs of one outcome."""

    x: float
    y: float
    width: float
    height: float
    look: Look
    text: str = ""
    """Shown in its middle; empty where there is no room."""


def frame(prefix: str, width: float, height: float, title: str, desc: str) -> Frame:
    """Return the frame; texts are cleaned, and so is the prefix, to what an id may be."""
    return Frame(
        id=f"chart-{_ID.sub('-', prefix).strip('-') or 'x'}",
        width=width,
        height=height,
        title=clean(title),
        desc=clean(desc),
    )


def noted_frame(
    prefix: str, width: float, bottom: float, title: str, desc: str, *, note: str | None
) -> Frame:
    """Return the frame of a chart that ends at ``bottom``; a note has room below, and is described too."""
    if note is None:
        return frame(prefix, width, bottom + PAD, title, desc)
    return frame(prefix, width, bottom + PAD + ROW, title, f"{desc} {note}.")


def line(
    text: str, x: float, y: float, *, room: float, anchor: str = "start", size: float = TEXT_SIZE
) -> Words:
    """Return the text cleaned and cut to its room."""
    return Words(x=x, y=y, text=fitting(clean(text), room, size), anchor=anchor, size=size)


def shares(numbers: list[int], length: float, least: float) -> list[tuple[float, float]]:
    """Return beginning and length of a part for each positive number, together exactly ``length``.

    Each part has ``least`` and its share of what remains, so that one among
    many stays visible and the order of sizes is kept.
    """
    total = sum(numbers)
    spare = length - least * len(numbers)
    sizes = [least + spare * number / total for number in numbers]
    borders = [round(border, 2) for border in accumulate(sizes, initial=0.0)]
    return [(start, round(end - start, 2)) for start, end in pairwise(borders)]
