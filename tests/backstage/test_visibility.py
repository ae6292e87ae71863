"""Which entities a person sees, asked with their own token."""

import asyncio

import pytest

from sidecar.backstage.transport import BackstageHttp
from sidecar.backstage.visibility import BY_REFS_PATH, CatalogVisibility
from tests.support.backstage import Backstage, FixedClock, component

ALICE, BOB = "user:default/alice", "user:default/bob"
CART, ORDERS = "component:default/cart", "component:default/orders"


@pytest.fixture
def visibility(http: BackstageHttp, backstage: Backstage, clock: FixedClock) -> CatalogVisibility:
    backstage.entities = [component("Cart"), component("orders", "p-2")]
    backstage.visible[ALICE] = {CART}
    return CatalogVisibility(http, clock=clock)


async def test_one_visible_entity_of_a_project_is_enough(
    visibility: CatalogVisibility, backstage: Backstage
) -> None:
    assert await visibility.may_see(backstage.token(), [ORDERS, CART])


async def test_a_project_of_hidden_entities_is_hidden(
    visibility: CatalogVisibility, backstage: Backstage
) -> None:
    assert not await visibility.may_see(backstage.token(), [ORDERS])


async def test_a_project_that_no_entity_names_is_hidden(
    visibility: CatalogVisibility, backstage: Backstage
) -> None:
    assert not await visibility.may_see(backstage.token(), [])
    assert not await visibility.may_see(backstage.token(), ["component:default/nowhere"])


async def test_a_list_is_narrowed_to_what_is_visible(
    visibility: CatalogVisibility, backstage: Backstage
) -> None:
    assert await visibility.visible(backstage.token(), [CART, ORDERS]) == {CART}


async def test_what_one_person_sees_says_nothing_about_another(
    visibility: CatalogVisibility, backstage: Backstage
) -> None:
    backstage.visible[BOB] = {ORDERS}
    assert await visibility.visible(backstage.token(), [CART, ORDERS]) == {CART}
    assert await visibility.visible(backstage.token(BOB), [CART, ORDERS]) == {ORDERS}


async def test_the_question_is_asked_with_the_persons_own_token(
    visibility: CatalogVisibility, backstage: Backstage
) -> None:
    token = backstage.token()
    await visibility.may_see(token, [CART])
    assert backstage.tokens == [f"Bearer {token}"]


async def test_the_requests_of_one_page_ask_once(visibility: CatalogVisibility, backstage: Backstage) -> None:
    token = backstage.token()
    answers = await asyncio.gather(*(visibility.may_see(token, [CART]) for _ in range(5)))
    assert answers == [True] * 5
    assert backstage.asked[BY_REFS_PATH] == 1


async def test_a_right_taken_away_ends_here_soon(
    visibility: CatalogVisibility, backstage: Backstage, clock: FixedClock
) -> None:
    token = backstage.token()
    assert await visibility.may_see(token, [CART])
    backstage.visible[ALICE] = set()
    clock.advance(30)
    assert not await visibility.may_see(token, [CART])


async def test_a_right_given_is_seen_soon(
    visibility: CatalogVisibility, backstage: Backstage, clock: FixedClock
) -> None:
    token = backstage.token()
    assert not await visibility.may_see(token, [ORDERS])
    backstage.visible[ALICE] = {ORDERS}
    clock.advance(10)
    assert await visibility.may_see(token, [ORDERS])


@pytest.mark.parametrize(
    "answer",
    [
        500,
        401,
        302,
        None,
        b"{",
        b"[]",
        b"{}",
        b'{"items":7}',
        b'{"items":[null]}',
        b'{"items":[7,{"metadata":[]}]}',
        b'{"items":[{"kind":"Component","metadata":{"name":"orders","namespace":"default"}}]}',
    ],
    ids=str,
)
async def test_without_a_plain_yes_nothing_is_visible(
    visibility: CatalogVisibility, backstage: Backstage, answer: int | bytes | None
) -> None:
    backstage.failing[BY_REFS_PATH] = answer
    assert not await visibility.may_see(backstage.token(), [CART])
    assert await visibility.visible(backstage.token(), [CART]) == set()


async def test_after_a_failure_the_catalog_is_asked_again_soon_and_not_at_once(
    visibility: CatalogVisibility, backstage: Backstage, clock: FixedClock
) -> None:
    token = backstage.token()
    backstage.failing[BY_REFS_PATH] = 503
    for _ in range(10):
        await visibility.may_see(token, [CART])
    assert backstage.asked[BY_REFS_PATH] == 1
    del backstage.failing[BY_REFS_PATH]
    clock.advance(5)
    assert await visibility.may_see(token, [CART])


async def test_many_entities_are_asked_for_in_parts(
    visibility: CatalogVisibility, backstage: Backstage
) -> None:
    refs = [f"component:default/c{number}" for number in range(250)]
    assert await visibility.visible(backstage.token(), [*refs, CART]) == {CART}
    assert [len(part) for part in backstage.refs_asked] == [100, 100, 51]


async def test_more_entities_than_are_remembered_are_all_told(
    http: BackstageHttp, backstage: Backstage, clock: FixedClock
) -> None:
    backstage.entities = [component(f"c{number}") for number in range(150)]
    refs = {f"component:default/c{number}" for number in range(150)}
    visibility = CatalogVisibility(http, clock=clock, entries=10)
    assert await visibility.visible(backstage.token(), refs) == refs
