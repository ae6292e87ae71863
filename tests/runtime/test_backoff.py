"""Failures in a row are answered by pauses that double, and never pass their limit."""

from datetime import timedelta

import pytest

from sidecar.runtime.backoff import exponential_backoff

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("doublings", "seconds"), [(-1, 1), (0, 1), (1, 2), (5, 32), (11, 2048)])
def test_each_failure_doubles_the_pause(doublings: int, seconds: int) -> None:
    assert exponential_backoff(SECOND, doublings, HOUR) == timedelta(seconds=seconds)


@pytest.mark.parametrize("doublings", [12, 16, 1_000_000])
def test_no_number_of_failures_passes_the_limit(doublings: int) -> None:
    assert exponential_backoff(SECOND, doublings, HOUR) == HOUR


def test_a_first_pause_beyond_the_limit_is_the_limit() -> None:
    assert exponential_backoff(HOUR, 0, SECOND) == SECOND
