"""How far the reading of a project's history is between two steps: values, and how they are kept.

Pure. They are kept as :attr:`HistoryState.progress`; those of another release
are dropped, and then work begins anew without losing a run. So names on the
wire stay as they were first written (``name=``).
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from sidecar.domain.runs import Run
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.values import Page

MAX_RESTARTS: Final = 3


class ListPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a list was read that is longer than a step."""

    offset: int = 0
    """Rows read; pages may have shrunk since, so not a number of pages."""
    total: int | None = None
    restarts: int = 0
    is_done: bool = False

    def after(self, page: Page[Run], size: int, *, enough: bool = False) -> "ListPosition":
        """Return the position behind a page of ``size`` that begins at or before :attr:`offset`.

        A list that became shorter moved rows to pages already read, so it is
        read again from its beginning. ``enough`` ends it here.
        """
        shrunk = self.total is not None and page.total < self.total
        if shrunk and self.restarts < MAX_RESTARTS:
            return ListPosition(restarts=self.restarts + 1)
        offset = (self.offset // size + 1) * size
        return ListPosition(
            offset=offset,
            total=page.total,
            restarts=self.restarts,
            is_done=enough or not page.rows or offset >= page.total,
        )


class Increment(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of what changed since the watermark."""

    since_ms: int
    experiment_ids: tuple[str, ...] | None = None
    """``None``: by date. Else the date range is of no use (Litmus before 3.18), and the newest
    runs of these experiments are read instead."""
    reading: ListPosition = ListPosition()
    greatest_ms: int | None = None
    """Greatest ``updatedAt`` met so far that is no nonsense."""


class SweepKind(StrEnum):
    """Why every experiment's runs are read."""

    BACK_FILL = "backFill"
    COMPARE = "compare"
    LOOK = "look"
    """Of a few experiments, of which Litmus has fewer runs than we."""
    CONFIRM = "confirm"


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of the runs of many experiments, batch by batch, newest first."""

    kind: SweepKind
    horizon_ms: int
    """Runs created before are beyond retention, and not read."""
    pending: tuple[str, ...]
    """Experiments not begun, by id."""
    batch: tuple[str, ...] = ()
    reading: ListPosition = ListPosition()
    seen: bytes = b""
    """Digests of the batch's runs that Litmus listed."""
    born: bytes = b""
    """The same by creation, which finds a run that gained its id."""
    timeless: int = 0
    """Rows of the batch without any time, which cannot be kept."""
    is_doubtful: bool = False
    """Whether the batch had null elements or broke off: it says nothing about what is missing."""
    missing: bytes = msgspec.field(default=b"", name="suspects")
    """Digests of the runs that were not found."""
    missing_in: tuple[str, ...] = msgspec.field(default=(), name="suspected_experiments")
    """Experiments of those."""
    left_out: int = 0
    """Rows that could not be kept, in all."""


class MissingRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that a complete pass did not find; another one decides."""

    runs: bytes
    """Digests of their identities."""
    experiment_ids: tuple[str, ...]
    found_at: datetime


class ReferenceRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that Litmus has for certain, to tell an empty date range from one that matches nothing."""

    experiment_run_id: str
    updated_at_ms: int


class TotalCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Litmus's total of runs against the runs we found since both were known to agree."""

    total: int | None = None
    """Litmus's total then."""
    found: int = 0
    """New runs found since."""
    off: int = 0
    """The difference at the last increment."""
    is_unexplained: bool = False
    """Whether the difference stayed: a total that runs ahead of the list for a moment is no news."""

    def after(self, total: int | None) -> "TotalCheck":
        """Return the total_check at an increment's end."""
        if total is None or self.total is None:
            return TotalCheck(total=total, found=0) if self.total is None else self
        off = total - self.total - self.found
        return msgspec.structs.replace(self, off=off, is_unexplained=off != 0 and off == self.off)


class Unchanged(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has not ended, asked for again and found as it was."""

    times: int
    asked_at: datetime


class HistoryProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the collector remembers of one project beside the public state."""

    format: int = 1
    increment: Increment | None = None
    sweep: Sweep | None = None
    missing: MissingRuns | None = msgspec.field(default=None, name="suspects")
    reference_run: ReferenceRun | None = msgspec.field(default=None, name="anchor")
    ranges_failed_at: datetime | None = None
    """When a date range matched nothing though it should have; ``None``: they work as far as we know."""
    merged_at: datetime | None = msgspec.field(default=None, name="followed_at")
    """Attempt of the snapshot whose list of experiments was taken in last."""
    absent: dict[str, datetime] = {}
    """Known experiments that the snapshot lacks, with its attempt that lacked them first."""
    seen_version: int | None = None
    """Content version of the snapshot at the last increment."""
    total_check: TotalCheck = msgspec.field(default=TotalCheck(), name="balance")
    counted_at: datetime | None = None
    """When runs kept were last counted against Litmus's, a batch of experiments at a time."""
    counted_to: str = ""
    """Last experiment of the batch counted then; the next batch begins behind it."""
    short_experiments: tuple[str, ...] = msgspec.field(default=(), name="doubted")
    """Experiments of which Litmus has fewer runs than we: some were deleted."""
    unchanged: dict[str, Unchanged] = {}
    """Runs that have not ended, by id, or experiment and creation: those found unchanged when asked for."""


def load_progress(stored: bytes) -> HistoryProgress:
    """Return the progress of a state; a new one if there is none that can be read."""
    try:
        progress = msgspec.msgpack.decode(stored, type=HistoryProgress)
    except UNREADABLE:
        return HistoryProgress()
    return progress if progress.format == HistoryProgress().format else HistoryProgress()


def dump_progress(progress: HistoryProgress) -> bytes:
    """Return the progress as bytes for a state."""
    return msgspec.msgpack.encode(progress)
