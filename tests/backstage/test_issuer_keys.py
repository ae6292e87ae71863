"""The keys of Backstage: when they are read, and what makes them change."""

import asyncio
from uuid import uuid4

import pytest

from sidecar.backstage.users import (
    JWKS_PATH,
    BackstageUsers,
    Refusal,
    TokenRefusedError,
)
from tests.support.backstage import (
    Backstage,
    FixedClock,
    SigningKey,
    hand_made,
    unlisted_token,
    user_claims,
)
from tests.support.service import eventually

ALICE = "user:default/alice"


async def test_ten_thousand_invented_key_ids_make_backstage_list_its_keys_a_few_times(
    users: BackstageUsers, backstage: Backstage
) -> None:
    good = backstage.token()
    await users.verify(good)
    claims = user_claims()
    refused = 0
    for _ in range(10_000):
        try:
            await users.verify(
                hand_made({"typ": "vnd.backstage.user", "alg": "ES256", "kid": str(uuid4())}, claims, b"x")
            )
        except TokenRefusedError as error:
            refused += error.reason is Refusal.KEY
    assert refused == 10_000
    assert backstage.asked[JWKS_PATH] == 3
    assert (await users.verify(good)).ref == ALICE


async def test_a_rotated_key_is_found_at_once(users: BackstageUsers, backstage: Backstage) -> None:
    await users.verify(backstage.token())
    backstage.rotate()
    assert (await users.verify(backstage.token("user:default/bob"))).ref == "user:default/bob"
    assert backstage.asked[JWKS_PATH] == 2


async def test_a_rotated_key_is_found_soon_after_many_invented_ones(
    users: BackstageUsers, backstage: Backstage, clock: FixedClock
) -> None:
    for _ in range(5):
        with pytest.raises(TokenRefusedError):
            await users.verify(unlisted_token())
    backstage.rotate()
    with pytest.raises(TokenRefusedError):
        await users.verify(backstage.token())
    clock.advance(15)
    assert (await users.verify(backstage.token())).ref == ALICE


async def test_many_at_once_ask_for_the_keys_once(users: BackstageUsers, backstage: Backstage) -> None:
    tokens = [backstage.token(f"user:default/u{number}") for number in range(20)]
    people = await asyncio.gather(*(users.verify(token) for token in tokens))
    assert len({person.ref for person in people}) == 20
    assert backstage.asked[JWKS_PATH] == 1


async def test_a_caller_who_leaves_does_not_end_the_reading_of_keys_for_others(
    users: BackstageUsers, backstage: Backstage
) -> None:
    backstage.hold.clear()
    leaving = asyncio.create_task(users.verify(backstage.token()))
    staying = asyncio.create_task(users.verify(backstage.token("user:default/bob")))
    await eventually(lambda: backstage.asked[JWKS_PATH] == 1)
    leaving.cancel()
    backstage.hold.set()
    assert (await staying).ref == "user:default/bob"
    assert backstage.asked[JWKS_PATH] == 1


@pytest.mark.parametrize(
    "answer",
    [500, 404, 302, None, b"{", b"[]", b'{"keys":[]}', b'{"keys":7}', b'{"keys":[{"kty":"?"}]}'],
    ids=str,
)
async def test_a_bad_list_of_keys_replaces_no_known_one(
    users: BackstageUsers, backstage: Backstage, clock: FixedClock, answer: int | bytes | None
) -> None:
    await users.verify(backstage.token())
    backstage.failing[JWKS_PATH] = answer
    with pytest.raises(TokenRefusedError, match="cannot be checked now"):
        await users.verify(unlisted_token())
    clock.advance(60)
    assert (await users.verify(backstage.token("user:default/bob"))).ref == "user:default/bob"


async def test_an_empty_list_at_first_is_read_again_after_the_first_sign_in(
    users: BackstageUsers, backstage: Backstage
) -> None:
    token = backstage.token()
    listed, backstage.keys = backstage.keys, []
    with pytest.raises(TokenRefusedError, match="lists no signing key"):
        await users.verify(token)
    backstage.keys = listed
    assert (await users.verify(token)).ref == ALICE


async def test_a_key_taken_off_the_list_ends_its_tokens_even_those_verified_before(
    users: BackstageUsers, backstage: Backstage, clock: FixedClock
) -> None:
    old = backstage.token()
    await users.verify(old)
    backstage.keys = [SigningKey()]
    clock.advance(601)
    await users.verify(old)
    await eventually(lambda: backstage.asked[JWKS_PATH] == 2)

    async def refused() -> bool:
        try:
            await users.verify(old)
        except TokenRefusedError as error:
            return error.reason is Refusal.KEY
        return False

    await eventually(refused)
