"""The throttle bounds what one instance is asked, and the breaker leaves a dead one alone."""

import asyncio

import pytest

from sidecar.domain.errors import (
    AccessDeniedError,
    UpstreamAuthAwayError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamPausedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from sidecar.litmus.transport.breaker import Breaker, BreakerState, RequestKind
from sidecar.litmus.transport.throttle import Throttle
from tests.litmus.support import Observed


class Time:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker(monotonic=time, jitter=lambda: 0.0)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.admit()
        breaker.failed()


def test_five_failures_in_a_row_open_the_breaker(breaker: Breaker) -> None:
    fail(breaker, 4)
    before = breaker.state
    fail(breaker)

    assert (before, breaker.state) == (BreakerState.CLOSED, BreakerState.OPEN)
    assert breaker.opened_at is not None
    with pytest.raises(UpstreamPausedError):
        breaker.admit()


def test_a_success_between_failures_keeps_it_closed(breaker: Breaker) -> None:
    fail(breaker, 4)
    breaker.admit()
    breaker.succeeded()
    fail(breaker, 4)

    assert breaker.state is BreakerState.CLOSED


def test_after_the_pause_one_request_at_a_time_tries_again(breaker: Breaker, time: Time) -> None:
    fail(breaker, 5)
    time.now += 5
    breaker.admit()

    with pytest.raises(UpstreamPausedError):
        breaker.admit()


def test_a_try_that_succeeds_closes_it(breaker: Breaker, time: Time) -> None:
    fail(breaker, 5)
    time.now += 5
    breaker.admit()
    breaker.succeeded()

    assert breaker.state is BreakerState.CLOSED
    assert breaker.opened_at is None


def test_a_try_that_was_abandoned_leaves_the_next_one_to_somebody_else(breaker: Breaker, time: Time) -> None:
    fail(breaker, 5)
    time.now += 5
    breaker.admit()
    breaker.abandoned()

    assert breaker.state is BreakerState.HALF_OPEN
    breaker.admit()


def test_each_failed_try_doubles_the_pause_up_to_five_minutes(breaker: Breaker, time: Time) -> None:
    fail(breaker, 5)
    pauses = []
    for _ in range(9):
        start = time.now
        while breaker.state is BreakerState.OPEN:
            time.now += 1
        pauses.append(time.now - start)
        fail(breaker)

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_another_bound_holds_for_the_pauses_of_all_kinds_of_requests_from_the_next_one_on(
    breaker: Breaker, time: Time
) -> None:
    throttle = Throttle(max_in_flight=1, max_requests_per_second=None, breaker=breaker)
    throttle.configure(max_requests_per_second=7, longest_pause_seconds=3)
    assert throttle.per_second == 7
    for kind in RequestKind:
        one = throttle.breakers.of(kind)
        fail(one, 5)
        time.now += 3
        assert one.state is BreakerState.HALF_OPEN


def test_an_outage_keeps_the_moment_it_began(breaker: Breaker, time: Time) -> None:
    fail(breaker, 5)
    opened_at = breaker.opened_at
    time.now += 5
    fail(breaker)

    assert breaker.opened_at == opened_at


def test_jitter_shortens_a_pause_but_never_lengthens_it(time: Time) -> None:
    breaker = Breaker(monotonic=time, jitter=lambda: 1.0)
    fail(breaker, 5)
    time.now += 4

    assert breaker.state is BreakerState.HALF_OPEN


def throttle(breaker: Breaker, observed: Observed | None = None, **kwargs: float) -> Throttle:
    return Throttle(
        max_in_flight=int(kwargs.get("max_in_flight", 4)),
        max_requests_per_second=kwargs.get("max_requests_per_second", 10_000),
        max_wait_seconds=kwargs.get("max_wait_seconds", 60),
        breaker=breaker,
        observe=observed,
    )


async def use(throttle: Throttle, error: UpstreamError | None = None, *, timeout_counts: bool = True) -> None:
    async with throttle.slot("listExperiment", timeout_counts=timeout_counts):
        if error is not None:
            raise error


async def fails(throttle: Throttle, error: UpstreamError, *, timeout_counts: bool = True) -> None:
    with pytest.raises(type(error)):
        await use(throttle, error, timeout_counts=timeout_counts)


async def test_a_denial_is_an_answer_and_never_opens_the_breaker(breaker: Breaker) -> None:
    passing = throttle(breaker)
    for _ in range(6):
        await fails(passing, AccessDeniedError("no"))

    assert breaker.state is BreakerState.CLOSED


async def test_failures_of_availability_open_it_and_then_nothing_is_sent(breaker: Breaker) -> None:
    observed = Observed()
    passing = throttle(breaker, observed)
    for _ in range(5):
        await fails(passing, UpstreamUnavailableError("gone"))
    await fails(passing, UpstreamPausedError("paused"))

    assert observed.calls == [("listExperiment", "upstream_unavailable")] * 5 + [
        ("listExperiment", "upstream_paused")
    ]


async def test_a_timeout_that_does_not_count_says_nothing(breaker: Breaker) -> None:
    passing = throttle(breaker)
    for _ in range(6):
        await fails(passing, UpstreamTimeoutError("late"), timeout_counts=False)

    assert breaker.state is BreakerState.CLOSED


async def test_no_more_requests_at_once_than_allowed(breaker: Breaker) -> None:
    passing = throttle(breaker, max_in_flight=2)
    inside, most, two_at_once = 0, 0, asyncio.Event()

    async def one() -> None:
        nonlocal inside, most
        async with passing.slot("x"):
            inside += 1
            most = max(most, inside)
            if inside == 2:
                two_at_once.set()
            async with asyncio.timeout(60):
                await two_at_once.wait()
            for _ in range(5):
                await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(8)))

    assert most == 2


async def test_waiting_for_a_turn_is_bounded(breaker: Breaker) -> None:
    observed = Observed()
    passing = throttle(breaker, observed, max_in_flight=1, max_wait_seconds=0.01)
    async with passing.slot("x"):
        await fails(passing, UpstreamBusyError("full"))
    await use(passing)

    assert observed.calls == [("listExperiment", "upstream_busy"), ("x", "ok"), ("listExperiment", "ok")]
    assert breaker.state is BreakerState.CLOSED


async def test_the_rate_holds_back_the_second_request(breaker: Breaker) -> None:
    passing = throttle(breaker, max_requests_per_second=0.001, max_wait_seconds=0.01)
    await use(passing)

    await fails(passing, UpstreamBusyError("too soon"))


async def test_a_cancelled_request_gives_its_slot_back_and_counts_as_neither(breaker: Breaker) -> None:
    observed = Observed()
    passing = throttle(breaker, observed, max_in_flight=1)

    entered = asyncio.Event()

    async def leave() -> None:
        async with passing.slot("x"):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(leave())
    await asyncio.wait_for(entered.wait(), 30)
    task.cancel()
    await asyncio.wait([task])
    await use(passing)

    assert observed.calls == [("x", "cancelled"), ("listExperiment", "ok")]


async def test_each_kind_of_request_fails_for_itself(breaker: Breaker) -> None:
    passing = throttle(breaker)
    for _ in range(5):
        await fails(passing, UpstreamUnavailableError("gone"))
        async with passing.slot("listChaosHub", RequestKind.UNCHECKED):
            pass
        async with passing.slot("getUser", RequestKind.REST):
            pass

    assert {kind: passing.breakers.of(kind).state for kind in RequestKind} == {
        RequestKind.CHECKED: BreakerState.OPEN,
        RequestKind.UNCHECKED: BreakerState.CLOSED,
        RequestKind.REST: BreakerState.CLOSED,
    }
    assert passing.breakers.state is BreakerState.OPEN
    assert passing.breakers.opened_at == breaker.opened_at


async def test_an_auth_server_that_was_asked_in_vain_opens_the_breaker_at_once(breaker: Breaker) -> None:
    await fails(throttle(breaker), UpstreamAuthAwayError("away"))

    assert breaker.state is BreakerState.OPEN


async def test_the_one_request_that_tries_again_knows_that_it_does(breaker: Breaker, time: Time) -> None:
    passing = throttle(breaker)
    async with passing.slot("x") as slot:
        assert not slot.is_probe
    for _ in range(5):
        await fails(passing, UpstreamUnavailableError("gone"))
    time.now += 5

    async with passing.slot("x") as slot:
        assert slot.is_probe
