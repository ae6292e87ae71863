"""Which schedule texts the plugin survives: a whitelist of what cron-parser 4.9 surely accepts.

The plugin parses every schedule while it renders, and an exception there takes
its whole page down. So this is not a cron parser: in doubt the answer is no.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_MACROS: Final = frozenset({"@yearly", "@monthly", "@weekly", "@daily", "@hourly"})
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_WEEKDAYS: Final = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
_DAYS_IN_MONTH: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NUMBER: Final = re.compile(r"[0-9]{1,2}")
_LONGEST: Final = 200
"""Characters; no schedule a person writes is longer, and the browser has to parse it."""


class _Field:
    """One of the five fields: its range, and the names it knows."""

    def __init__(self, low: int, high: int, names: Mapping[str, int] | None = None) -> None:
        self.low = low
        self.high = high
        self._names = names or {}

    def values(self, text: str) -> frozenset[int] | None:
        """Return the numbers the field names, or ``None`` if it is not surely accepted."""
        if text == "*":
            return frozenset(range(self.low, self.high + 1))
        named: set[int] = set()
        for part in text.split(","):
            numbers = self._part(part)
            if numbers is None:
                return None
            named.update(numbers)
        return frozenset(named)

    def _part(self, text: str) -> range | None:
        base, slash, step_text = text.partition("/")
        step = 1
        if slash:
            if not _NUMBER.fullmatch(step_text):
                return None
            step = int(step_text)
            if not 1 <= step <= self.high:
                return None
        if base == "*":
            return range(self.low, self.high + 1, step) if slash else None
        first_text, dash, last_text = base.partition("-")
        first = self._number(first_text)
        last = self._number(last_text) if dash else first
        if first is None or last is None or first > last:
            return None
        if slash and not dash:
            return None
        return range(first, last + 1, step)

    def _number(self, text: str) -> int | None:
        if text.isascii() and text.lower() in self._names:
            return self._names[text.lower()]
        if not _NUMBER.fullmatch(text):
            return None
        number = int(text)
        return number if self.low <= number <= self.high else None


_MINUTE: Final = _Field(0, 59)
_HOUR: Final = _Field(0, 23)
_DAY: Final = _Field(1, 31)
_MONTH: Final = _Field(1, 12, _MONTHS)
_WEEKDAY: Final = _Field(0, 7, _WEEKDAYS)


@lru_cache(maxsize=4_096)
def plugin_cron(text: str) -> str:
    """Return the schedule if the plugin can parse it, else ``""``, which it shows as "Non-Cron".

    Kept are the five macros and five plain fields. Not kept, although some
    parser may take them: ``@every``, time zones, ``L``, ``?``, ``#``, seconds,
    steps from a single number, and days that no named month has (29 February
    included: it is too rare to bet a page on).
    """
    if len(text) > _LONGEST:
        return ""
    if text in _MACROS:
        return text
    fields = text.strip(" \t").replace("\t", " ").split(" ")
    parts = [part for part in fields if part]
    if len(parts) != len(("minute", "hour", "day", "month", "weekday")):
        return ""
    minute, hour, day, month, weekday = parts
    days, months = _DAY.values(day), _MONTH.values(month)
    others = (_MINUTE.values(minute), _HOUR.values(hour), _WEEKDAY.values(weekday))
    if days is None or months is None or None in others:
        return ""
    if min(days) > max(_DAYS_IN_MONTH[number - 1] for number in months):
        return ""
    return " ".join(parts)
