"""Which token of its name a replica uses, and that it makes no more than it needs."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sidecar.domain.errors import TokenRevokedError
from sidecar.domain.ports import TokenState
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import ScriptedFault
from sidecar.telemetry.logs import configure_logging
from tests.litmus.tokens import DAYS, NAME, Setting, open_setting

CREATE = "/auth/create_token"


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    async with open_setting() as one:
        yield one


def list_only(setting: Setting, *rows: dict[str, object]) -> None:
    """Have Litmus list these rows from now on, whatever it has."""
    setting.simulator.faults.add(
        ScriptedFault(
            path=f"/auth/token/{setting.user.user_id}",
            body=json.dumps({"apiTokens": list(rows)}),
            headers={"Content-Type": "application/json"},
            times=None,
        )
    )


async def test_a_token_that_works_is_used_on_though_litmus_does_not_list_it(setting: Setting) -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    async with setting.replica() as one:
        await one.reconcile()
        first = one.value()
        list_only(setting)
        for _ in range(3):
            setting.clock.pass_by(hours=2)
            assert await one.reconcile()

        assert one.value() == first
        assert setting.asked(CREATE) == 1
    assert stream.getvalue().count("token in use is not listed") == 1


async def test_a_row_without_its_end_is_judged_by_what_the_token_says(setting: Setting) -> None:
    made = setting.issue()
    list_only(setting, {"token": made.reveal(), "name": NAME, "created_at": 0})
    async with setting.replica() as one:
        for _ in range(2):
            setting.clock.pass_by(hours=2)
            assert await one.reconcile()

        assert one.holder.token == made
        assert setting.asked(CREATE) == 0


async def test_another_replicas_newer_token_is_adopted_though_ours_is_not_listed(setting: Setting) -> None:
    async with setting.replica() as one:
        await one.reconcile()
        setting.world.api_tokens.clear()
        newer = setting.issue()
        await one.reconcile()

        assert one.holder.token == newer


async def test_a_clock_that_is_far_ahead_makes_one_token_an_hour_at_most(setting: Setting) -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    async with setting.replica(ahead=timedelta(days=25)) as one:
        for _ in range(6):
            setting.clock.pass_by(minutes=10)
            assert await one.reconcile()
        assert setting.asked(CREATE) == 1
        assert stream.getvalue().count("no further token made") == 1

        setting.clock.pass_by(minutes=10)
        assert await one.reconcile()
        assert setting.asked(CREATE) == 2


async def test_replicas_whose_clocks_are_far_ahead_share_the_one_token(setting: Setting) -> None:
    async with (
        setting.replica("one", ahead=timedelta(days=25)) as one,
        setting.replica("two", ahead=timedelta(days=25)) as two,
    ):
        await one.reconcile()
        assert await two.reconcile()

        assert two.value() == one.value()
        assert two.outcomes == ["adopted"]


async def test_a_rejected_token_is_replaced_however_new_it_is(setting: Setting) -> None:
    async with setting.replica(ahead=timedelta(days=25)) as one:
        await one.reconcile()
        first = one.value()
        setting.world.revoke_token(first)
        with pytest.raises(TokenRevokedError):
            await one.ask()

        assert await one.reconcile()

        assert one.value() != first
        assert one.holder.state is TokenState.GOOD


async def test_a_token_that_lives_far_longer_than_ours_is_not_used_and_removed(setting: Setting) -> None:
    by_hand = setting.issue(days=3650)
    async with setting.replica() as one:
        assert await one.reconcile()
        assert one.outcomes == ["created"]

        setting.clock.pass_by(minutes=3)
        await one.reconcile()

        assert [row.token for row in setting.listed()] == [one.value()]
        assert by_hand.reveal() in setting.world.revoked_tokens


async def test_a_shorter_life_in_the_configuration_holds_from_the_next_start_on(setting: Setting) -> None:
    async with setting.replica(days=90) as one:
        await one.reconcile()
    async with setting.replica(days=30) as one:
        await one.reconcile()

        assert one.outcomes == ["created"]
        assert one.holder.status.expires_at == setting.clock.now() + timedelta(days=30)


@pytest.mark.parametrize(("days_gone", "outcome"), [(350, "adopted"), (360, "created")])
async def test_of_a_token_that_was_made_for_longer_a_fifth_of_the_configured_life_must_be_left(
    setting: Setting, days_gone: int, outcome: str
) -> None:
    setting.issue(days=365)
    setting.clock.pass_by(days=days_gone)
    async with setting.replica() as one:
        await one.reconcile()

        assert one.outcomes == [outcome]


async def test_a_clock_that_is_behind_finds_no_token_too_long(setting: Setting) -> None:
    setting.issue(days=DAYS)
    async with setting.replica(ahead=timedelta(days=-5)) as one:
        await one.reconcile()

        assert one.outcomes == ["adopted"]


async def test_replicas_that_are_told_to_rotate_at_once_make_one_token(setting: Setting) -> None:
    async with setting.replica("one") as one, setting.replica("two") as two:
        await one.reconcile()
        await two.reconcile()
        first = one.value()
        rotated = asyncio.gather(one.managed.rotate(), two.managed.rotate(), two.managed.rotate())
        while not rotated.done():
            await asyncio.sleep(0.01)
            setting.clock.pass_by(seconds=0.2)
        await rotated

        assert setting.asked(CREATE) == 2
        assert one.value() == two.value() != first


async def test_a_token_that_another_replica_made_before_does_not_answer_a_rotation(setting: Setting) -> None:
    async with setting.replica("one") as one, setting.replica("two") as two:
        await one.reconcile()
        await two.reconcile()
        await one.rotate()
        before = LitmusToken(one.value())

        await two.rotate()

        assert two.holder.token != before
        assert setting.asked(CREATE) == 3
