"""Which schedule text the plugin gets: one that its cron-parser 4.9 reads as Argo's scheduler does.

The plugin parses every schedule while it renders, and an exception there takes
its whole page down. So each text is read twice, as Argo reads it
(``insight.cron_text``) and as cron-parser would, quirks included. Where both
mean the same, the text goes out as Litmus has it; where they differ, in the
plain numbers that Argo made of it, if cron-parser reads those rightly.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from sidecar.insight.cron_text import Cron, parse_schedule

_PREDEFINED: Final = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EQUAL: Final = {"@annually": "@yearly", "@midnight": "@daily"}
"""Macros that Argo knows and cron-parser does not, as the ones that both know."""
_SPACES: Final = re.compile("[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
r"""What ``\s`` and ``trim`` take for blanks in JavaScript; Python and Go each take others."""
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_LETTERS: Final = re.compile(r"[a-zA-Z]{3}")
_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_WEEKDAYS: Final = range(7)
_WHOLE_WEEK: Final = 8
"""As many days cron-parser counts in ``*``: Sunday is 0 and 7."""


class _CronParserError(Exception):
    """cron-parser throws here."""


class _Field(msgspec.Struct, frozen=True):
    """One of the five fields, as cron-parser constrains it."""

    low: int
    high: int
    characters: re.Pattern[str]
    names: Mapping[str, int] = {}
    is_weekday: bool = False


_PLAIN: Final = re.compile(r"[,*0-9/-]+")
_WITH_QUESTION_MARK: Final = re.compile(r"[?,*0-9/-]+")
_MINUTE: Final = _Field(0, 59, _PLAIN)
_HOUR: Final = _Field(0, 23, _PLAIN)
_DAY: Final = _Field(1, 31, _WITH_QUESTION_MARK)
_MONTH: Final = _Field(
    1,
    12,
    _PLAIN,
    {
        name: number
        for number, name in enumerate(
            ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
        )
    },
)
_WEEKDAY: Final = _Field(
    0,
    7,
    _WITH_QUESTION_MARK,
    {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))},
    is_weekday=True,
)
_FIELDS: Final = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)


@lru_cache(maxsize=4_096)
def plugin_cron(text: str) -> str:
    """Return the schedule as the plugin may get it; ``""``, which it shows as "Non-Cron", if no text will do.

    There is none for what Argo refuses or never fires, for ``@every``, and for
    a text with a zone of its own, which cron-parser cannot read.
    """
    if text in _EQUAL:
        return _EQUAL[text]
    argo = parse_schedule(text)
    if argo is None or not argo.zone_assumed:
        return ""
    if not isinstance(argo.rule, Cron) or argo.rule.expression is None:
        return ""
    wanted = _FireTimes.of_argo(argo.rule.expression)
    if not wanted.ever_fires:
        return ""
    for candidate in (text, argo.rule.expression):
        if _FireTimes.of_cron_parser(candidate) == wanted:
            return candidate
    return ""


class _FireTimes(msgspec.Struct, frozen=True):
    """When a schedule fires on a local calendar, comparable whoever read it."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[tuple[int, int, int]]
    """Month, day and day of the week (Sunday is 0) on which it fires; every February has 29 days here."""

    @property
    def ever_fires(self) -> bool:
        return bool(self.days)

    @staticmethod
    def of_argo(expression: str) -> "_FireTimes":
        """Read the plain five fields that Argo's parser boils down to."""
        minutes, hours, days, months, weekdays = (
            _numbers(part, field) for part, field in zip(expression.split(" "), _FIELDS, strict=True)
        )
        free_days, free_weekdays = (part == "*" for part in expression.split(" ")[2::2])

        def fires(_length: int, day: int, weekday: int) -> bool:
            in_days, in_weekdays = day in days, weekday in weekdays
            return in_days and in_weekdays if free_days or free_weekdays else in_days or in_weekdays

        return _FireTimes(minutes, hours, _fire_days(months, fires))

    @staticmethod
    def of_cron_parser(text: str) -> "_FireTimes | None":
        """Read a text as cron-parser does; ``None`` if it throws."""
        parts = _PREDEFINED.get(text, text)
        texts = [part for part in _SPACES.split(parts) if part]
        if len(texts) != len(_FIELDS):
            # It would take fewer or six (the first for seconds); nothing that Argo reads has so many.
            return None
        try:
            minutes, hours, days, months, weekdays = (
                _parse_field(part, field) for part, field in zip(texts, _FIELDS, strict=True)
            )
            if len(months) == 1:
                days = _fit_month(days, _DAYS_IN_MONTH[months[0] - 1])
        except _CronParserError:
            return None
        is_whole_week = len(weekdays) == _WHOLE_WEEK

        def fires(length: int, day: int, weekday: int) -> bool:
            in_days, in_weekdays = day in days, weekday in weekdays
            is_whole_month = len(days) >= length
            return not (
                (not in_days and (not in_weekdays or is_whole_week))
                or (is_whole_month and not is_whole_week and not in_weekdays)
            )

        return _FireTimes(frozenset(minutes), frozenset(hours), _fire_days(frozenset(months), fires))


def _numbers(part: str, field: _Field) -> frozenset[int]:
    if part == "*":
        return frozenset(range(field.low, field.high + 1))
    return frozenset(int(number) for number in part.split(","))


def _fire_days(
    months: frozenset[int], fires: Callable[[int, int, int], bool]
) -> frozenset[tuple[int, int, int]]:
    """Return the days that match; how long a month is decides some of them, which month it is none."""
    lengths = {_DAYS_IN_MONTH[month - 1] for month in months}
    matching = {
        length: [
            (day, weekday)
            for day in range(1, length + 1)
            for weekday in _WEEKDAYS
            if fires(length, day, weekday)
        ]
        for length in lengths
    }
    return frozenset((month, *one) for month in months for one in matching[_DAYS_IN_MONTH[month - 1]])


def _parse_field(text: str, field: _Field) -> list[int]:
    """Return the numbers cron-parser finds, sorted, doubled ones included: it counts them."""
    if field.names:
        text = _LETTERS.sub(lambda found: _number_of_name(found[0], field.names), text)
    if not field.characters.fullmatch(text):
        raise _CronParserError
    everything = f"{field.low}-{field.high}"
    # It replaces one of the two only.
    text = text.replace("*", everything) if "*" in text else text.replace("?", everything)
    numbers: list[int] = []
    for part in text.split(","):
        numbers += _parse_repeat(part, field)
    if not all(field.low <= number <= field.high for number in numbers):
        raise _CronParserError
    return sorted(numbers)


def _number_of_name(name: str, names: Mapping[str, int]) -> str:
    if name.lower() not in names:
        raise _CronParserError
    return str(names[name.lower()])


def _parse_repeat(part: str, field: _Field) -> list[int]:
    base, *steps = part.split("/")
    if len(steps) > 1:
        raise _CronParserError
    if not steps:
        return _parse_range(base, field, step=1) if "-" in base else [_parse_scalar(base, field)]
    if _NUMBER.fullmatch(base):
        base = f"{base}-{field.high}"
    if "-" not in base:
        raise _CronParserError
    return _parse_range(base, field, step=_parse_number(steps[0]))


def _parse_scalar(text: str, field: _Field) -> int:
    number = _parse_number(text)
    if number > field.high:
        raise _CronParserError
    return number % 7 if field.is_weekday else number


def _parse_range(text: str, field: _Field, *, step: int) -> list[int]:
    # What follows a second dash is not looked at.
    first, last = (_parse_number(bound) for bound in text.split("-")[:2])
    if not (field.low <= first <= last <= field.high and step > 0):
        raise _CronParserError
    numbers = list(range(first, last + 1, step))
    if field.is_weekday and last % 7 == 0 and 0 not in numbers:
        # A range up to 7 has the Sunday as 0, whatever its step.
        numbers.append(0)
    return numbers


def _parse_number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _CronParserError
    return int(text)


def _fit_month(days: list[int], length: int) -> list[int]:
    """Return the days that the one month has; cron-parser throws if the first is none of them."""
    if days[0] > length:
        raise _CronParserError
    return [day for day in days if day <= length]
