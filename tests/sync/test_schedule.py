"""When a job is due again."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from sidecar.domain.freshness import is_changing
from sidecar.domain.model import Lane
from sidecar.sync.schedule import JITTER, Intervals, pause_after
from tests.support.builders import experiment, recent_run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INTERVALS = Intervals(fast=MINUTE, slow=10 * MINUTE, active=MINUTE / 6)


def pause(
    lane: Lane, *, phase: str = "Completed", changed: timedelta = MINUTE, failures: int = 0
) -> timedelta:
    """The pause without its jitter."""
    changed_at_ms = int((NOW - changed).timestamp() * 1000)
    run = recent_run(phase=phase, updated_at_ms=changed_at_ms)
    is_active = is_changing((experiment(recent_runs=(run,)),), NOW)
    return pause_after(lane, is_active=is_active, failures=failures, intervals=INTERVALS, chance=Middle())


class Middle(random.Random):
    """Chance that never strays."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


@pytest.mark.parametrize(
    ("lane", "phase", "changed", "expected"),
    [
        (Lane.FAST, "Completed", MINUTE, MINUTE),
        (Lane.FAST, "Running", MINUTE, MINUTE / 6),
        (Lane.FAST, "Queued", MINUTE, MINUTE / 6),
        (Lane.FAST, "Pending", MINUTE, MINUTE / 6),
        (Lane.FAST, "Running", 2 * 60 * MINUTE, MINUTE),
        (Lane.SLOW, "Running", MINUTE, 10 * MINUTE),
    ],
)
def test_a_changing_run_is_followed_closely_and_a_stuck_one_is_not(
    lane: Lane, phase: str, changed: timedelta, expected: timedelta
) -> None:
    assert pause(lane, phase=phase, changed=changed) == expected


@pytest.mark.parametrize("lane", [Lane.FAST, Lane.SLOW])
def test_failures_back_off_up_to_the_fast_interval(lane: Lane) -> None:
    seconds = [pause(lane, failures=count).total_seconds() for count in (1, 2, 3, 4, 5, 6, 1_000)]
    assert seconds == [5, 10, 20, 40, 60, 60, 60]


def test_jitter_keeps_near_the_interval() -> None:
    chance = random.Random(7)  # noqa: S311 - spreads load, guards nothing
    pauses = {
        pause_after(Lane.FAST, is_active=False, failures=0, intervals=INTERVALS, chance=chance)
        for _ in range(200)
    }
    assert len(pauses) > 100
    assert all(MINUTE * (1 - JITTER) <= one <= MINUTE * (1 + JITTER) for one in pauses)
