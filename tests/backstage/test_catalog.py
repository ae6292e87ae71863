"""The catalog of a Backstage: what is read of it, and what stays when it is away."""

from collections.abc import AsyncIterator

import pytest

from sidecar.backstage.catalog import BackstageCatalog
from sidecar.backstage.transport import BackstageHttp, open_backstage_http
from sidecar.domain.catalog import Entity
from sidecar.domain.model import ProjectRef
from tests.support.backstage import CATALOG_TOKEN, Backstage, FixedClock, component, open_backstage

BY_QUERY = "/api/catalog/entities/by-query"
BY_REFS = "/api/catalog/entities/by-refs"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def backstage() -> AsyncIterator[Backstage]:
    async with open_backstage() as running:
        yield running


@pytest.fixture
async def http(backstage: Backstage) -> AsyncIterator[BackstageHttp]:
    async with open_backstage_http(backstage.url) as opened:
        yield opened


@pytest.fixture
def catalog(http: BackstageHttp, clock: FixedClock) -> BackstageCatalog:
    return reader(http, clock)


def reader(http: BackstageHttp, clock: FixedClock, *, page_entities: int = 200) -> BackstageCatalog:
    return BackstageCatalog(
        http, ["default", "west"], token=lambda: CATALOG_TOKEN, clock=clock, page_entities=page_entities
    )


def names(catalog: BackstageCatalog) -> list[str]:
    return [entity.ref.rpartition("/")[2] for entity in catalog.current.entities]


def error_of(catalog: BackstageCatalog) -> str:
    return catalog.error or ""


def was_read(catalog: BackstageCatalog) -> bool:
    return catalog.read_at is not None


async def test_an_entity_is_read_with_all_that_decides_about_it(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    cart = component(
        "Cart",
        "P-1",
        relations=[
            {"type": "ownedBy", "targetRef": "group:default/team-b"},
            {"type": "partOf", "targetRef": "system:default/shop"},
        ],
    )
    cart["metadata"]["title"] = "The cart"
    cart["metadata"]["annotations"] |= {
        "litmuschaos.io/instance": "west",
        "litmuschaos.io/experiment-tags": "cart, shop",
        "litmuschaos.io/infra-ids": "i-1",
    }
    shop = {
        "kind": "System",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"owner": "team-a", "domain": "sales"},
        "relations": [{"type": "partOf", "targetRef": "domain:default/sales"}],
    }
    backstage.entities = [cart, shop]
    assert await catalog.refresh()
    assert catalog.current.entities == (
        Entity(
            ref="component:default/cart",
            project=ProjectRef(instance="west", project_id="P-1"),
            title="The cart",
            owner="group:default/team-b",
            system="system:default/shop",
            domain="domain:default/sales",
            experiment_tags=("cart", "shop"),
            infra_ids=("i-1",),
        ),
    )
    assert catalog.current.problems == ()


async def test_all_pages_are_read_each_with_fields_and_limit(
    http: BackstageHttp, backstage: Backstage, clock: FixedClock
) -> None:
    backstage.entities = [component(f"c{number}") for number in range(5)]
    catalog = reader(http, clock, page_entities=2)
    await catalog.refresh()
    assert names(catalog) == ["c0", "c1", "c2", "c3", "c4"]
    assert [("filter" in query, "cursor" in query, query["limit"]) for query in backstage.queries] == [
        (True, False, "2"),
        (False, True, "2"),
        (False, True, "2"),
    ]
    assert len({query["fields"] for query in backstage.queries}) == 1


async def test_pages_that_go_in_a_circle_are_no_catalog(
    http: BackstageHttp, backstage: Backstage, clock: FixedClock
) -> None:
    backstage.entities = [component(f"c{number}") for number in range(5)]
    backstage.circling = True
    catalog = reader(http, clock, page_entities=2)
    await catalog.refresh()
    assert names(catalog) == []
    assert backstage.asked[BY_QUERY] == 2
    assert "circle" in catalog.current.problems[0]


async def test_ids_are_compared_exactly_although_backstage_ignores_case(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    backstage.entities = [component("lower", "proj-a"), component("upper", "PROJ-A")]
    other_key = component("other", None)
    other_key["metadata"]["annotations"]["LitmusChaos.io/Project-ID"] = "proj-a"
    backstage.entities.append(other_key)
    await catalog.refresh()
    assert names(catalog) == ["lower", "upper"]
    assert catalog.projects_with_id("proj-a") == (ProjectRef(instance="default", project_id="proj-a"),)
    assert catalog.projects_with_id("Proj-A") == ()


async def test_a_system_that_is_gone_takes_only_the_domain(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    backstage.entities = [
        component("cart", relations=[{"type": "partOf", "targetRef": "system:default/gone"}])
    ]
    await catalog.refresh()
    assert [(entity.system, entity.domain) for entity in catalog.current.entities] == [
        ("system:default/gone", None)
    ]


async def test_an_annotated_system_is_an_entity_and_gives_its_domain(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    shop = component("shop", "p-2", kind="System", spec={"owner": "team-a", "domain": "sales"})
    cart = component("cart", "p-1", spec={"owner": "team-a", "system": "shop"})
    backstage.entities = [shop, cart]
    await catalog.refresh()
    assert [(entity.ref, entity.domain) for entity in catalog.current.entities] == [
        ("component:default/cart", "domain:default/sales"),
        ("system:default/shop", "domain:default/sales"),
    ]
    assert (backstage.asked[BY_REFS], catalog.current.problems) == (0, ())


@pytest.mark.parametrize(
    "answer", [500, 401, 302, None, b"{", b"[]", b'{"items":null}', b'{"items":{"0":1}}'], ids=str
)
@pytest.mark.parametrize("path", [BY_QUERY, BY_REFS])
async def test_a_backstage_that_is_away_keeps_the_last_entities_and_says_since_when(
    catalog: BackstageCatalog, backstage: Backstage, clock: FixedClock, path: str, answer: int | bytes | None
) -> None:
    backstage.entities = [component("cart", spec={"owner": "team-a", "system": "shop"})]
    await catalog.refresh()
    backstage.failing[path] = answer
    backstage.entities = []
    if path == BY_REFS:
        backstage.entities = [component("new", spec={"owner": "team-a", "system": "shop"})]
    clock.advance(3600)
    assert await catalog.refresh()
    assert names(catalog) == ["cart"]
    assert len(catalog.current.problems) == 1
    assert "as it was at 2026-11-22T12:00:00Z" in catalog.current.problems[0]
    assert not await catalog.refresh()


async def test_a_backstage_that_comes_back_counts_again_without_a_problem(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    backstage.entities = [component("cart")]
    await catalog.refresh()
    backstage.failing[BY_QUERY] = 503
    await catalog.refresh()
    assert "503" in error_of(catalog)
    del backstage.failing[BY_QUERY]
    backstage.entities = [component("orders")]
    assert await catalog.refresh()
    assert (names(catalog), catalog.current.problems, error_of(catalog)) == (["orders"], (), "")


async def test_a_catalog_never_read_is_told_apart_from_an_empty_one(
    catalog: BackstageCatalog, backstage: Backstage, clock: FixedClock
) -> None:
    backstage.failing[BY_QUERY] = 401
    assert await catalog.refresh()
    assert not was_read(catalog)
    assert "could not be read yet" in catalog.current.problems[0]
    del backstage.failing[BY_QUERY]
    await catalog.refresh()
    assert was_read(catalog)
    assert (catalog.read_at, catalog.current.problems) == (clock.now, ())


async def test_empty_after_not_empty_must_be_said_twice(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    backstage.entities = [component("cart")]
    await catalog.refresh()
    backstage.entities = []
    assert await catalog.refresh()
    assert names(catalog) == ["cart"]
    assert "is empty" in catalog.current.problems[0]
    assert await catalog.refresh()
    assert (names(catalog), catalog.current.problems) == ([], ())


async def test_empty_need_not_be_said_in_a_row_of_its_own(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    backstage.entities = [component("cart")]
    await catalog.refresh()
    backstage.entities = []
    await catalog.refresh()
    backstage.entities = [component("cart")]
    await catalog.refresh()
    backstage.entities = []
    await catalog.refresh()
    assert names(catalog) == ["cart"]


async def test_an_entity_that_leaves_loses_access_with_the_next_reading(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    backstage.entities = [component("cart"), component("orders", "p-2")]
    await catalog.refresh()
    backstage.entities.pop()
    await catalog.refresh()
    assert catalog.projects_with_id("p-2") == ()


async def test_an_entity_that_cannot_be_used_costs_no_other(
    catalog: BackstageCatalog, backstage: Backstage
) -> None:
    backstage.entities = [component("bad", "  "), component("good")]
    await catalog.refresh()
    assert names(catalog) == ["good"]
    assert "component:default/bad" in catalog.current.problems[0]


async def test_nothing_changed_is_said_so(catalog: BackstageCatalog, backstage: Backstage) -> None:
    backstage.entities = [component("cart")]
    assert await catalog.refresh()
    assert not await catalog.refresh()


async def test_our_token_is_in_no_problem(
    http: BackstageHttp, backstage: Backstage, clock: FixedClock
) -> None:
    secret = "wrong-token-0123456789"
    catalog = BackstageCatalog(http, ["default"], token=lambda: secret, clock=clock)
    await catalog.refresh()
    assert backstage.tokens == [f"Bearer {secret}"]
    assert "401" in catalog.current.problems[0]
    assert secret not in str(catalog.current)
