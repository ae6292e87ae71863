"""Columns that hold JSON: what another release wrote there may be unreadable for this one."""

from collections.abc import Hashable
from typing import Final, TypeVar

import msgspec
import structlog
from cachetools import LRUCache

from sidecar.domain.unreadable import UNREADABLE

T = TypeVar("T")
_REMEMBERED: Final = 10_000
_log = structlog.get_logger(__name__)


class JsonColumn:
    """Reads the JSON of one table; a row that cannot be read is logged once."""

    def __init__(self, table: str) -> None:
        """Take the name of the table, for the log."""
        self._table = table
        self._logged: LRUCache[Hashable, None] = LRUCache(_REMEMBERED)

    def read(self, decoder: msgspec.json.Decoder[T], row_id: Hashable, body: bytes | str) -> T | None:
        """Return what a row holds; ``None``: this release cannot read it."""
        try:
            return decoder.decode(body)
        except UNREADABLE as exc:
            if row_id not in self._logged:
                self._logged[row_id] = None
                # Its kind alone: the text of an error may quote what was read.
                _log.error("stored row unreadable", table=self._table, row=row_id, error=type(exc).__name__)
            return None
