"""The run history in pages."""

import msgspec

from sidecar.web.shapes.common import HistoryShape, NarrowingShape, RunShape


class RunListShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Runs of an entity, newest first."""

    entity_ref: str
    runs: list[RunShape]
    history: HistoryShape
    narrowed_to: NarrowingShape | None
    next_cursor: str | None
