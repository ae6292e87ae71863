"""How often Litmus is asked about people who sign in, whoever they are."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from sidecar.domain.errors import CredentialsRejectedError, TooManyRequestsError
from sidecar.identity.rates import ASIDE_PER_PLACE, ConcurrencyLimit, WorkBudget
from sidecar.identity.sign_in_limit import (
    ADDRESS_AT_ONCE,
    NAME_PER_MINUTE,
    SIGN_IN_QUEUE,
    SIGN_INS_AT_ONCE,
    RefusalDelay,
    SignInLimit,
)
from tests.support.service import eventually


class Guests:
    """People who are asked about for as long as the door is shut."""

    def __init__(self, pace: SignInLimit, instance: str = "default") -> None:
        self.pace = pace
        self.instance = instance
        self.door = asyncio.Event()
        self.asked: list[str] = []

    async def come(self, name: str) -> None:
        async with self.pace.turn(self.instance, name):
            self.asked.append(name)
            await self.door.wait()


async def test_few_are_asked_about_at_once_some_wait_and_the_rest_is_refused() -> None:
    pace = SignInLimit()
    guests, elsewhere = Guests(pace), Guests(pace, "other")
    coming = [asyncio.create_task(guests.come(f"name-{number}")) for number in range(SIGN_IN_QUEUE)]
    await eventually(lambda: len(guests.asked) == SIGN_INS_AT_ONCE)

    with pytest.raises(CredentialsRejectedError):
        await guests.come("one too many")
    elsewhere.door.set()
    await elsewhere.come("of another Litmus")

    assert len(guests.asked) == SIGN_INS_AT_ONCE
    guests.door.set()
    await asyncio.gather(*coming)
    assert len(guests.asked) == SIGN_IN_QUEUE


async def test_a_name_that_was_tried_too_often_takes_nobody_s_turn() -> None:
    pace = SignInLimit(per_second=1e-6)
    guests = Guests(pace)
    guests.door.set()
    for _ in range(NAME_PER_MINUTE):
        await guests.come("vera")
    for _ in range(20):
        with pytest.raises(CredentialsRejectedError):
            await guests.come("vera")

    await guests.come("egon")

    assert guests.asked == ["vera"] * NAME_PER_MINUTE + ["egon"]


async def test_whoever_gives_up_waiting_leaves_the_line() -> None:
    guests = Guests(SignInLimit())
    coming = [asyncio.create_task(guests.come(f"name-{number}")) for number in range(SIGN_IN_QUEUE)]
    await eventually(lambda: len(guests.asked) == SIGN_INS_AT_ONCE)
    for task in coming:
        task.cancel()
    await asyncio.gather(*coming, return_exceptions=True)
    guests.door.set()

    await guests.come("vera")

    assert guests.asked[-1] == "vera"


async def test_attempts_under_way_count_as_if_they_failed() -> None:
    pace = SignInLimit(per_address=2)
    async with AsyncExitStack() as stack:
        allowed = [
            (await stack.enter_async_context(pace.attempt("192.0.2.1"))).is_allowed
            for _ in range(ADDRESS_AT_ONCE)
        ]
        assert allowed == [True, True, *[False] * (ADDRESS_AT_ONCE - 2)]
        with pytest.raises(TooManyRequestsError):
            await stack.enter_async_context(pace.attempt("192.0.2.1"))
    async with pace.attempt("192.0.2.1") as after:
        assert not after.is_allowed


async def test_attempts_that_were_good_leave_no_trace() -> None:
    pace = SignInLimit(per_address=1)
    for _ in range(3):
        async with pace.attempt("192.0.2.1") as attempt:
            assert attempt.is_allowed
            attempt.was_good = True


async def test_nobody_waits_for_what_litmus_takes_with_another_guess_at_the_same_account() -> None:
    guests = Guests(SignInLimit())
    first = asyncio.create_task(guests.come("vera"))
    await eventually(lambda: guests.asked == ["vera"])

    second = asyncio.create_task(guests.come("vera"))
    await eventually(lambda: second.done() or len(guests.asked) > 1)
    guests.door.set()
    with pytest.raises(CredentialsRejectedError):
        await second
    await first
    await guests.come("vera")
    assert guests.asked == ["vera", "vera"]


@pytest.mark.parametrize(
    ("taken", "answered_at"), [(0.0, 6.0), (0.1, 6.0), (5.9, 6.0), (6.0, 6.0), (6.1, 12.0), (17.0, 18.0)]
)
async def test_a_refusal_is_answered_at_whole_multiples_of_one_time(taken: float, answered_at: float) -> None:
    now = begun = 1_000.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pace = RefusalDelay(6.0, clock=lambda: now, sleep=sleep)
    now += taken
    await pace.wait(begun)

    assert now - begun == pytest.approx(answered_at)


async def test_one_caller_takes_a_few_places_and_another_still_finds_some() -> None:
    places = ConcurrencyLimit(person_at_once=2, key_at_once=3, patience_seconds=0.05)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(places.place("user:default/ann", is_person=True))
        with pytest.raises(TooManyRequestsError, match=r"^Too many requests at the same time") as refusal:
            await held.enter_async_context(places.place("user:default/ann", is_person=True))
        assert refusal.value.retry_after_seconds >= 1
        await held.enter_async_context(places.place("user:default/bob", is_person=True))
    async with places.place("user:default/ann", is_person=True):
        pass


async def test_who_finds_no_place_waits_for_one_in_a_short_line() -> None:
    places = ConcurrencyLimit(person_at_once=1, key_at_once=1, patience_seconds=60)
    release = asyncio.Event()

    async def ask() -> None:
        async with places.place("backstage", is_person=False):
            await release.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(ask())
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsError):
            await ask()
        release.set()


async def test_who_leaves_a_place_for_a_wait_gets_one_back_and_never_two_have_the_same() -> None:
    places = ConcurrencyLimit(person_at_once=1, key_at_once=1, patience_seconds=60)
    comes, working, most = asyncio.Event(), 0, 0

    async def ask() -> None:
        nonlocal working, most
        async with places.place("backstage", is_person=False) as place:
            async with place.left():
                await comes.wait()
            working += 1
            most = max(most, working)
            await asyncio.sleep(0)
            working -= 1

    tasks = []
    for _ in range(8):
        tasks.append(asyncio.create_task(ask()))
        await asyncio.sleep(0)
    tasks.pop().cancel()
    async with places.place("backstage", is_person=False):
        comes.set()
        await asyncio.sleep(0)
        assert working == 0
    await asyncio.gather(*tasks)
    assert most == 1


async def test_only_so_many_may_leave_their_places() -> None:
    places = ConcurrencyLimit(person_at_once=1, key_at_once=1, patience_seconds=0.01)
    comes, kept = asyncio.Event(), 0

    async def ask() -> None:
        nonlocal kept
        async with places.place("backstage", is_person=False) as place, place.left():
            kept += place.is_held
            await comes.wait()

    tasks = []
    for _ in range(ASIDE_PER_PLACE + 1):
        tasks.append(asyncio.create_task(ask()))
        await asyncio.sleep(0)
    assert kept == 1
    with pytest.raises(TooManyRequestsError):
        await ask()
    async with places.place("other", is_person=False):
        comes.set()
    await asyncio.gather(*tasks)


def test_work_is_bounded_per_caller_and_forgotten_evenly() -> None:
    now = 0.0
    pace = WorkBudget(person_ms_per_minute=6_000, key_ms_per_minute=30_000, clock=lambda: now)
    pace.spend("user:default/ann", 7.0, is_person=True)
    with pytest.raises(TooManyRequestsError, match=r"^Too much work") as refusal:
        pace.check("user:default/ann", is_person=True)
    assert refusal.value.retry_after_seconds == 10
    pace.check("user:default/bob", is_person=True)
    pace.spend("backstage", 7.0, is_person=False)
    pace.check("backstage", is_person=False)
    now = 10.5
    pace.check("user:default/ann", is_person=True)
