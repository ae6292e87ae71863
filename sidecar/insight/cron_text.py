"""Schedule texts as Argo's scheduler reads them: robfig/cron v3, its standard parser.

A strict grammar of that parser alone. What it accepts is rewritten to the
plainest five fields, so that the library which matches them cannot read
anything else into it (it knows seconds, ``L``, ``#``, hashes and a Sunday 7;
this parser does not).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from sidecar.insight.civil_time import find_zone

_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = "@every "
_PREFIXES: Final = ("TZ=", "CRON_TZ=")
_SPACES: Final = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go calls white space; Python counts more."""
_SPACE: Final = re.compile(f"[{_SPACES}]+")
_INTEGER: Final = re.compile(r"\+?[0-9]{1,19}")
_LARGEST: Final = 2**63 - 1
_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST: Final = 1_000
"""Characters; no schedule a person writes is longer."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Cron(msgspec.Struct, frozen=True):
    """Fire times on the local calendar."""

    expression: str | None
    """Five fields of plain numbers or ``*``; ``None``: accepted, but names no time at all (``0 0 , * *``).

    At most one of the two day fields is restricted, unless either may match.
    """


class Every(msgspec.Struct, frozen=True):
    """A fixed delay; counted from when the scheduler last started it, so its fire times are not known."""

    seconds: int
    """At least 1."""


class ScheduleText(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule text as understood."""

    rule: Cron | Every
    zone: str
    """IANA name."""
    zone_assumed: bool
    """Neither text nor manifest name a zone: UTC, which is what the scheduler's container has by default."""


class _Field:
    """One of the five fields: its range, and the names it knows."""

    def __init__(self, low: int, high: int, names: Mapping[str, int] | None = None) -> None:
        self.everything = frozenset(range(low, high + 1))
        self._low = low
        self._high = high
        self._names = names or {}

    def parse(self, text: str) -> tuple[frozenset[int], bool] | None:
        """Return the numbers and whether a star was among them; ``None``: refused. Empty parts count not."""
        numbers: set[int] = set()
        has_star = False
        for part in filter(None, text.split(",")):
            parsed = self._range(part)
            if parsed is None:
                return None
            numbers.update(parsed[0])
            has_star = has_star or parsed[1]
        return frozenset(numbers), has_star

    def _range(self, text: str) -> tuple[range, bool] | None:
        base, *steps = text.split("/")
        bounds = base.split("-")
        step = _integer(steps[0]) if steps else 1
        if len(steps) > 1 or not step:
            return None
        if bounds[0] in {"*", "?"}:
            # Whatever follows the star up to a slash is not looked at: "*-5" is "*".
            return range(self._low, self._high + 1, step), step == 1
        numbers = [self._number(bound) for bound in bounds]
        first, last = numbers[0], numbers[-1]
        if len(numbers) > 2 or first is None or last is None:  # noqa: PLR2004 - a range has two ends
            return None
        if steps and len(numbers) == 1:
            last = self._high  # "5/10" counts on from 5
        if first < self._low or last > self._high or first > last:
            return None
        return range(first, last + 1, step), False

    def _number(self, text: str) -> int | None:
        if text.isascii() and text.lower() in self._names:
            return self._names[text.lower()]
        return _integer(text)


_MINUTE: Final = _Field(0, 59)
_HOUR: Final = _Field(0, 23)
_DAY: Final = _Field(1, 31)
_MONTH: Final = _Field(1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)})
_WEEKDAY: Final = _Field(0, 6, {name: number for number, name in enumerate(_WEEKDAYS)})
_FIELDS: Final = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)


@lru_cache(maxsize=4_096)
def parse_schedule(text: str, manifest_zone: str | None = None) -> ScheduleText | None:
    """Return what Argo's scheduler makes of the text; ``None``: it refuses it, so there is no schedule.

    A ``TZ=`` or ``CRON_TZ=`` prefix or the manifest's ``spec.timezone`` decides
    the zone, else UTC is assumed. An unknown zone is a refusal, and so are both.
    """
    if len(text) > _LONGEST or names_two_zones(text, manifest_zone):
        return None
    zone_name = manifest_zone or None
    if text.startswith(_PREFIXES):
        prefix, space, text = text.partition(" ")
        if not space:
            return None
        zone_name = prefix.partition("=")[2] or "UTC"
        text = text.strip(_SPACES)
    zone = find_zone(zone_name or "UTC")
    rule = _rule(text)
    if zone is None or rule is None:
        return None
    return ScheduleText(rule=rule, zone=zone.key, zone_assumed=zone_name is None)


def names_two_zones(text: str, manifest_zone: str | None) -> bool:
    """Tell whether both text and manifest name a zone: Argo puts its own prefix before, and fails."""
    return bool(manifest_zone) and text.startswith(_PREFIXES)


def _rule(text: str) -> Cron | Every | None:
    if text.startswith(_EVERY):
        seconds = _duration_seconds(text.removeprefix(_EVERY))
        return None if seconds is None else Every(seconds)
    if text.startswith("@"):
        return Cron(_MACROS[text]) if text in _MACROS else None
    texts = [part for part in _SPACE.split(text) if part]
    if len(texts) != len(_FIELDS):
        return None
    parsed = [field.parse(part) for field, part in zip(_FIELDS, texts, strict=True)]
    fields = [one for one in parsed if one is not None]
    return Cron(_expression(fields)) if len(fields) == len(_FIELDS) else None


def _expression(fields: list[tuple[frozenset[int], bool]]) -> str | None:
    (minutes, _), (hours, _), (days, day_star), (months, _), (weekdays, weekday_star) = fields
    if not day_star and not weekday_star:
        # Both restricted: either may match, so a field that names everything frees the other too.
        if days == _DAY.everything or weekdays == _WEEKDAY.everything:
            days, weekdays = _DAY.everything, _WEEKDAY.everything
        elif not days and weekdays:
            days = _DAY.everything
        elif not weekdays and days:
            weekdays = _WEEKDAY.everything
    numbers = (minutes, hours, days, months, weekdays)
    if not all(numbers):
        return None
    return " ".join(
        "*" if some == field.everything else ",".join(map(str, sorted(some)))
        for some, field in zip(numbers, _FIELDS, strict=True)
    )


def _integer(text: str) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if number <= _LARGEST else None


def _duration_seconds(text: str) -> int | None:
    """Return a Go duration as the scheduler uses it: whole seconds, rounded down, at least one."""
    unsigned = text[1:] if text.startswith(("+", "-")) else text
    if unsigned == "0":
        return 1
    end = 0
    nanoseconds = Decimal(0)
    while part := _DURATION_PART.match(unsigned, end):
        end = part.end()
        nanoseconds += Decimal(part[1]) * _NANOSECONDS[part[2]]
    if end == 0 or end != len(unsigned) or nanoseconds > _LARGEST:
        return None
    seconds = int(nanoseconds // _NANOSECONDS["s"])
    return 1 if text.startswith("-") else max(1, seconds)
