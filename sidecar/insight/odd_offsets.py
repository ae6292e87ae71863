"""Changes of clocks by other than whole hours, over which Argo's scheduler steps in its own way.

It goes from hour to hour by adding sixty minutes, and takes minute 0 for the
turn of the hour. After a change by half an hour it so arrives at half past,
passes over the full hour it looked for, and finds the next one. The steps here
are those of robfig/cron v3, ``SpecSchedule.Next``, for the time around such a
change alone: everywhere else they come to what a plain calendar says.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sidecar.insight.civil_time import first_change, offset_at

STUMBLES_FOR: Final = timedelta(days=2)
"""A search of whole hours is back on its way at the second midnight after the change."""
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_NOON: Final = 12
_SEARCH_YEARS: Final = 5
_LAST_YEAR: Final = 9_990
"""No search goes on so far that the calendar ends."""


class _Fields(msgspec.Struct, frozen=True):
    """What a fire time must match, on the local clock."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either_day: bool
    """One of the two day fields is enough."""

    def match(self, local: datetime) -> bool:
        """Tell whether all of them match."""
        return (
            local.month in self.months
            and self.has_day(local)
            and local.hour in self.hours
            and local.minute in self.minutes
        )

    def has_day(self, local: datetime) -> bool:
        """Tell whether it may fire on this day."""
        by_month, by_week = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week


def odd_stretches(zone: ZoneInfo, first: datetime, last: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Return the stretches after odd changes that have a part in ``[first, last]``, ascending, half-open."""
    years = range((first - STUMBLES_FOR).year, min(last.year, _LAST_YEAR) + 1)
    return tuple(
        (change, change + STUMBLES_FOR)
        for year in years
        for change in _odd_changes(zone, year)
        if change <= last and change + STUMBLES_FOR > first
    )


@lru_cache(maxsize=4_096)
def _odd_changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    known = datetime(year, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    end = datetime(year + 1, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    found = []
    while (change := first_change(zone, known, end)) is not None:
        if (offset_at(zone, change) - offset_at(zone, known)) % _HOUR:
            found.append(change)
        known = change
    return tuple(found)


@lru_cache(maxsize=1_024)
def stepped(
    expression: str, zone: ZoneInfo, before: datetime, start: datetime, end: datetime
) -> tuple[datetime, ...]:
    """Return the fire times in ``[start, end)``, each found from the one before, ``before`` first."""
    fields, found = _fields(expression), list[datetime]()
    fire = _step(fields, zone, before)
    while fire is not None and fire < end:
        if fire >= start:
            found.append(fire)
        fire = _step(fields, zone, fire)
    return tuple(found)


def _step(fields: _Fields, zone: ZoneInfo, fire: datetime) -> datetime | None:
    """Return the fire time after a fire time; ``None``: none within five years."""
    at, local = fire, fire.astimezone(zone)
    if fields.match(local):
        # A second later they still do, so it first counts seconds up to the minute.
        at += _MINUTE
        local = at.astimezone(zone)
    elif fields.has_day(local) and local.hour not in fields.hours:
        # It was carried over the turn of an hour; it begins with this one.
        at = _instant(zone, local.replace(minute=0))
        at += _HOUR
        local = at.astimezone(zone)
    last_year = local.year + _SEARCH_YEARS
    checks_day = checks_hour = True
    while local.year <= last_year or not checks_day:
        if checks_day and local.month not in fields.months:
            at = _instant(zone, local, months=1)
        elif checks_day and not fields.has_day(local):
            at = _next_day(zone, local)
        elif checks_hour and local.hour not in fields.hours:
            at += _HOUR
            # It looks at the day again only where it meets hour 0, and at the hour where it meets minute 0.
            checks_day = at.astimezone(zone).hour == 0
        elif local.minute not in fields.minutes:
            at += _MINUTE
            checks_day = checks_hour = at.astimezone(zone).minute == 0
        else:
            return at
        local = at.astimezone(zone)
    return None


def _next_day(zone: ZoneInfo, local: datetime) -> datetime:
    """Return the same time on the next day, or near midnight where clocks change."""
    at = _instant(zone, local, days=1)
    hour = at.astimezone(zone).hour
    return at + (24 - hour if hour > _NOON else -hour) * _HOUR


def _instant(zone: ZoneInfo, local: datetime, *, months: int = 0, days: int = 0) -> datetime:
    """Return the instant of a local time so much later, as Go's ``time.Date`` chooses it."""
    count = local.year * 12 + local.month - 1 + months
    first = datetime(count // 12, count % 12 + 1, 1, local.hour, local.minute, tzinfo=UTC)
    wanted = first + (local.day - 1 + days) * _DAY
    at = wanted - offset_at(zone, wanted)
    return wanted - offset_at(zone, at)


def _fields(expression: str) -> _Fields:
    minutes, hours, days, months, weekdays = expression.split()
    return _Fields(
        _numbers(minutes, 0, 59),
        _numbers(hours, 0, 23),
        _numbers(days, 1, 31),
        _numbers(months, 1, 12),
        _numbers(weekdays, 0, 6),
        "*" not in {days, weekdays},
    )


def _numbers(field: str, low: int, high: int) -> frozenset[int]:
    return frozenset(range(low, high + 1) if field == "*" else map(int, field.split(",")))
