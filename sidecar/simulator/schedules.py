"""Argo schedules, as far as the simulation needs them: five fields, ``@`` names, ``@every``, ``TZ=``."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_LOOK_BACK = timedelta(days=1)
"""A world that slept longer does not catch up; neither does Argo."""


def fires_between(schedule: str, zone_name: str | None, after: float, until: float) -> bool:
    """Tell whether a schedule fires in ``(after, until]``, both in seconds since the epoch.

    A text that Argo would refuse never fires.
    """
    prefix = re.match(r"(?:CRON_)?TZ=(\S+)\s+", schedule)
    if prefix and zone_name:
        return False  # Argo puts a prefix of its own before.
    if prefix:
        zone_name, schedule = prefix[1], schedule[prefix.end() :]
    if schedule.startswith("@every "):
        period = sum(int(n) * _UNIT_SECONDS[unit] for n, unit in re.findall(r"(\d+)([hms])", schedule))
        return period > 0 and int(until // period) > int(after // period)
    fields = _NAMED.get(schedule, schedule).split()
    if len(fields) != len(_RANGES):
        return False
    try:
        allowed = [_values(text, *limits) for text, limits in zip(fields, _RANGES, strict=True)]
    except ValueError:
        return False
    end = datetime.fromtimestamp(until, UTC).replace(second=0, microsecond=0)
    start = max(datetime.fromtimestamp(after, UTC), end - _LOOK_BACK)
    zone = _zone(zone_name)
    while end > start:
        if _matches(end.astimezone(zone), fields, allowed):
            return True
        end -= timedelta(minutes=1)
    return False


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC  # a machine without the time zone database shows the demo at other hours


def _values(text: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span in {"*", "?"}:
            first, last = str(low), str(high)
        elif not last:
            last = str(high) if step else first
        values.update(range(int(first), int(last) + 1, int(step or 1)))
    return values


def _matches(moment: datetime, fields: list[str], allowed: list[set[int]]) -> bool:
    minutes, hours, days, months, weekdays = allowed
    weekday = moment.isoweekday() % 7
    day = moment.day in days
    week = weekday in weekdays or (weekday == 0 and 7 in weekdays)  # noqa: PLR2004 - 7 is Sunday too
    # Cron's old rule: with both fields given, either is enough.
    due = day or week if fields[2] != "*" and fields[4] != "*" else day and week
    return moment.minute in minutes and moment.hour in hours and moment.month in months and due
