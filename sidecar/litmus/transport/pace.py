"""How many requests per second one Litmus gets: more while it answers as usual, fewer when it does not.

Additive up, multiplicative down. Pure; durations and time are given in.
"""

from typing import Final

import msgspec

SLOWEST: Final = 1.0
FASTEST: Final = 50.0
FIRST: Final = 10.0
"""Requests per second: the bounds, and where it begins."""

RISE_PER_SECOND: Final = 1.0
"""What a second of good answers adds, where the pace is used up; less where it is not."""
WHEN_SLOW: Final = 0.8
WHEN_FAILED: Final = 0.5
"""What is left of the pace after answers got slow, and after one failed."""
BETWEEN_FALLS_SECONDS: Final = 1.0
"""What was under way at a fall was asked at the pace before, and says nothing of the new one."""

STRAINED: Final = 2.0
"""Answers are slow when they take so many times as long as usual, over the last few."""
EASED: Final = 1.5
"""Below it the pace rises; between the two it stays."""
_STRAIN_WEIGHT: Final = 0.2
NOTICEABLE_SECONDS: Final = 0.05
"""Quicker answers count as this long: from 2 ms to 8 ms nothing got slow."""

_LEARN_QUICKER: Final = 0.2
_LEARN_SLOWER: Final = 0.002
"""The usual time follows quicker answers soon and slower ones late, or overload became usual."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The requests per second that an instance gets, and what that rests on."""

    per_second: float = FIRST
    strain: float = 1.0
    """How many times as long as usual the last answers took, smoothed."""
    fell_at: float | None = None
    """When it fell last, in seconds of a monotonic clock; ``None``: never."""


def usual_after(usual_seconds: float | None, seconds: float) -> float:
    """Return an operation's usual duration after one more answer; ``None``: this is the first."""
    if usual_seconds is None:
        return seconds
    weight = _LEARN_QUICKER if seconds < usual_seconds else _LEARN_SLOWER
    return usual_seconds + weight * (seconds - usual_seconds)


def pace_after_answer(pace: Pace, *, seconds: float, usual_seconds: float | None, now: float) -> Pace:
    """Return the pace after an answer that took so long, where ``usual_seconds`` is usual for its kind."""
    usual = max(usual_seconds or seconds, NOTICEABLE_SECONDS)
    ratio = max(seconds, NOTICEABLE_SECONDS) / usual
    strain = pace.strain + _STRAIN_WEIGHT * (ratio - pace.strain)
    if strain > STRAINED:
        return _fallen(pace, WHEN_SLOW, strain, now)
    per_second = pace.per_second
    if strain < EASED:
        per_second = min(FASTEST, per_second + RISE_PER_SECOND / per_second)
    return msgspec.structs.replace(pace, per_second=per_second, strain=strain)


def pace_after_failure(pace: Pace, *, now: float) -> Pace:
    """Return the pace after Litmus gave no answer, or said that it is overloaded."""
    return _fallen(pace, WHEN_FAILED, pace.strain, now)


def _fallen(pace: Pace, left: float, strain: float, now: float) -> Pace:
    if pace.fell_at is not None and now - pace.fell_at < BETWEEN_FALLS_SECONDS:
        return msgspec.structs.replace(pace, strain=strain)
    return Pace(per_second=max(SLOWEST, pace.per_second * left), strain=strain, fell_at=now)
