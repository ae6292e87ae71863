"""How often a token is tried for that cannot be had, and what ends the wait."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from sidecar.domain.errors import (
    CredentialsRejectedError,
    InitialPasswordError,
    SidecarError,
    StoreError,
    UpstreamError,
    UpstreamUnavailableError,
)
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.litmus.tokens.retries import RetrySchedule, pause_after
from tests.litmus.tokens import FallibleLocks, Setting, open_setting
from tests.support.service import CEILING_SECONDS, eventually

NOW = datetime(2030, 1, 1, tzinfo=UTC)
AWAY = StoreError("The store is away.")


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    async with open_setting() as one:
        yield one


@pytest.mark.parametrize(
    ("error", "has_signed_in", "seconds"),
    [
        # Only somebody can end these, and some cost a sign-in each.
        (InitialPasswordError("x"), True, [30, 60, 120, 240, 480, 900, 900]),
        (CredentialsRejectedError("x"), False, [30, 60, 120, 240, 480, 900, 900]),
        (StoreError("x"), True, [30, 60, 120, 240, 480, 900, 900]),
        (UpstreamError("x"), True, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]),
        # Nobody was signed in, so nothing is left at Litmus.
        (UpstreamUnavailableError("x"), False, [1, 2, 4, 8, 16, 32, 60, 60]),
    ],
)
def test_the_pause_doubles_up_to_a_limit(
    error: SidecarError, *, has_signed_in: bool, seconds: list[int]
) -> None:
    pauses = [pause_after(error, count, has_signed_in=has_signed_in) for count in range(1, len(seconds) + 1)]
    assert [pause.total_seconds() for pause in pauses] == seconds


def test_years_of_failures_are_no_longer_a_pause() -> None:
    assert pause_after(AWAY, 1_000_000, has_signed_in=True) == timedelta(minutes=15)


class CountedLocks(FallibleLocks):
    """Locks that count how often somebody looked."""

    looks = 0

    async def take(self, name: str, holder: str, hold: timedelta) -> bool:
        self.looks += 1
        return await super().take(name, holder, hold)


async def test_who_lacks_the_store_goes_on_when_it_is_back() -> None:
    locks = CountedLocks(lambda: NOW)
    locks.away = True
    retries = RetrySchedule(CreationLocks(locks, "litmus:80/"), store_look=timedelta(milliseconds=10))
    retries.failed(AWAY, has_signed_in=True)
    resting = asyncio.create_task(retries.rest())
    await eventually(lambda: locks.looks > 2)
    assert not resting.done()

    locks.away = False

    async with asyncio.timeout(CEILING_SECONDS):
        await resting
    assert retries.pause_seconds > 1


async def test_who_waits_for_somebody_is_woken_by_a_rotation_that_went_well(setting: Setting) -> None:
    setting.user.initial_login = True
    async with setting.replica() as one:
        following = asyncio.create_task(one.managed.follow())
        await eventually(lambda: bool(one.outcomes))
        setting.user.initial_login = False
        await one.rotate()
        setting.simulator.clear()
        # What follows is the look that would else be due in half a minute.
        await eventually(lambda: setting.simulator.requests != [])
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following


async def test_after_one_sign_in_in_vain_somebody_is_waited_for(setting: Setting) -> None:
    setting.user.initial_login = True
    async with setting.replica() as one:
        pause = await one.managed.begin()

        assert pause is not None
        assert pause > 20
        assert one.managed.has_initial_password()
        assert setting.asked("/auth/login") == 1
