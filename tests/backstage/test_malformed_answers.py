"""Whatever Backstage answers, on whatever route, costs that question alone."""

import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import msgspec
import pytest

from sidecar.backstage.catalog import BackstageCatalog
from sidecar.backstage.jwks import MAX_AGE_SECONDS, MAX_KEYS, IssuerKeys
from sidecar.backstage.transport import BackstageHttp, open_backstage_http
from sidecar.backstage.users import BackstageUsers, TokenRefusedError, open_backstage_users
from sidecar.backstage.visibility import CatalogVisibility
from tests.support.backstage import (
    CATALOG_TOKEN,
    ISSUER,
    Backstage,
    FixedClock,
    SigningKey,
    component,
    user_claims,
)
from tests.support.malformed import (
    MALADIES,
    MARK,
    SCALARS,
    SickNeighbour,
    open_sick_neighbour,
    places,
    replaced,
)

pytestmark = pytest.mark.service

ALICE = "user:default/alice"


@pytest.fixture
async def sick(backstage: Backstage) -> AsyncIterator[SickNeighbour]:
    backstage.entities = [
        component("cart", relations=[{"type": "partOf", "targetRef": "system:default/shop"}]),
        {"kind": "System", "metadata": {"name": "shop"}, "spec": {"owner": "team-a"}},
    ]
    backstage.groups = {ALICE: ["group:default/team-a"]}
    async with open_sick_neighbour(backstage.url) as neighbour:
        yield neighbour


def reader(http: BackstageHttp, clock: FixedClock) -> BackstageCatalog:
    return BackstageCatalog(http, ["default"], token=lambda: CATALOG_TOKEN, clock=clock)


@pytest.mark.parametrize("name", MALADIES)
async def test_no_malady_of_backstage_raises_and_what_was_read_stays(
    sick: SickNeighbour, backstage: Backstage, clock: FixedClock, name: str
) -> None:
    token = backstage.token()
    timeout_seconds = 0.2 if name == "drip" else 10.0
    async with (
        open_backstage_http(sick.url, timeout_seconds=timeout_seconds, max_answer_bytes=4 << 20) as http,
        open_backstage_users(http, issuer=ISSUER, clock=clock) as users,
        open_backstage_users(http, issuer=ISSUER, clock=clock) as new_users,
    ):
        catalog, visibility = reader(http, clock), CatalogVisibility(http, clock=clock)
        await catalog.refresh()
        assert (await users.verify(token)).ref == ALICE

        sick.malady = MALADIES[name]
        clock.advance(MAX_AGE_SECONDS + 1)
        for _ in range(3):  # an empty catalog counts once it is said twice
            await catalog.refresh()
        assert [entity.ref for entity in catalog.current.entities] == ["component:default/cart"]
        assert MARK not in json.dumps(catalog.current.problems)
        # Keys that are known stay; without any, nobody is taken for genuine.
        assert (await users.verify(token)).ref == ALICE
        refusal = await refusal_of(new_users, token)
        assert MARK not in refusal
        assert token not in refusal
        assert ALICE in await users.ownership(token)
        assert await visibility.visible(token, ["component:default/cart"]) <= {"component:default/cart"}
        assert sick.struck.keys() >= {"/api/auth/.well-known", "/api/auth/v1", "/api/catalog/entities"}

        sick.malady = None
        clock.advance(MAX_AGE_SECONDS + 1)
        await catalog.refresh()
        assert catalog.error is None
        assert (await new_users.verify(token)).ref == ALICE
        assert "group:default/team-a" in await users.ownership(token)
        assert await visibility.visible(token, ["component:default/cart"]) == {"component:default/cart"}


async def refusal_of(users: BackstageUsers, token: str) -> str:
    """Return why a token is refused; nothing if it is not."""
    try:
        await users.verify(token)
    except TokenRefusedError as exc:
        return str(exc)
    return ""


async def keys_of(listed: Any, clock: FixedClock, key_id: str) -> jwt.PyJWK | None:
    async def fetch() -> Any:
        return listed

    keys = IssuerKeys(fetch, clock=clock)
    try:
        return await keys.get(key_id)
    finally:
        await keys.close()


async def test_a_key_with_anything_in_any_member_spoils_no_other_key(clock: FixedClock) -> None:
    good, odd = SigningKey(), SigningKey()
    assert await keys_of({"keys": [odd.jwk, good.jwk]}, clock, good.key_id) is not None
    for place in places(odd.jwk):
        for value in (*SCALARS, "A" * 1_000_000):
            listed = {"keys": [replaced(odd.jwk, place, value), good.jwk]}
            assert await keys_of(listed, clock, good.key_id) is not None, (place, value)


async def test_of_a_list_without_end_the_first_keys_count(clock: FixedClock) -> None:
    good = SigningKey()
    listed = {"keys": [good.jwk, *({"kty": "EC", "n": number} for number in range(MAX_KEYS * 100))]}
    assert await keys_of(listed, clock, good.key_id) is not None


async def test_an_entity_with_anything_at_any_place_is_read_or_left_out(
    backstage: Backstage, http: BackstageHttp, clock: FixedClock
) -> None:
    other = component("other", "p-2")
    cart = component("cart")
    for place in places(cart):
        for value in (*SCALARS, "x" * 100_000):
            backstage.failing["/api/catalog/entities/by-query"] = json.dumps(
                {"items": [replaced(cart, place, value), other]}
            ).encode()
            catalog = reader(http, clock)
            await catalog.refresh()
            found = {entity.ref for entity in catalog.current.entities}
            assert "component:default/other" in found or catalog.error is not None, (place, value)
            assert len(msgspec.json.encode(catalog.current)) < 10_000


async def test_userinfo_with_anything_at_any_place_gives_no_group_that_is_none(
    backstage: Backstage, http: BackstageHttp, clock: FixedClock
) -> None:
    answer = {"claims": {"sub": ALICE, "ent": [ALICE, "group:default/team-a"]}}
    async with open_backstage_users(http, issuer=ISSUER, clock=clock) as users:
        for number, place in enumerate(places(answer)):
            for other, value in enumerate(SCALARS):
                backstage.failing["/api/auth/v1/userinfo"] = json.dumps(
                    replaced(answer, place, value)
                ).encode()
                # Another token each time: what is told of one is remembered.
                token = backstage.keys[-1].sign(user_claims(jti=f"{number}-{other}"))
                assert await users.ownership(token) <= {ALICE, "group:default/team-a"}
