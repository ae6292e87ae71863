"""When a job is due again. Pure; chance and time are given in."""

import random
from datetime import timedelta
from typing import Final

import msgspec

from sidecar.domain.model import Lane
from sidecar.runtime.backoff import exponential_backoff

JITTER: Final = 0.1
"""Intervals vary by this part, so that projects do not march in step."""

FIRST_RETRY: Final = timedelta(seconds=5)

BETWEEN_STEPS: Final = timedelta(milliseconds=200)
"""Between two steps of a back-fill: room for others' requests and writes."""


class Intervals(msgspec.Struct, frozen=True, kw_only=True):
    """How often Litmus is asked for one project."""

    fast: timedelta
    slow: timedelta
    active: timedelta
    """Of the fast lane while a run changes."""

    def of(self, lane: Lane) -> timedelta:
        """Return the lane's interval while nothing runs."""
        return self.fast if lane is Lane.FAST else self.slow


def pause_after(
    lane: Lane,
    *,
    is_active: bool,
    failures: int,
    intervals: Intervals,
    chance: random.Random,
) -> timedelta:
    """Return how long to wait before the next attempt of a lane.

    Args:
        lane: The lane that was just attempted.
        is_active: Whether something runs in the project, as far as the attempt could be recorded.
        failures: Failed attempts in a row, this one included; 0 after success.
        intervals: The configured intervals.
        chance: Source of the jitter.

    Failures back off exponentially up to the fast interval, whatever the
    lane: when Litmus is back, everything is fresh within one interval.
    """
    pause = intervals.of(lane)
    if lane is Lane.FAST and is_active:
        pause = intervals.active
    if failures:
        first = min(FIRST_RETRY, intervals.active)
        pause = exponential_backoff(first, failures - 1, intervals.fast)
    return pause * chance.uniform(1 - JITTER, 1 + JITTER)


def pause_after_step(*, more: bool, failures: int, intervals: Intervals, chance: random.Random) -> timedelta:
    """Return how long to wait before the next step of a project's history.

    Args:
        more: Whether the step left work that can be done at once.
        failures: Failed steps in a row, this one included; 0 after success.
        intervals: The configured intervals.
        chance: Source of the jitter.

    Failures back off up to the slow interval: nobody waits for the history.
    """
    pause = BETWEEN_STEPS if more else intervals.slow
    if failures:
        pause = exponential_backoff(FIRST_RETRY, failures - 1, intervals.slow)
    return pause * chance.uniform(1 - JITTER, 1 + JITTER)
