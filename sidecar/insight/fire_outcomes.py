"""Runs of a schedule against its fire times: which had one, which fell into one, which were missed."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import accumulate
from typing import Final

from sidecar.domain.unix_time import ceil_ms, from_ms

TOLERANCE: Final = timedelta(minutes=10)
"""How far a run may be from its fire time, and how late it must be to be missed."""
LONGEST_RUN: Final = timedelta(days=1)
"""A run created longer before the first fire time that is looked at is not looked for."""
_CLOSE_MS: Final = 30_000
"""A run created so near is of this very fire time: they are minutes apart, clocks are not."""
_TOLERANCE_MS: Final = TOLERANCE // timedelta(milliseconds=1)


class FireOutcome(Enum):
    """What became of a fire time."""

    RAN = auto()
    SKIPPED = auto()
    """A run of before went on, and the scheduler starts no second one."""
    MISSED = auto()


class RunSpans:
    """The runs of one experiment, as far as they matter to its fire times."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        """Take creation and end of each, milliseconds, ascending; an empty span overlaps nothing."""
        self._created = [created for created, _ in spans]
        self._ended = [ended for _, ended in spans]
        self._busy_until = list(accumulate(self._ended, max))

    def outcome_of(self, fire: datetime) -> FireOutcome:
        """Return what became of the fire time."""
        # All the rest is counted in it: schedules have hundreds of fire times each.
        fire_ms = ceil_ms(fire)
        if self._has_created(fire_ms - _CLOSE_MS, fire_ms + _CLOSE_MS):
            return FireOutcome.RAN
        before = bisect_right(self._created, fire_ms - _CLOSE_MS)
        if before and self._busy_until[before - 1] > fire_ms:
            return FireOutcome.SKIPPED
        # Before: clocks differ. After: its agent reported late.
        return (
            FireOutcome.RAN
            if self._has_created(fire_ms - _TOLERANCE_MS, fire_ms + _TOLERANCE_MS)
            else FireOutcome.MISSED
        )

    def _has_created(self, first_ms: int, last_ms: int) -> bool:
        position = bisect_left(self._created, first_ms)
        return position < len(self._created) and self._created[position] <= last_ms

    def gaps(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, datetime]]:
        """Yield of ``since`` and of each run from then on: start, end, and when the next one started."""
        first = bisect_left(self._created, ceil_ms(since))
        busy_ms = self._busy_until[first - 1] if first else 0
        starts = [since, *map(from_ms, self._created[first:])]
        ends = [max(since, from_ms(busy_ms)), *map(from_ms, self._ended[first:])]
        yield from zip(starts, ends, [*starts[1:], until], strict=True)
