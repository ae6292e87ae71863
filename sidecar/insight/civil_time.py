"""Local civil time: zones by name, changes of offset, edges of hours, days, weeks and months.

All instants are aware ``datetime`` in UTC. A local time may not exist or exist
twice; every function says what it makes of that.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_SCAN_STEP: Final = timedelta(hours=12)
"""No zone changes its offset twice within this time, there and back."""
_NAME: Final = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
_OF_THIS_MACHINE: Final = frozenset({"localtime", "Local", "Factory", "posixrules"})


class Unit(StrEnum):
    """How long a bucket of a trend is, on the local calendar."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """Monday to Sunday."""
    MONTH = "month"


def find_zone(name: str) -> ZoneInfo | None:
    """Return the zone of the IANA name, ``None`` if there is none of that name."""
    if not _NAME.fullmatch(name) or name in _OF_THIS_MACHINE:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None  # a directory such as "Europe" is an OSError


def ceil_second(instant: datetime) -> datetime:
    """Return the first whole second that is not before the instant."""
    return instant if not instant.microsecond else instant.replace(microsecond=0) + _SECOND


def offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Return what local time is ahead of UTC at the instant."""
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def first_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """Return the first whole second in ``(start, end]`` at which the offset differs from the one at start."""
    offset = offset_at(zone, start)
    known = start
    while known < end:
        probe = min(known + _SCAN_STEP, end)
        if offset_at(zone, probe) != offset:
            return _bisect(zone, known, probe)
        known = probe
    return None


def last_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """Return the second in ``(start, end]`` since which the offset is the one at end; ``None``: longer."""
    offset = offset_at(zone, end)
    known = end
    while known > start:
        probe = max(known - _SCAN_STEP, start)
        if offset_at(zone, probe) != offset:
            return _bisect(zone, probe, known)
        known = probe
    return None


def first_instant(zone: ZoneInfo, local: datetime) -> datetime:
    """Return when the (naive) local time is first reached or passed over.

    Of a doubled time the first; of one that does not exist, the moment the
    clocks were put forward over it.
    """
    early = local.replace(tzinfo=zone, fold=0)
    late = local.replace(tzinfo=zone, fold=1)
    before, after = early.utcoffset(), late.utcoffset()
    if before is not None and after is not None and before < after:
        # In a gap fold 0 lies behind the change and fold 1 before it.
        return _bisect(zone, late.astimezone(UTC), early.astimezone(UTC))
    return early.astimezone(UTC)


def edges(zone: ZoneInfo, unit: Unit, since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield, ascending, the instants strictly between at which a local hour, day, week or month begins."""
    if unit is Unit.HOUR:
        yield from _hours(zone, since, until)
        return
    local = _floor(since.astimezone(zone).replace(tzinfo=None), unit)
    last = since
    while True:
        local = next_local(local, unit)
        edge = first_instant(zone, local)
        if edge >= until:
            return
        if edge > last:  # a day that was skipped whole begins with the next
            yield edge
            last = edge


def next_edge(zone: ZoneInfo, unit: Unit, after: datetime) -> datetime:
    """Return when the next local hour, day, week or month begins."""
    return next(edges(zone, unit, after, after + timedelta(days=40)))


def next_local(local: datetime, unit: Unit, count: int = 1) -> datetime:
    """Return the naive local time ``count`` units on; of a month only the first day is ever asked."""
    if unit is Unit.MONTH:
        months = local.year * 12 + local.month - 1 + count
        return local.replace(year=months // 12, month=months % 12 + 1)
    return local + count * timedelta(days=7 if unit is Unit.WEEK else 1)


def month_start(local: datetime) -> datetime:
    """Return the (naive) beginning of the local month."""
    return _floor(local, Unit.MONTH)


def _floor(local: datetime, unit: Unit) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit is Unit.WEEK:
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if unit is Unit.MONTH else midnight


def _hours(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """Full hours of each stretch of constant offset: a doubled hour begins twice, a missing one never."""
    start = since
    while start < until:
        change = first_change(zone, start, until)
        end = until if change is None else change
        # A fixed offset makes the local clock plain arithmetic.
        fixed = timezone(offset_at(zone, start))
        edge = start.astimezone(fixed).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        while edge < end:
            if edge > since and edge >= start:
                yield edge
            edge += _HOUR
        start = end


def _bisect(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the second at which the offset of ``low`` ends; the one at ``high`` differs from it."""
    offset = offset_at(zone, low)
    first, last = 0, -((low - high) // _SECOND)
    base = low.replace(microsecond=0)
    while last - first > 1:
        middle = (first + last) // 2
        if offset_at(zone, base + middle * _SECOND) == offset:
            first = middle
        else:
            last = middle
    return base + last * _SECOND
