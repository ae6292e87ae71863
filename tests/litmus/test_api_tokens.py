"""The door to the API tokens of an instance's user, as REST and the command line use it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from sidecar.domain.errors import (
    CredentialsRejectedError,
    StoreError,
    TokenInUseError,
    TokenNotManagedError,
    TokenUnknownError,
)
from sidecar.litmus.tokens.accounts import LitmusAccounts
from sidecar.litmus.tokens.api_tokens import InstanceTokens
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.wire.token import LitmusToken, fingerprint
from tests.litmus.tokens import PASSWORD, Setting, open_setting
from tests.support.service import eventually


@dataclass
class Door:
    setting: Setting
    own: LitmusToken
    tokens: InstanceTokens


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_setting() as setting:
        own = setting.issue(name="in use")
        holder = TokenHolder("default", "token", setting.clock.now, own)
        async with setting.client(holder) as client:
            creation_locks = CreationLocks(setting.locks, "litmus:80/")
            tokens = InstanceTokens(
                holder, LitmusAuth(client), creation_locks, setting.uses, clock=setting.clock.now
            )
            yield Door(setting, own, tokens)


async def test_the_list_has_no_value_and_says_which_one_is_used(door: Door) -> None:
    other = door.setting.issue(name="other", days=10)

    listed = await door.tokens.listed()

    assert [(token.name, token.in_use) for token in listed] == [("other", False), ("in use", True)]
    assert [token.id for token in listed] == [other.id, door.own.id]
    assert other.reveal() not in repr(listed)


async def test_the_value_of_a_new_token_is_told_once_and_not_printed(door: Door) -> None:
    created = await door.tokens.create("dashboards", 7)

    assert [row.token for row in door.setting.listed("dashboards")] == [created.value]
    assert created.token.id == fingerprint(created.value)
    assert created.token.expires_at == door.setting.clock.now() + timedelta(days=7)
    assert created.value not in repr(created)


async def test_two_tokens_are_never_made_within_two_seconds(door: Door) -> None:
    locks, clock = door.setting.locks, door.setting.clock
    first = await door.tokens.create("twin", 7)
    waiting = asyncio.create_task(door.tokens.create("twin", 7))
    for step in (1.0, 0.9, 0.2):
        looked = len(locks.refused)
        # It looked now and has to wait, or it is made: the clock goes on only then.
        await eventually(partial(lambda seen: waiting.done() or len(locks.refused) > seen, looked))
        clock.pass_by(seconds=step)

    assert (await waiting).value != first.value
    earlier, later = sorted(row.created_at_ms for row in door.setting.listed("twin"))
    assert later - earlier >= 2_000


async def test_while_another_replica_signs_an_account_in_it_is_refused_like_a_wrong_password(
    door: Door,
) -> None:
    """Waiting for the other, it would tell by its time whether Litmus has a password to compare."""
    setting = door.setting
    here, there = (CreationLocks(setting.locks, "litmus:80/") for _ in range(2))
    async with setting.client(TokenHolder("default", "token", setting.clock.now, door.own)) as client:
        accounts = LitmusAccounts(LitmusAuth(client), here, patience=timedelta(0))
        async with there.for_sign_in("robot", patience=timedelta(0)):
            with pytest.raises(CredentialsRejectedError):
                await accounts.sign_in("robot", PASSWORD)
        assert not setting.asked("/auth/login")
        setting.clock.pass_by(seconds=3)
        assert (await accounts.sign_in("robot", PASSWORD)).username == "robot"


async def test_while_the_store_is_away_no_token_is_made(door: Door) -> None:
    door.setting.locks.away = True
    with pytest.raises(StoreError):
        await door.tokens.create("dashboards", 7)
    assert door.setting.listed("dashboards") == []


async def test_a_revoked_token_is_off_the_list_and_refused_for_good(door: Door) -> None:
    doomed = door.setting.issue(name="doomed", days=10)

    await door.tokens.revoke(doomed.id)

    assert door.setting.listed("doomed") == []
    assert doomed.reveal() in door.setting.world.revoked_tokens


async def test_an_expired_token_is_taken_off_the_list_though_litmus_says_500(door: Door) -> None:
    expired = door.setting.issue(name="expired", days=0)
    await door.tokens.revoke(expired.id)
    assert door.setting.listed("expired") == []


async def test_the_token_in_use_is_not_revoked(door: Door) -> None:
    with pytest.raises(TokenInUseError):
        await door.tokens.revoke(door.own.id)
    assert door.setting.listed("in use")


async def test_the_token_that_another_replica_uses_is_not_revoked(door: Door) -> None:
    theirs = door.setting.issue(name="theirs", days=10)
    await door.setting.uses.report("default", "two", theirs.id)
    with pytest.raises(TokenInUseError):
        await door.tokens.revoke(theirs.id)


async def test_an_id_that_is_not_listed_is_unknown(door: Door) -> None:
    with pytest.raises(TokenUnknownError):
        await door.tokens.revoke("0" * 16)


async def test_a_token_from_outside_cannot_be_rotated_here(door: Door) -> None:
    with pytest.raises(TokenNotManagedError, match="comes from token;"):
        await door.tokens.rotate()


async def test_rows_of_one_string_are_one_token_and_go_together(door: Door) -> None:
    """Litmus made both within a second, at somebody's double click."""
    twin = door.setting.issue(name="twin", days=10)
    door.setting.world.issue_token(door.setting.user, days=10, name="twin")
    assert [token.name for token in await door.tokens.listed()] == ["twin", "in use"]

    await door.tokens.revoke(twin.id)

    assert door.setting.listed("twin") == []


async def test_a_token_that_another_instance_uses_is_told_and_not_revoked(door: Door) -> None:
    """Two instances can be of one Litmus and one user."""
    theirs = door.setting.issue(name="theirs", days=10)
    await door.setting.uses.report("another", "one", theirs.id)

    assert {token.name for token in await door.tokens.listed() if token.in_use} == {"theirs", "in use"}
    with pytest.raises(TokenInUseError):
        await door.tokens.revoke(theirs.id)
    assert door.setting.listed("theirs")


async def test_a_replica_that_is_silent_for_long_uses_no_token_any_more(door: Door) -> None:
    theirs = door.setting.issue(name="theirs", days=10)
    await door.setting.uses.report("default", "two", theirs.id)
    door.setting.clock.pass_by(minutes=4)
    await door.tokens.revoke(theirs.id)
    assert not door.setting.listed("theirs")


async def test_while_the_store_is_away_nothing_is_revoked_and_the_list_still_told(door: Door) -> None:
    """Nobody can tell then what the other replicas use."""
    other = door.setting.issue(name="other", days=10)
    door.setting.uses.away = True

    assert [token.in_use for token in await door.tokens.listed()] == [False, True]
    with pytest.raises(StoreError):
        await door.tokens.revoke(other.id)
    assert door.setting.listed("other")
