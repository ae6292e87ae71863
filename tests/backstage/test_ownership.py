"""Which groups vouch for a person, and where a person's token goes."""

import asyncio
import logging

import pytest

from sidecar.backstage.transport import open_backstage_http
from sidecar.backstage.users import (
    JWKS_PATH,
    USERINFO_PATH,
    BackstageUsers,
    TokenRefusedError,
    open_backstage_users,
)
from tests.support.backstage import (
    ISSUER,
    Backstage,
    FixedClock,
    limited_user_token,
)

ALICE = "user:default/alice"


async def test_a_person_owns_what_userinfo_says_in_lower_case(
    users: BackstageUsers, backstage: Backstage
) -> None:
    backstage.groups[ALICE] = ["group:default/Team-A", "nonsense"]
    assert await users.ownership(backstage.token()) == {ALICE, "group:default/team-a"}


async def test_a_group_that_only_looks_like_another_gives_nothing(
    users: BackstageUsers, backstage: Backstage
) -> None:
    backstage.groups[ALICE] = ["group:default/\uff54eam-a", "group:default/\u212aings"]
    assert await users.ownership(backstage.token()) == {ALICE}


async def test_groups_inside_a_token_count_for_nothing(users: BackstageUsers, backstage: Backstage) -> None:
    token = backstage.token(ent=[ALICE, "group:default/admins"])
    assert await users.ownership(token) == {ALICE}


async def test_ownership_is_asked_once_a_minute_however_many_ask(
    users: BackstageUsers, backstage: Backstage, clock: FixedClock
) -> None:
    token = backstage.token()
    await asyncio.gather(*(users.ownership(token) for _ in range(10)))
    backstage.groups[ALICE] = ["group:default/team-a"]
    clock.advance(59)
    assert await users.ownership(token) == {ALICE}
    assert backstage.asked[USERINFO_PATH] == 1
    clock.advance(1)
    assert await users.ownership(token) == {ALICE, "group:default/team-a"}


@pytest.mark.parametrize(
    "answer",
    [
        500,
        401,
        302,
        None,
        b"{",
        b"[]",
        b'{"claims":{"sub":"user:default/alice"}}',
        b'{"claims":{"sub":"user:default/alice","ent":"group:default/team-a"}}',
        b'{"claims":{"sub":"user:default/bob","ent":["group:default/team-b"]}}',
    ],
    ids=str,
)
async def test_without_a_plain_answer_a_person_acts_as_themselves_alone_and_soon_again_in_full(
    users: BackstageUsers, backstage: Backstage, clock: FixedClock, answer: int | bytes | None
) -> None:
    backstage.groups[ALICE] = ["group:default/team-a"]
    backstage.failing[USERINFO_PATH] = answer
    token = backstage.token()
    assert await users.ownership(token) == {ALICE}
    del backstage.failing[USERINFO_PATH]
    clock.advance(5)
    assert await users.ownership(token) == {ALICE, "group:default/team-a"}


async def test_ownership_of_a_token_that_does_not_hold_is_not_asked(
    users: BackstageUsers, backstage: Backstage
) -> None:
    with pytest.raises(TokenRefusedError):
        await users.ownership(limited_user_token(backstage.keys[0]))
    assert backstage.asked[USERINFO_PATH] == 0


async def test_two_people_never_share_an_answer(users: BackstageUsers, backstage: Backstage) -> None:
    backstage.groups["user:default/bob"] = ["group:default/team-b"]
    alice, bob = backstage.token(), backstage.token("user:default/bob")
    assert await users.ownership(bob) == {"user:default/bob", "group:default/team-b"}
    assert await users.ownership(alice) == {ALICE}


async def test_a_token_is_in_no_error_of_a_failed_exchange_and_in_no_log(
    users: BackstageUsers,
    backstage: Backstage,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = backstage.token()
    backstage.failing[USERINFO_PATH] = None
    with caplog.at_level(logging.DEBUG):
        await users.ownership(token)
    written = capsys.readouterr()
    assert "person acts without groups" in written.out + written.err
    assert token not in written.out + written.err + caplog.text


async def test_a_token_goes_to_userinfo_alone(users: BackstageUsers, backstage: Backstage) -> None:
    token = backstage.token()
    await users.ownership(token)
    assert backstage.tokens == [None, f"Bearer {token}"]


async def test_an_address_that_redirects_gets_the_token_no_further(
    backstage: Backstage, clock: FixedClock
) -> None:
    backstage.failing[USERINFO_PATH] = 307
    async with (
        open_backstage_http(backstage.url) as http,
        open_backstage_users(http, issuer=ISSUER, clock=clock) as users,
    ):
        await users.ownership(backstage.token())
    assert backstage.asked == {JWKS_PATH: 1, USERINFO_PATH: 1}
