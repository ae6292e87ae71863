"""Keys, scopes, the own machine, and that every route is private unless listed."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from sidecar.app.lifecycle import create_app
from sidecar.config import Config
from sidecar.http.routes import ROUTES
from tests.e2e.conftest import ReadOnly, Small, open_small
from tests.support.service import Service, config_for, open_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

PUBLIC_ROUTES = {"healthz", "readyz", "jwks", "asset", "sign_in_page", "sign_in", "sign_out"}
READER = "reader-secret-0123456789"
SCRAPER = "scraper-secret-0123456789"
QUERY = json.dumps({"query": "{ __typename }"})


@pytest.fixture
def service(read_only: ReadOnly) -> Service:
    """The sidecar that is shared by who only reads."""
    return read_only.service


@pytest_asyncio.fixture(loop_scope="session")
async def small(tmp_path: Path) -> AsyncIterator[Small]:
    async with open_small(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded_small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Small]:
    async with open_small(tmp_path_factory.mktemp("guarded")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded(guarded_small: Small) -> AsyncIterator[Service]:
    """A sidecar that wants a key, for tests that only read."""
    small = guarded_small
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        auth={
            "keys": [
                {"name": "backstage", "secret": READER, "scopes": ["read"]},
                {"name": "prometheus", "secret": SCRAPER, "scopes": ["metrics"]},
            ]
        },
    )
    async with open_service(config) as service:
        yield service


async def status(service: Service, path: str, headers: dict[str, str]) -> int:
    return (await service.get(path, headers=headers)).status


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({"X-Litmus-Sidecar-Key": READER}, 200),
        ({"Authorization": f"Bearer {READER}"}, 200),
        ({"X-Litmus-Sidecar-Key": READER, "Authorization": "Bearer eyJ.somebodys.backstage-token"}, 200),
        ({"X-Litmus-Sidecar-Key": READER + "x"}, 401),
        ({"X-Litmus-Sidecar-Key": ""}, 401),
        ({"X-Litmus-Sidecar-Key": "wrong", "Authorization": f"Bearer {READER}"}, 401),
        ({"Authorization": READER}, 401),
        ({"Authorization": "Basic cmVhZGVyOg=="}, 401),
        ({"Authorization": "Bearer eyJ.somebodys.backstage-token"}, 401),
        ({"X-Litmus-Sidecar-Key": SCRAPER}, 403),
    ],
)
async def test_a_key_opens_what_its_scopes_name(
    guarded: Service, headers: dict[str, str], expected: int
) -> None:
    assert await status(guarded, "/api/v1/entities", headers) == expected


async def test_scopes_do_not_include_each_other(guarded: Service) -> None:
    assert await status(guarded, "/metrics", {"X-Litmus-Sidecar-Key": SCRAPER}) == 200
    assert await status(guarded, "/metrics", {"X-Litmus-Sidecar-Key": READER}) == 403


async def test_the_refusal_of_a_query_is_a_graphql_body(guarded: Service) -> None:
    response = await guarded.post(QUERY)
    assert response.status == 401
    assert (await response.json())["errors"][0]["extensions"]["code"] == "unauthenticated"


async def test_every_route_is_private_unless_listed(guarded: Service) -> None:
    """A new route is private unless someone adds it to PUBLIC_ROUTES."""
    walked = 0
    for route in create_app(guarded.services.config).router.routes():
        assert route.resource is not None
        if route.name in PUBLIC_ROUTES:
            continue
        method = "POST" if route.method == "*" else route.method
        path = route.resource.canonical.replace("{", "").replace("}", "")
        async with guarded.session.request(method, guarded.url(path)) as response:
            assert response.status == 401, (method, path)
        walked += 1
    assert walked >= 3


async def test_every_private_route_names_its_scope() -> None:
    assert {route.name for route in ROUTES if route.scope is None} == PUBLIC_ROUTES
    assert {route.scope for route in ROUTES} <= {None, "any", "read", "run", "metrics", "admin"}
    served = create_app(Config()).router.routes()
    # HEAD shares the name of its GET.
    names = [route.name for route in served if route.method != "HEAD"]
    assert sorted(filter(None, names)) == sorted(route.name for route in ROUTES)


async def test_without_any_key_the_own_machine_is_served(service: Service) -> None:
    assert await status(service, "/api/v1/entities", {}) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "litmus-sidecar.example.com"},
        {"Host": "rebound.attacker.example:8080"},
        {"Host": "127.0.0.1.attacker.example"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-Proto": "https"},
        {"X-Real-IP": "203.0.113.7"},
        {"Via": "1.1 proxy.example.com"},
        {"Forwarded": "for=203.0.113.7"},
        {"X-Litmus-Sidecar-Key": "a key where none is configured"},
    ],
)
async def test_without_any_key_others_are_not_served(service: Service, headers: dict[str, str]) -> None:
    assert await status(service, "/api/v1/entities", headers) == 401


async def test_an_unknown_path_is_a_problem_document(guarded: Service) -> None:
    response = await guarded.get("/nope")
    assert response.status == 404
    assert response.content_type == "application/problem+json"
    document = await response.json()
    assert document["code"] == "not_found"
    assert document["requestID"] == response.headers["X-Request-ID"]


async def test_a_method_that_is_not_served_is_told_which_are(guarded: Service) -> None:
    url = guarded.url("/api/v1/entities")
    async with guarded.session.put(url, headers={"X-Litmus-Sidecar-Key": READER}) as response:
        assert response.status == 405
        told = (await response.json())["detail"]
    assert told == "Method PUT is not served here; use GET, HEAD."


async def test_readiness_tells_details_only_to_readers(guarded: Service, guarded_small: Small) -> None:
    await guarded.ready()
    assert await (await guarded.get("/readyz")).json() == {"status": "ok"}
    detail = await (await guarded.get("/readyz", headers={"X-Litmus-Sidecar-Key": READER})).json()
    assert f"default/{guarded_small.project.project_id}" in detail["projects"]


async def test_a_crashing_handler_tells_nothing(small: Small) -> None:
    """The one place for unknown errors: the client gets an id, the log the rest."""

    async def crash(_request: web.Request) -> web.Response:
        raise RuntimeError(f"secret {small.token}")

    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config, extra_routes=[web.get("/api/v1/crash", crash)]) as service:
        response = await service.get("/api/v1/crash")
        assert response.status == 500
        text = await response.text()
        assert small.token not in text
        assert "RuntimeError" not in text


@pytest.mark.parametrize(
    ("path", "told"),
    [("/api/v1/entities", "https://backstage.example.com"), ("/litmus", None), ("/litmus/sign-out", None)],
)
async def test_pages_of_allowed_origins_may_call_the_api_and_nothing_else(
    small: Small, path: str, told: str | None
) -> None:
    origin = "https://backstage.example.com"
    config = config_for(
        {"default": (small.simulator, small.token)}, small.catalog, listen={"allowedOrigins": [origin]}
    )
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with (
        open_service(config) as service,
        service.session.options(service.url(path), headers=asked) as response,
    ):
        assert response.headers.get("Access-Control-Allow-Origin") == told


SIGNED = "eyJ.somebodys.backstage-token"
CART = "/api/v1/entities/component/default/cart"


async def test_a_person_whom_nobody_verifies_is_told_to_set_that_and_never_to_widen_the_key(
    guarded: Service, guarded_small: Small
) -> None:
    headers = {"X-Litmus-Sidecar-Key": READER, "Authorization": f"Bearer {SIGNED}"}
    experiment = next(iter(guarded_small.world.experiments))
    answers = {}
    for method, path in (
        ("POST", f"{CART}/experiments/{experiment}/run"),
        ("POST", f"{CART}/share"),
        ("GET", "/api/v1/audit"),
        ("GET", "/api/v1/entities?owner=me"),
    ):
        body = {"picture": "badge", "expiresInDays": 1} if path.endswith("share") else None
        async with guarded.session.request(method, guarded.url(path), headers=headers, json=body) as response:
            answers[path] = (await response.json())["detail"]
            assert response.status in {400, 403}
    for path, sentence in answers.items():
        assert "set litmusSidecar.auth.backstage" in sentence, path
        assert SIGNED not in sentence
        if "run" in path:
            assert "scope" not in sentence.lower()
    async with guarded.session.get(guarded.url(f"{CART}/content"), headers=headers) as response:
        told = (await response.json())["experiments"]
    assert {one["allowedActions"]["run"]["reason"] for one in told} == {
        answers[f"{CART}/experiments/{experiment}/run"]
    }
    alone = await guarded.get("/api/v1/entities", headers={"Authorization": f"Bearer {SIGNED}"})
    assert "set litmusSidecar.auth.backstage" in (await alone.json())["detail"]


async def test_a_program_without_a_persons_token_is_told_of_its_scope(
    guarded: Service, guarded_small: Small
) -> None:
    experiment = next(iter(guarded_small.world.experiments))
    path = f"{CART}/experiments/{experiment}/run"
    for beside in (
        {},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer static-token-of-a-service"},
    ):
        headers = {"X-Litmus-Sidecar-Key": READER, **beside}
        async with guarded.session.post(guarded.url(path), headers=headers) as response:
            assert response.status == 403
            assert "Scope 'run' is needed" in (await response.json())["detail"]
