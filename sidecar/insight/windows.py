"""Windows: the time a figure is about, half-open ``[since, until)``.

``24h`` to ``90d`` are exact durations that end now. ``12mo`` is calendar months
in the zone: the current month so far and the eleven before it. A window of the
caller's own has a beginning and, if it should not end now, an end.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from sidecar.domain.errors import BadRequestError
from sidecar.domain.unix_time import ceil_ms
from sidecar.insight.civil_time import (
    Unit,
    find_zone,
    first_instant,
    month_start,
    next_edge,
    next_local,
)

DEFAULT_WINDOW: Final = "30d"


class NamedWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window that has a name."""

    words: str
    """For people: how long it is."""
    length: timedelta | None
    """``None``: calendar months."""


WINDOWS: Final[Mapping[str, NamedWindow]] = {
    "24h": NamedWindow(words="24 hours", length=timedelta(hours=24)),
    "7d": NamedWindow(words="7 days", length=timedelta(days=7)),
    "30d": NamedWindow(words="30 days", length=timedelta(days=30)),
    "90d": NamedWindow(words="90 days", length=timedelta(days=90)),
    "12mo": NamedWindow(words="12 months", length=None),
}
"""The named windows, shortest first; parameters, links, pictures and commands walk them."""
_MONTHS: Final = 12
_LONGEST: Final = timedelta(days=3_660)
"""Of a window of the caller's own; history is kept for a year or so."""
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2970, 1, 1, tzinfo=UTC)
_UNITS: Final = (
    (timedelta(hours=48), Unit.HOUR),
    (timedelta(days=45), Unit.DAY),
    (timedelta(days=200), Unit.WEEK),
)
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time, and the one before it to compare with."""

    name: str | None
    """One of :data:`WINDOWS`; ``None``: given by its borders."""
    zone: str
    """IANA name of the zone whose calendar buckets follow."""
    since: datetime
    """Inclusive, UTC."""
    until: datetime
    """Exclusive, UTC."""
    previous_since: datetime
    """Beginning of the window before, which ends at :attr:`since`.

    As long as this one; of ``12mo`` the twelve whole months before its first.
    """
    ends_now: bool
    """Whether :attr:`until` is the present, so that the window moves on."""

    @property
    def since_ms(self) -> int:
        """:attr:`since` in Unix milliseconds, for runs."""
        return ceil_ms(self.since)

    @property
    def until_ms(self) -> int:
        """:attr:`until` in Unix milliseconds, for runs."""
        return ceil_ms(self.until)

    @property
    def previous_since_ms(self) -> int:
        """:attr:`previous_since` in Unix milliseconds, for runs."""
        return ceil_ms(self.previous_since)

    @property
    def unit(self) -> Unit:
        """What its trend is cut into: at most some sixty buckets for each named window."""
        length = self.until - self.since
        if self.name == "12mo":
            return Unit.MONTH
        return next((unit for longest, unit in _UNITS if length <= longest), Unit.MONTH)


def parse_window(
    *,
    now: datetime,
    window: str | None = None,
    since: str | None = None,
    until: str | None = None,
    tz: str | None = None,
) -> Window:
    """Return the window that the parameters of a request name; :data:`DEFAULT_WINDOW` if none does.

    Raises:
        BadRequestError: If one is wrong; it names ``window``, ``since``, ``until`` or ``tz``.
    """
    zone = find_zone(tz or "UTC")
    if zone is None:
        raise BadRequestError("tz is not the IANA name of a time zone, such as Europe/Berlin", parameter="tz")
    if since is None and until is None:
        return _named(window or DEFAULT_WINDOW, zone, now)
    if window is not None:
        raise BadRequestError("Give either window or since and until, not both", parameter="window")
    if since is None:
        raise BadRequestError("until needs a since", parameter="since")
    start = parse_instant(since, "since")
    end = now if until is None else parse_instant(until, "until")
    if end <= start:
        blamed = "since" if until is None else "until"
        raise BadRequestError("since must lie before until (now, if it is not given)", parameter=blamed)
    if end - start > _LONGEST:
        raise BadRequestError(f"The window is longer than {_LONGEST.days} days", parameter="since")
    return Window(
        name=None,
        zone=zone.key,
        since=start,
        until=end,
        previous_since=start - (end - start),
        ends_now=until is None,
    )


def window_end_change(window: Window) -> datetime | None:
    """Return when the window's buckets, or its beginning, move on by themselves; ``None``: never."""
    return next_edge(ZoneInfo(window.zone), window.unit, window.until) if window.ends_now else None


def _named(name: str, zone: ZoneInfo, now: datetime) -> Window:
    if name not in WINDOWS:
        raise BadRequestError(f"window must be one of {', '.join(WINDOWS)}", parameter="window")
    length = WINDOWS[name].length
    if length is None:
        month = month_start(now.astimezone(zone).replace(tzinfo=None))
        since = first_instant(zone, next_local(month, Unit.MONTH, 1 - _MONTHS))
        previous_since = first_instant(zone, next_local(month, Unit.MONTH, 1 - 2 * _MONTHS))
    else:
        since, previous_since = now - length, now - 2 * length
    return Window(
        name=name,
        zone=zone.key,
        since=since,
        until=now,
        previous_since=previous_since,
        ends_now=True,
    )


def parse_instant(text: str, parameter: str) -> datetime:
    """Return the instant, UTC.

    Raises:
        BadRequestError: If it is none; it names the parameter.
    """
    wrong = BadRequestError(
        f"{parameter} is not an RFC 3339 time with offset, such as 2026-03-01T00:00:00Z", parameter=parameter
    )
    try:
        instant = msgspec.convert(text, _Instant).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise wrong from None
    if not _EARLIEST <= instant <= _LATEST:
        raise wrong
    return instant
