"""The life of a token that the sidecar manages, step by step, with crashes and with several replicas."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sidecar.domain.errors import TokenRevokedError
from sidecar.domain.ports import Session, TokenState, TokenUse
from sidecar.identity.service_sessions import LEFT_AFTER
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import ScriptedFault
from tests.litmus.tokens import DAYS, NAME, Manager, Setting, open_setting

SERVER_ERROR = '{"error":"server_error","errorDescription":"marker of Litmus"}'


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    async with open_setting() as one:
        yield one


async def test_at_the_first_start_a_token_is_made_and_the_session_ended(setting: Setting) -> None:
    async with setting.replica() as one:
        assert await one.reconcile()

        assert [row.token for row in setting.listed()] == [one.value()]
        assert one.holder.state is TokenState.GOOD
        assert one.outcomes == ["created"]
    assert len(setting.world.revoked_tokens) == 1  # the session


async def test_a_token_of_our_name_is_adopted_while_it_has_life(setting: Setting) -> None:
    setting.issue(days=20)
    newest = setting.issue()
    setting.issue(name="somebody else's")

    async with setting.replica() as one:
        assert await one.reconcile()

        assert one.holder.token == newest
        assert one.outcomes == ["adopted"]


@pytest.mark.parametrize(("days_gone", "outcome"), [(20, "adopted"), (25, "created"), (31, "created")])
async def test_a_token_is_adopted_only_with_more_than_a_fifth_of_its_life(
    setting: Setting, days_gone: int, outcome: str
) -> None:
    setting.issue()
    setting.clock.pass_by(days=days_gone)

    async with setting.replica() as one:
        assert await one.reconcile()

        assert one.outcomes == [outcome]


async def test_a_token_is_renewed_before_a_fifth_of_its_life_remains_without_signing_in(
    setting: Setting,
) -> None:
    async with setting.replica() as one:
        await one.reconcile()
        first = one.value()
        setting.simulator.clear()
        setting.clock.pass_by(days=0.7 * DAYS - 1)
        await one.reconcile()
        assert one.value() == first

        setting.clock.pass_by(days=0.1 * DAYS + 1)
        await one.reconcile()

        assert one.value() != first
        assert setting.asked("/auth/login") == 0


async def test_the_predecessor_is_kept_for_requests_under_way_and_then_revoked(setting: Setting) -> None:
    async with setting.replica() as one:
        await one.reconcile()
        first = one.value()
        setting.clock.pass_by(days=25)
        await one.reconcile()
        assert first not in setting.world.revoked_tokens

        setting.clock.pass_by(minutes=3)
        await one.reconcile()

        assert first in setting.world.revoked_tokens
        assert [row.token for row in setting.listed()] == [one.value()]


async def test_a_predecessor_waits_for_the_replica_that_uses_it_ten_minutes_at_most(
    setting: Setting,
) -> None:
    async with setting.replica("one") as one, setting.replica("two") as two:
        await one.reconcile()
        await two.reconcile()
        first = one.value()
        assert two.value() == first
        await one.rotate()

        for _ in range(3):
            setting.clock.pass_by(minutes=3)
            await setting.uses.report("default", "two", LitmusToken(first).id)
            await one.reconcile()
            assert first not in setting.world.revoked_tokens

        setting.clock.pass_by(minutes=2)
        await setting.uses.report("default", "two", LitmusToken(first).id)
        await one.reconcile()
        assert first in setting.world.revoked_tokens


async def test_a_predecessor_goes_as_soon_as_the_other_replica_has_adopted_its_successor(
    setting: Setting,
) -> None:
    async with setting.replica("one") as one, setting.replica("two") as two:
        await one.reconcile()
        await two.reconcile()
        first = one.value()
        await one.rotate()
        await two.reconcile()
        setting.clock.pass_by(minutes=3)
        await one.reconcile()

        assert two.value() == one.value()
        assert first in setting.world.revoked_tokens


async def until_held(one: Manager) -> None:
    """Replicas that sign in within one second get one session, and the first to end it ends it for all."""
    while True:
        if await one.managed.reconcile():
            return
        await asyncio.sleep(0.05)


async def test_replicas_that_start_together_make_one_token(setting: Setting) -> None:
    async with (
        setting.replica("one") as one,
        setting.replica("two") as two,
        setting.replica("three") as three,
    ):
        replicas = (one, two, three)
        tended = asyncio.gather(*(until_held(each) for each in replicas))
        while not tended.done():
            await asyncio.sleep(0.01)
            setting.clock.pass_by(seconds=0.2)
        await tended

        assert sum(each.outcomes.count("created") for each in replicas) == 1
        assert {each.value() for each in replicas} == {row.token for row in setting.listed()}
        assert len(setting.listed()) == 1


async def test_told_that_it_is_revoked_a_replica_makes_a_new_token_at_once(setting: Setting) -> None:
    async with setting.replica() as one:
        await one.reconcile()
        setting.clock.pass_by(minutes=1)
        first = one.value()
        setting.world.revoke_token(first)
        with pytest.raises(TokenRevokedError):
            await one.ask()
        assert one.holder.state is TokenState.REJECTED

        assert await one.reconcile()

        assert one.value() != first
        await one.ask()
        # A revoked token stays listed until somebody removes it.
        assert [row.token for row in setting.listed()] == [one.value()]


async def test_told_that_it_is_revoked_a_replica_adopts_what_another_one_made(setting: Setting) -> None:
    async with setting.replica("one") as one, setting.replica("two") as two:
        await one.reconcile()
        await two.reconcile()
        first = one.value()
        await one.rotate()
        setting.world.revoke_token(first)
        with pytest.raises(TokenRevokedError):
            await two.ask()

        assert await two.reconcile()

        assert two.value() == one.value()
        assert two.outcomes == ["adopted", "adopted"]


async def test_a_rejection_that_was_litmuss_own_trouble_makes_no_new_token(setting: Setting) -> None:
    async with setting.replica() as one:
        await one.reconcile()
        first = one.value()
        setting.simulator.faults.add(
            ScriptedFault(
                root_field="listEnvironments",
                body='{"errors":[{"message":"invalid Token","path":["listEnvironments"]}],"data":null}',
            )
        )
        with pytest.raises(Exception, match="does not accept"):
            await one.ask()

        assert await one.reconcile()

        assert one.value() == first
        assert one.holder.status.problem is None


async def test_while_the_store_is_away_a_token_is_adopted_but_none_is_made(setting: Setting) -> None:
    setting.locks.away = True
    async with setting.replica() as one:
        assert not await one.reconcile()
        assert one.holder.state is TokenState.MISSING
        assert setting.listed() == []
        assert one.outcomes == ["store_unavailable"]

        made = setting.issue()
        assert await one.reconcile()
        assert one.holder.token == made


async def test_a_token_for_a_day_that_equals_its_session_is_not_logged_out_with_it(setting: Setting) -> None:
    """Made in the second of the sign-in, with the same lifetime, the two are one string."""
    async with setting.replica(days=1) as one:
        assert await one.reconcile()
        await one.ask()


@pytest.mark.parametrize(
    ("prepare", "code", "hint"),
    [
        ("initial", "initial_password", "set a new password"),
        ("deactivated", "credentials_rejected", "deactivated"),
        ("password", "credentials_rejected", "password is wrong"),
    ],
)
async def test_what_keeps_a_user_from_getting_a_token_is_told_with_what_to_do(
    setting: Setting, prepare: str, code: str, hint: str
) -> None:
    match prepare:
        case "initial":
            setting.user.initial_login = True
        case "deactivated":
            setting.world.deactivate(setting.user)
        case _:
            setting.user.password = "another"

    async with setting.replica() as one:
        assert not await one.reconcile()

        assert one.outcomes == [code]
        assert hint in (one.holder.status.problem or "")


async def test_a_replica_that_lost_litmus_keeps_its_token_and_says_that_it_lives(setting: Setting) -> None:
    async with setting.replica() as one:
        await one.reconcile()
        assert one.holder.token is not None
        setting.clock.pass_by(minutes=5)
        await setting.simulator.stop()
        assert await one.reconcile()

        since = setting.clock.now()
        use = TokenUse(instance="default", replica="one", token_id=one.holder.token.id)
        assert await setting.uses.current(since) == {use}
        assert one.holder.status.problem is not None
        assert "marker" not in one.holder.status.problem


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(14))
async def test_a_crash_at_any_step_leaves_nothing_that_the_next_start_does_not_clean_up(
    setting: Setting, step: int, *, executed: bool
) -> None:
    """From one request on, neither Litmus nor the store hears of the process any more."""
    setting.issue(days=0.0001)
    predecessor = setting.issue()
    setting.clock.pass_by(days=25)
    faults = setting.simulator.faults
    if step:
        faults.add(ScriptedFault(times=step))  # answered as ever
    faults.add(ScriptedFault(drop="after" if executed else "before"))
    faults.add(ScriptedFault(drop="before", times=None))
    async with setting.replica("crashing") as one:
        await one.reconcile()
        setting.clock.pass_by(minutes=11)
        await one.reconcile()
    faults.clear()
    setting.clock.pass_by(minutes=1)

    async with setting.replica("next") as one:
        assert await one.reconcile()
        setting.clock.pass_by(minutes=11)
        assert await one.reconcile()

        assert [row.token for row in setting.listed()] == [one.value()]
        assert predecessor.reveal() in setting.world.revoked_tokens
        assert one.value() not in setting.world.revoked_tokens


async def test_the_crash_test_reaches_every_step(setting: Setting) -> None:
    """Its number of steps covers all the requests of a renewal."""
    setting.issue(days=0.0001)
    setting.issue()
    setting.clock.pass_by(days=25)
    async with setting.replica() as one:
        await one.reconcile()
        setting.clock.pass_by(minutes=11)
        await one.reconcile()

    paths = [request.path for request in setting.simulator.requests]
    assert len(paths) <= 14, paths
    assert "/auth/remove_token" in paths
    assert "/auth/create_token" in paths


async def test_nothing_that_litmus_wrote_reaches_what_is_told(setting: Setting) -> None:
    setting.simulator.faults.add(ScriptedFault(path="/auth/create_token", status=500, body=SERVER_ERROR))
    async with setting.replica() as one:
        assert not await one.reconcile()

        assert one.holder.status.problem is not None
        assert "marker" not in one.holder.status.problem
        assert NAME not in one.holder.status.problem


async def test_a_session_is_noted_while_it_is_open_and_its_token_is_not_to_be_read_there(
    setting: Setting,
) -> None:
    setting.simulator.faults.add(ScriptedFault(path="/auth/logout", status=502, times=None))
    async with setting.replica() as one:
        assert await one.reconcile()
    (left,) = await noted(setting)
    assert left.username == "robot"
    assert b"eyJ" not in left.sealed_token


async def test_a_session_that_was_ended_is_noted_no_more(setting: Setting) -> None:
    async with setting.replica() as one:
        assert await one.reconcile()
    assert await noted(setting) == []


async def noted(setting: Setting) -> list[Session]:
    now = setting.clock.now() + LEFT_AFTER
    found = await setting.sessions.expired(
        instance="default", seen_before=now, now=now, after=None, at_most=10
    )
    return list(found)
