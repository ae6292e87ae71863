"""How often each project can be read, where Litmus cannot be asked for all as often as configured. Pure.

What somebody looks at keeps the configured interval as long as that fits; the rest shares
what is left, evenly.
"""

from datetime import timedelta
from typing import Final

import msgspec

from sidecar.sync.schedule import Intervals

USED: Final = 0.8
"""Part of the pace that is planned with: the rest is for people's actions, retries and news."""
KEPT_FOR_OTHERS: Final = 0.2
"""Part of what is planned with that the others keep, however much is looked at."""
LONGEST_PART: Final = 4
"""No interval is stretched beyond this part of ``sync.maxStale``."""

FIRST_FAST: Final = 1.0
FIRST_SLOW: Final = 4.0
"""Requests per round of a project that was not read yet: its lists; its hubs, GitOps, role, and a look at its
history."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What one round of everything takes, in requests to one instance."""

    asked: float = 0.0
    """Of the fast lane, for projects that somebody looks at, or that have a run in progress."""
    others: float = 0.0
    """Of the fast lane, for all other projects."""
    slow: float = 0.0
    """Of what is read at the slow interval, for all projects."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The intervals that fit, and what would be needed for those that are configured."""

    asked: Intervals
    """For projects that somebody looks at."""
    others: Intervals
    needed_per_second: float
    """Requests per second that all projects would take at the configured intervals."""
    fits: bool
    """Whether the configured intervals hold for all."""


def longest_interval(max_stale: timedelta) -> timedelta:
    """Return how far an interval is stretched at most, where ``sync.maxStale`` is this."""
    return max_stale / LONGEST_PART


def plan_intervals(
    demand: Demand, *, capacity_per_second: float, configured: Intervals, longest: timedelta
) -> Plan:
    """Return the intervals with which the demand fits into the capacity.

    Args:
        demand: Requests of one round.
        capacity_per_second: How many requests Litmus takes per second now.
        configured: The intervals as they are wanted; none gets shorter.
        longest: Where stretching ends; then everything is later than planned.
    """
    fast, slow = configured.fast.total_seconds(), configured.slow.total_seconds()
    for_asked = demand.asked / fast
    for_rest = demand.others / fast + demand.slow / slow
    needed = for_asked + for_rest
    usable = capacity_per_second * USED
    if needed <= usable:
        return Plan(asked=configured, others=configured, needed_per_second=needed, fits=True)
    left = max(usable - for_asked, usable * KEPT_FOR_OTHERS)
    rest_factor = max(1.0, for_rest / left)
    asked_factor = max(1.0, for_asked / (usable * (1 - KEPT_FOR_OTHERS)))
    slow_planned = _stretched(configured.slow, rest_factor, longest)
    return Plan(
        asked=Intervals(
            fast=_stretched(configured.fast, asked_factor, longest),
            slow=slow_planned,
            active=_stretched(configured.active, asked_factor, longest),
        ),
        others=Intervals(
            fast=_stretched(configured.fast, max(rest_factor, asked_factor), longest),
            slow=slow_planned,
            active=_stretched(configured.active, asked_factor, longest),
        ),
        needed_per_second=needed,
        fits=False,
    )


def first_demand(projects: int) -> Demand:
    """Return what so many projects take that were not read yet, and that nobody looks at."""
    return Demand(others=projects * FIRST_FAST, slow=projects * FIRST_SLOW)


def _stretched(interval: timedelta, factor: float, longest: timedelta) -> timedelta:
    # One that is configured longer stays so.
    return max(interval, min(interval * factor, longest))
