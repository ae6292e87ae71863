"""The pace rises while Litmus answers as usual, and falls when it does not."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import AccessDeniedError, UpstreamOverloadedError, UpstreamUnavailableError
from sidecar.litmus.transport.pace import (
    BETWEEN_FALLS_SECONDS,
    FASTEST,
    FIRST,
    RISE_PER_SECOND,
    SLOWEST,
    WHEN_FAILED,
    Pace,
    pace_after_answer,
    pace_after_failure,
    usual_after,
)
from sidecar.litmus.transport.throttle import Throttle

USUAL = 0.2


def answered(pace: Pace, seconds: float = USUAL, *, times: int = 1, now: float = 0.0) -> Pace:
    for _ in range(times):
        pace = pace_after_answer(pace, seconds=seconds, usual_seconds=USUAL, now=now)
    return pace


def test_a_second_of_good_answers_adds_the_same_at_any_pace() -> None:
    slow, quick = Pace(per_second=5), Pace(per_second=40)

    assert answered(slow, times=5).per_second == pytest.approx(5 + RISE_PER_SECOND, rel=0.1)
    assert answered(quick, times=40).per_second == pytest.approx(40 + RISE_PER_SECOND, rel=0.1)


def test_one_slow_answer_takes_nothing_and_several_do() -> None:
    pace = Pace(per_second=20)

    assert answered(pace, 4 * USUAL).per_second == 20
    assert answered(pace, 4 * USUAL, times=5).per_second < 20


def test_answers_that_are_quick_all_the_same_are_not_slow() -> None:
    pace = pace_after_answer(Pace(), seconds=0.04, usual_seconds=0.001, now=0)

    assert pace.per_second > FIRST


def test_a_failure_takes_half_once_for_all_that_was_under_way() -> None:
    pace = Pace(per_second=40)
    for late in (0.0, 0.1, 0.2):
        pace = pace_after_failure(pace, now=100 + late)

    assert pace.per_second == 40 * WHEN_FAILED
    later = pace_after_failure(pace, now=100 + BETWEEN_FALLS_SECONDS)
    assert later.per_second == 40 * WHEN_FAILED**2


def test_what_is_usual_follows_quicker_answers_soon_and_slower_ones_late() -> None:
    assert usual_after(None, 3.0) == 3.0
    assert USUAL - usual_after(USUAL, 0.0) > 50 * (usual_after(USUAL, 2 * USUAL) - USUAL) > 0


@given(st.lists(st.one_of(st.none(), st.floats(0, 60)), max_size=300))
def test_it_stays_within_its_bounds_whatever_litmus_does(answers: Sequence[float | None]) -> None:
    pace, usual = Pace(), None
    for now, seconds in enumerate(answers):
        if seconds is None:
            pace = pace_after_failure(pace, now=now)
        else:
            pace = pace_after_answer(pace, seconds=seconds, usual_seconds=usual, now=now)
            usual = usual_after(usual, seconds)
        assert SLOWEST <= pace.per_second <= FASTEST


@pytest.mark.parametrize("capacity", [3.0, 12.0, 30.0])
def test_it_settles_near_what_litmus_can_do(capacity: float) -> None:
    """A Litmus whose queue grows with all that it gets beyond its capacity."""
    pace, usual, now, queue, paces = Pace(), None, 0.0, 0.0, []
    for _ in range(6000):
        period = 1 / pace.per_second
        now += period
        queue = max(0.0, queue + 1 - capacity * period)
        seconds = 0.1 + queue / capacity
        pace = pace_after_answer(pace, seconds=seconds, usual_seconds=usual, now=now)
        usual = usual_after(usual, seconds)
        paces.append(pace.per_second)
    settled = sum(paces[3000:]) / 3000

    assert 0.5 * capacity < settled < 1.3 * capacity


def throttle(rate: float | None) -> Throttle:
    return Throttle(max_in_flight=4, max_requests_per_second=rate)


async def ask(passing: Throttle, error: BaseException | None = None) -> None:
    async with passing.slot("listExperiment"):
        if error is not None:
            raise error


async def test_requests_raise_the_pace_of_their_instance_and_a_number_fixes_it() -> None:
    free, fixed = throttle(None), throttle(1000)
    for passing in (free, fixed):
        await ask(passing)
        await ask(passing)

    assert free.per_second > FIRST
    assert fixed.per_second == 1000


@pytest.mark.parametrize(
    "error", [UpstreamUnavailableError("gone"), UpstreamOverloadedError("too much")], ids=lambda e: e.code
)
async def test_a_failure_lowers_it(error: Exception) -> None:
    passing = throttle(None)
    with pytest.raises(type(error)):
        await ask(passing, error)

    assert passing.per_second == FIRST * WHEN_FAILED


async def test_a_refusal_and_a_caller_who_leaves_change_nothing() -> None:
    passing = throttle(None)
    with pytest.raises(AccessDeniedError):
        await ask(passing, AccessDeniedError("no"))
    with pytest.raises(asyncio.CancelledError):
        await ask(passing, asyncio.CancelledError())

    assert passing.per_second == FIRST
