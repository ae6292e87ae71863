"""Sharing where Backstage hides entities, of data that is old, and while the store is away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.e2e.conftest import Small, open_on_own_postgres
from tests.e2e.portal import Portal, open_portal
from tests.e2e.test_sharing import BADGE, SHARES, local, looked_at, send, shared
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

PICTURES = "/litmus/entities/component/default/cart"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def strict(small: Small) -> AsyncIterator[Portal]:
    """A Backstage that shows people only some entities; ``cart`` is alice's team's."""
    async with open_portal(small, "enforce") as one:
        yield one


async def test_whoever_shares_must_see_the_entity_and_those_who_look_need_not(strict: Portal) -> None:
    strict.backstage.visible = {
        "user:default/alice": {"component:default/cart"},
        "user:default/root": {"component:default/bank"},
    }
    status, made = await strict.post(SHARES, BADGE)
    assert status == 201, made
    # An administrator, from whom Backstage hides the entity.
    status, problem = await strict.post(SHARES, BADGE, headers=strict.headers("root"))
    assert (status, problem["code"]) == (404, "not_found")
    assert (await looked_at(strict.service, local(str(made["url"]))))[0] == 200


async def test_an_owner_from_whom_backstage_hides_the_entity_shares_nothing(strict: Portal) -> None:
    strict.backstage.visible = {"user:default/alice": set()}
    assert (await strict.post(SHARES, BADGE))[0] == 404
    assert (await strict.service.get(SHARES, headers=strict.headers())).status == 404


async def words(service: Service, path: str) -> str:
    return " ".join((await looked_at(service, path))[1])


@pytest.mark.parametrize(
    ("picture", "said"), [("badge", "(stale)"), ("score", "Stale: as of"), ("trend", "Stale: as of")]
)
async def test_a_shared_picture_of_old_data_says_so(small: Small, picture: str, said: str) -> None:
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync=QUICK_SYNC)
    async with open_service(config) as service:
        await service.ready()
        path = local((await shared(service, JSON, picture=picture))["url"])
        await eventually(lambda: lacks(service, path, said))
        await small.simulator.stop()
        await eventually(lambda: has(service, path, said))


async def has(service: Service, path: str, said: str) -> bool:
    return said in await words(service, path)


async def lacks(service: Service, path: str, said: str) -> bool:
    return not await has(service, path, said)


async def test_while_the_store_is_away_shared_pictures_say_so_and_private_ones_go_on(small: Small) -> None:
    """Nobody can tell whether an address was revoked, so it opens nothing."""
    async with open_on_own_postgres(small) as (service, postgres):
        path = local((await shared(service, JSON))["url"])
        before = await looked_at(service, path)
        assert before[0] == 200
        await asyncio.to_thread(postgres.stop)
        try:
            assert await looked_at(service, path) == (503, ["litmus", "not available now"])
            status, said = await looked_at(service, f"{PICTURES}/badge.svg")
            # It may say already that the history cannot be read.
            assert (status, [word.removesuffix(" (stale)") for word in said]) == before
            answer: tuple[int, Any] = await send(service, "POST", SHARES, BADGE, {})
            assert (answer[0], answer[1]["code"]) == (503, "store_unavailable")
        finally:
            await asyncio.to_thread(postgres.start)
        await eventually(lambda: shows(service, path))


async def shows(service: Service, path: str) -> bool:
    return (await looked_at(service, path))[0] == 200
