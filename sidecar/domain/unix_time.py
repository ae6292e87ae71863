"""Instants as whole Unix milliseconds, which Litmus, the store and the figures count in, and back. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final, overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS: Final = -62_135_510_400_000
_LAST_MS: Final = 253_402_214_400_000
"""A day within the first and the last day that ``datetime`` has: every zone can show it."""
_MICROSECOND: Final = timedelta(microseconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Return whole Unix milliseconds, exactly; a float of seconds loses the last one now and then."""
    return (instant - _EPOCH) // _MILLISECOND


def ceil_ms(instant: datetime) -> int:
    """Return the first whole Unix millisecond that is not before the instant.

    For a half-open ``[since, until)`` both borders are rounded this way.
    """
    return -((_EPOCH - instant) // _MICROSECOND // 1_000)


@overload
def from_ms(milliseconds: int) -> datetime: ...
@overload
def from_ms(milliseconds: int | None) -> datetime | None: ...
def from_ms(milliseconds: int | None) -> datetime | None:
    """Return the instant in UTC, ``None`` for none; what lies beyond the calendar is its end."""
    if milliseconds is None:
        return None
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, _FIRST_MS), _LAST_MS))
