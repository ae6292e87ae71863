"""Planners for tests of what follows a plan."""

import math
from datetime import UTC, datetime, timedelta

from sidecar.sync.planner import IntervalPlanner
from sidecar.sync.schedule import Intervals


def fitting(configured: Intervals) -> IntervalPlanner:
    """Return a planner with which the configured intervals always hold."""
    return IntervalPlanner(
        configured=configured,
        longest=timedelta(days=1),
        capacity_per_second=lambda _instance: math.inf,
        projects=tuple,
        clock=lambda: datetime.now(UTC),
    )
