"""Sessions of people signed in with Litmus: what is kept, how long it holds, what its end leaves behind."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from sidecar.domain.errors import (
    RightsUnknownError,
    StoreError,
)
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import AccountRights, Accounts, OpenedSession, Session
from sidecar.identity.sessions import SWEPT_AT_ONCE, LitmusSessions
from tests.identity.session_world import SHOP, HalfSessions, People, World


@pytest.fixture
def world() -> World:
    return World()


async def begun(sessions: LitmusSessions, instance: str = "default") -> str:
    return await sessions.begin(instance, "vera", "right")


async def test_the_store_learns_neither_the_secret_nor_the_token(world: World) -> None:
    secret = await begun(world.replica())
    (session,) = await world.kept.all()
    told = repr(session)
    assert secret not in told
    assert "litmus-token-1" not in told
    assert session.id != secret


async def test_a_person_is_known_again_by_the_secret_on_every_replica(world: World) -> None:
    secret = await begun(world.replica())
    person = await world.replica().person(secret)
    assert person is not None
    assert (person.username, person.instance, person.role_in(SHOP)) == ("vera", "default", "Viewer")
    assert person.role_in(ProjectRef(instance="other", project_id="shop")) is None


@pytest.mark.parametrize("other", ["", "A" * 43, "\udcff", "x" * 100_000])
async def test_nobody_is_known_by_another_text(world: World, other: str) -> None:
    sessions = world.replica()
    await begun(sessions)
    assert await sessions.person(other) is None


async def test_the_name_in_the_store_of_what_has_ended_is_no_secret(world: World) -> None:
    sessions = world.replica()
    session = await sessions.find(await begun(sessions))
    assert session is not None
    world.people.is_away = True
    await sessions.end(session)
    (over,) = await world.kept.all()
    assert await sessions.find(over.id) is None
    assert await sessions.find(session.id) is None


async def test_use_is_noted_once_a_minute(world: World) -> None:
    sessions = world.replica()
    secret = await begun(sessions)
    for _ in range(10):
        world.clock.now += timedelta(seconds=20)
        await sessions.find(secret)
    assert world.kept.touches == 3


async def test_a_short_idle_time_is_kept_up_by_use(world: World) -> None:
    sessions = world.replica(idle=timedelta(seconds=40))
    secret = await begun(sessions)
    for _ in range(10):
        world.clock.now += timedelta(seconds=39)
        assert await sessions.find(secret) is not None
    world.clock.now += timedelta(seconds=40)
    assert await sessions.find(secret) is None


async def test_a_session_ends_with_its_token_at_the_latest(world: World) -> None:
    world.people.token_life = timedelta(minutes=30)
    sessions = world.replica()
    secret = await begun(sessions)
    world.clock.now += timedelta(minutes=30) - timedelta(seconds=1)
    assert await sessions.find(secret) is not None
    world.clock.now += timedelta(seconds=1)
    assert await sessions.find(secret) is None


async def test_the_token_of_another_session_is_worth_nothing(world: World) -> None:
    """Who can write to the store must not become somebody else by copying what is sealed."""
    sessions = world.replica()
    mine, theirs = await begun(sessions), await begun(sessions)
    session, other = await sessions.find(mine), await sessions.find(theirs)
    assert session is not None
    assert other is not None
    forged = Session(
        **{name: getattr(session, name) for name in session.__struct_fields__ if name != "sealed_token"},
        sealed_token=other.sealed_token,
    )
    await world.kept.add(forged)
    assert await sessions.person(mine) is None
    assert await sessions.person(theirs) is not None


async def test_a_session_that_cannot_be_kept_leaves_no_token_behind(world: World) -> None:
    sessions = world.replica()
    world.kept.is_away = True
    with pytest.raises(StoreError):
        await begun(sessions)
    assert world.people.revoked == ["litmus-token-1"]


async def test_while_the_store_is_away_nobody_is_known(world: World) -> None:
    sessions = world.replica()
    secret = await begun(sessions)
    assert await sessions.person(secret) is not None
    world.kept.is_away = True
    with pytest.raises(StoreError):
        await sessions.person(secret)


async def test_signing_out_while_the_store_is_away_revokes_the_token_and_ends_the_session_later(
    world: World,
) -> None:
    sessions, other = world.replica(), world.replica()
    secret = await begun(sessions)
    assert await sessions.find(secret) is not None
    world.kept.is_away = True
    session = sessions.remembered(secret)
    assert session is not None
    with pytest.raises(StoreError):
        await sessions.end(session)
    assert world.people.revoked == ["litmus-token-1"]
    world.kept.is_away = False
    assert await sessions.find(secret) is None
    await sessions.sweep()
    assert await other.find(secret) is None
    assert not await world.kept.all()


async def test_what_litmus_did_not_hear_of_is_told_again_by_any_replica(world: World) -> None:
    sessions = world.replica()
    session = await sessions.find(await begun(sessions))
    assert session is not None
    world.people.is_away = True
    await sessions.end(session)
    world.people.is_away = False
    await world.replica().sweep()
    assert world.people.revoked == ["litmus-token-1"]
    assert not await world.kept.all()


async def test_a_store_that_goes_away_while_a_session_ends_loses_no_token(world: World) -> None:
    world.kept = HalfSessions()
    sessions = world.replica()
    session = await sessions.find(await begun(sessions))
    assert session is not None
    world.people.is_away = True
    with suppress(StoreError):
        await sessions.end(session)
    world.people.is_away = world.kept.is_away = False
    # This replica may have ended with all that it remembered.
    await world.replica().sweep()
    assert world.people.revoked == ["litmus-token-1"]


async def test_only_one_of_two_that_end_a_session_revokes_its_token(world: World) -> None:
    one, two = world.replica(), world.replica()
    session = await one.find(await begun(one))
    assert session is not None
    await asyncio.gather(one.end(session), two.end(session))
    assert world.people.revoked == ["litmus-token-1"]


async def test_tokens_of_sessions_that_ended_by_themselves_are_revoked_by_one_replica(world: World) -> None:
    one, two = world.replica(), world.replica()
    idle, used = await begun(one), await begun(one)
    world.clock.now += timedelta(minutes=50)
    assert await one.find(used) is not None
    world.clock.now += timedelta(minutes=20)
    await asyncio.gather(one.sweep(), two.sweep())
    assert world.people.revoked == ["litmus-token-1"]
    assert await one.find(idle) is None
    assert await one.find(used) is not None


async def test_a_litmus_that_is_away_does_not_keep_the_tokens_of_others(world: World) -> None:
    away = People()
    sessions = world.replica(accounts={"away": away, "default": world.people})
    for _ in range(3):
        await begun(sessions, "away")
    await begun(sessions)
    away.is_away = True
    world.clock.now += timedelta(hours=2)
    await sessions.sweep()
    assert world.people.revoked == ["litmus-token-1"]
    assert len(await world.kept.all()) == 3


@pytest.mark.parametrize("instance", ["away", "gone"])
async def test_however_many_sessions_of_another_litmus_are_over_the_rest_is_revoked(
    world: World, instance: str
) -> None:
    other = People()
    began = world.replica(accounts={instance: other, "default": world.people})
    for _ in range(SWEPT_AT_ONCE):
        await begun(began, instance)
    world.clock.now += timedelta(minutes=1)
    await begun(began)
    other.is_away = True
    world.clock.now += timedelta(hours=2)
    # Both are asked, or the other is no longer configured.
    accounts: dict[str, Accounts] = {"default": world.people}
    if instance == "away":
        accounts = {"away": other, **accounts}
    await world.replica(accounts=accounts).sweep()
    assert world.people.revoked == ["litmus-token-1"]


async def test_however_many_sessions_of_a_lost_key_are_over_the_rest_is_revoked(world: World) -> None:
    before = world.replica("o" * 32)
    for _ in range(SWEPT_AT_ONCE):
        await begun(before)
    world.clock.now += timedelta(minutes=1)
    sessions = world.replica("n" * 32)
    await begun(sessions)
    world.clock.now += timedelta(hours=2)
    await sessions.sweep()
    assert world.people.revoked == [f"litmus-token-{SWEPT_AT_ONCE + 1}"]


async def test_sessions_of_a_litmus_that_is_gone_are_forgotten_when_their_tokens_have_ended(
    world: World,
) -> None:
    await begun(world.replica(accounts={"gone": People()}), "gone")
    sessions = world.replica()
    world.clock.now += timedelta(hours=13)
    await sessions.sweep()
    assert await world.kept.all()
    world.clock.now += timedelta(days=1)
    await sessions.sweep()
    assert not await world.kept.all()


async def test_requests_of_one_page_ask_litmus_once(world: World) -> None:
    sessions = world.replica()
    secret = await begun(sessions)
    people = await asyncio.gather(*(sessions.person(secret) for _ in range(10)))
    assert all(people)
    assert world.people.asked == 1


async def test_a_litmus_that_is_away_is_asked_every_ten_seconds_at_most(world: World) -> None:
    sessions = world.replica()
    secret = await begun(sessions)
    world.people.is_away = True
    for _ in range(5):
        with pytest.raises(RightsUnknownError):
            await sessions.person(secret)
    assert world.people.asked == 1
    world.people.is_away = False
    world.clock.now += timedelta(seconds=10)
    assert await sessions.person(secret) is not None


async def test_the_last_word_of_litmus_counts_for_ten_minutes_and_no_longer(world: World) -> None:
    sessions = world.replica()
    secret = await begun(sessions)
    assert await sessions.person(secret) is not None
    world.people.is_away = True
    world.clock.now += timedelta(minutes=10) - timedelta(seconds=1)
    assert await sessions.person(secret) is not None
    world.clock.now += timedelta(seconds=1)
    with pytest.raises(RightsUnknownError):
        await sessions.person(secret)


async def test_rights_that_litmus_changed_count_after_a_minute(world: World) -> None:
    sessions = world.replica()
    secret = await begun(sessions)
    before = await sessions.person(secret)
    world.people.rights_now = AccountRights(is_admin=True, roles={})
    world.clock.now += timedelta(minutes=1)
    after = await sessions.person(secret)
    assert before is not None
    assert after is not None
    assert (before.rights.is_admin, after.rights.is_admin) == (False, True)
    assert after.role_in(SHOP) is None


async def test_a_token_that_litmus_refuses_ends_the_session(world: World) -> None:
    sessions = world.replica()
    secret = await begun(sessions)
    world.people.revoked.append("litmus-token-1")
    assert await sessions.person(secret) is None
    assert await world.replica().find(secret) is None


async def test_a_session_is_read_with_any_of_the_keys_and_not_without(world: World) -> None:
    old, new = "o" * 32, "n" * 32
    secret = await begun(world.replica(old))
    assert await world.replica(new, old).person(secret) is not None
    assert await world.replica(new).person(secret) is None
    # A replica that does not know the key yet must not end the session of those that do.
    assert await world.replica(old).person(secret) is not None


async def test_a_session_whose_key_is_gone_is_forgotten_when_its_token_has_ended(world: World) -> None:
    await begun(world.replica("o" * 32))
    sessions = world.replica("n" * 32)
    world.clock.now += timedelta(hours=13)
    await sessions.sweep()
    assert await world.kept.all()
    world.clock.now += timedelta(days=1)
    await sessions.sweep()
    assert not await world.kept.all()


def test_an_opened_account_does_not_print_its_token() -> None:
    opened = OpenedSession(
        token="litmus-token-1", user_id="id", username="vera", is_admin=False, expires_at=None
    )
    assert "litmus-token-1" not in f"{opened!r} {opened}"
