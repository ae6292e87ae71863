"""The run history in pages."""

import msgspec

from sidecar.domain.model import Section
from sidecar.http.shapes.common import HistoryShape, NarrowingShape, RunShape, SectionShape

RUNS_SECTIONS = (Section.EXPERIMENTS, Section.RUN_HISTORY)
"""The runs, and what every question for them is narrowed by."""


class RunListShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Runs of an entity, newest first."""

    entity_ref: str
    as_of: str | None
    """When the runs were last read; ``null`` before the first time."""
    stale: bool
    """Whether the last reading failed, or is overdue: newer runs may be missing."""
    runs: list[RunShape]
    history: HistoryShape
    narrowed_to: NarrowingShape | None
    sections: dict[str, SectionShape]
    next_cursor: str | None
