"""A signed address shows one picture to everybody, until it expires or is revoked, and opens nothing else."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import jwt
import pytest
import pytest_asyncio

from sidecar.http.sharing import Picture, PictureOptions, share_picture
from tests.e2e.conftest import Small, open_small
from tests.http.charts.drawing import parsed, texts_of
from tests.support.service import Service, catalog_text, config_for, eventually, open_service

ADMIN = {"X-Litmus-Sidecar-Key": "admin-secret-0123456789"}
READER = {"X-Litmus-Sidecar-Key": "reader-secret-0123456789"}
OWNER = {"X-Forwarded-User": "alice", "X-Forwarded-Groups": "team-a"}
STRANGER = {"X-Forwarded-User": "bob", "X-Forwarded-Groups": "team-b"}
SHARES = "/api/v1/entities/component/default/cart/share"
BADGE = {"picture": "badge", "expiresInDays": 90}


ASKING = pytest.mark.asyncio(loop_scope="session")
"""Marks what shares and revokes its own addresses alone, at the service that is shared for it."""


@asynccontextmanager
async def open_sharing(small: Small) -> AsyncIterator[Service]:
    """Serve two entities to keys, and to people whom a proxy names."""
    small.catalog.write_text(
        catalog_text({"cart": small.project.project_id, "shop": small.project.project_id})
    )
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        publicUrl="https://litmus-sidecar.example.com/",
        # However many of these tests there are in a minute.
        limits={"actionsPerMinute": 1_000},
        auth={
            "keys": [
                {"name": "ops", "secret": ADMIN["X-Litmus-Sidecar-Key"], "scopes": ["read", "admin"]},
                {"name": "backstage", "secret": READER["X-Litmus-Sidecar-Key"], "scopes": ["read", "run"]},
            ],
            "proxy": {"trustedProxies": ["127.0.0.1/32"]},
        },
    )
    async with open_service(config) as running:
        await running.ready()
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with open_small(tmp_path_factory.mktemp("sharing")) as small, open_sharing(small) as running:
        yield running


@pytest.fixture
async def own(small: Small) -> AsyncIterator[Service]:
    """A service of the test's own, on which nobody else shares."""
    async with open_sharing(small) as running:
        yield running


async def send(
    service: Service, method: str, path: str, body: object, headers: dict[str, str]
) -> tuple[int, Any]:
    sent = {**headers, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body)
    async with service.session.request(method, service.url(path), data=data, headers=sent) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


async def shared(service: Service, headers: dict[str, str] = ADMIN, **body: object) -> dict[str, Any]:
    status, answer = await send(service, "POST", SHARES, {**BADGE, **body}, headers)
    assert status == 201, answer
    made: dict[str, Any] = answer
    return made


def local(url: str) -> str:
    """Return the address without its origin, which is not where the test's server listens."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def token_of(made: dict[str, Any]) -> str:
    (token,) = parse_qs(urlsplit(str(made["url"])).query)["share"]
    return token


async def looked_at(service: Service, path: str) -> tuple[int, list[str]]:
    """Return the status and the words of a picture, which is one whatever the status."""
    response = await service.get(path)
    assert response.content_type == "image/svg+xml", await response.text()
    return response.status, texts_of(parsed(await response.text()))


@ASKING
async def test_a_signed_address_needs_no_other_credential(service: Service) -> None:
    made = await shared(service)
    assert made["url"].startswith(
        "https://litmus-sidecar.example.com/litmus/entities/component/default/cart/"
    )
    response = await service.get(local(made["url"]))
    assert response.status == 200
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@ASKING
async def test_a_shared_picture_is_not_sent_twice(service: Service) -> None:
    path = local((await shared(service))["url"])
    first = await service.get(path)
    second = await service.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert second.status == 304
    assert second.headers["Cache-Control"] == "public, max-age=300"


@ASKING
async def test_without_its_signature_a_picture_is_private(service: Service) -> None:
    response = await service.get("/litmus/entities/component/default/cart/badge.svg")
    assert response.status == 401


@pytest.mark.parametrize(
    ("headers", "expected"), [(ADMIN, 201), (OWNER, 201), (READER, 403), (STRANGER, 403), ({}, 401)]
)
@ASKING
async def test_owners_and_admins_share(service: Service, headers: dict[str, str], expected: int) -> None:
    status, _ = await send(service, "POST", SHARES, BADGE, headers)
    assert status == expected


@pytest.mark.parametrize("headers", [READER, STRANGER])
@ASKING
async def test_others_neither_list_nor_revoke(service: Service, headers: dict[str, str]) -> None:
    made = await shared(service)
    assert (await service.get(SHARES, headers=headers)).status == 403
    status, _ = await send(service, "DELETE", f"{SHARES}/{made['id']}", None, headers)
    assert status == 403
    assert (await service.get(local(made["url"]))).status == 200


async def test_the_list_tells_who_shared_what_until_when_and_no_address(own: Service) -> None:
    made = await shared(own, OWNER)
    response = await own.get(SHARES, headers=ADMIN)
    text = await response.text()
    (row,) = json.loads(text)["shares"]
    assert (row["id"], row["picture"], row["createdBy"], row["expired"]) == (
        made["id"],
        "badge",
        "user:default/alice",
        False,
    )
    assert row["expiresAt"] == made["expiresAt"]
    assert token_of(made) not in text


@ASKING
async def test_a_revoked_address_says_so_at_once_and_others_go_on(service: Service) -> None:
    revoked, bystander = await shared(service), await shared(service)
    status, _ = await send(service, "DELETE", f"{SHARES}/{revoked['id']}", None, OWNER)
    assert status == 204
    assert await looked_at(service, local(revoked["url"])) == (410, ["litmus", "link revoked"])
    assert (await service.get(local(bystander["url"]))).status == 200


@ASKING
async def test_a_share_is_revoked_through_its_own_entity_only(service: Service) -> None:
    made = await shared(service)
    other = SHARES.replace("/cart/", "/shop/")
    status, _ = await send(service, "DELETE", f"{other}/{made['id']}", None, ADMIN)
    assert status == 404
    assert (await service.get(local(made["url"]))).status == 200


@ASKING
async def test_an_expired_address_says_so(service: Service) -> None:
    services = service.services
    made = await share_picture(
        signing=services.signing,
        shares=services.shares,
        entity_ref="component:default/cart",
        picture=Picture.BADGE,
        options=PictureOptions(),
        days=1,
        created_by="test",
        base_url="http://sidecar",
        now=datetime.now(UTC) - timedelta(days=1, seconds=1),
    )
    assert await looked_at(service, local(made.url)) == (410, ["litmus", "link expired"])


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("/badge.svg", "/score.svg"),
        ("/badge.svg", "/trend.svg"),
        ("/cart/", "/shop/"),
        ("?share=", "?window=90d&share="),
        ("?share=", "?label=fine&share="),
        ("?share=", "?tz=Europe/Berlin&share="),
        ("?share=", "?share=x&share="),
    ],
)
@ASKING
async def test_an_address_opens_nothing_but_what_it_was_signed_for(
    service: Service, part: str, other: str
) -> None:
    path = local((await shared(service))["url"])
    assert part in path
    assert await looked_at(service, path.replace(part, other)) == (403, ["litmus", "link not valid"])


@ASKING
async def test_the_window_is_signed_too(service: Service) -> None:
    made = await shared(service, picture="trend", window="7d")
    path = local(made["url"])
    status, words = await looked_at(service, path)
    assert (status, words[0]) == (200, "cart: resilience score and runs, last 7 days")
    assert (await service.get(f"{path}&window=7d")).status == 200
    assert (await service.get(f"{path}&window=12mo")).status == 403


@ASKING
async def test_the_label_of_a_shared_badge_is_the_one_it_was_signed_with(service: Service) -> None:
    made = await shared(service, label="chaos")
    assert (await looked_at(service, local(made["url"])))[1][0] == "chaos"


@pytest.mark.parametrize(
    "path",
    [
        "/litmus",
        "/litmus/entities/component/default/cart",
        "/api/v1/entities",
        "/api/v1/entities/component/default/cart/overview",
        SHARES,
        "/metrics",
    ],
)
@ASKING
async def test_an_address_is_no_credential_for_other_routes(service: Service, path: str) -> None:
    token = token_of(await shared(service))
    assert (await service.get(f"{path}?share={token}")).status in {401, 404}
    assert (await service.get(path, headers={"Authorization": f"Bearer {token}"})).status in {401, 404}


@ASKING
async def test_a_forged_address_is_not_valid(service: Service) -> None:
    made = await shared(service)
    token, path = token_of(made), local(made["url"])
    claims = jwt.decode(token, options={"verify_signature": False})
    longer = {**claims, "exp": claims["exp"] + 1}
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    forged = [
        f"{header}.{token.split('.')[1]}.",
        jwt.encode(claims, "a key of somebody else, as long as ours", algorithm="HS256"),
        jwt.encode(longer, "a key of somebody else, as long as ours", algorithm="HS256"),
        token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB"),
        "",
        "%00",
        "x" * 7_000,
        await service.services.signing.sign("form", {key: claims[key] for key in ("jti", "sub", "exp")}),
    ]
    for text in forged:
        assert await looked_at(service, path.replace(token, text)) == (403, ["litmus", "link not valid"])


async def test_an_address_of_an_entity_that_left_the_catalog_says_so(own: Service, small: Small) -> None:
    path = local((await shared(own))["url"])
    small.catalog.write_text(catalog_text({"shop": small.project.project_id}))

    async def gone() -> bool:
        return await looked_at(own, path) == (404, ["litmus", "entity unknown"])

    await eventually(gone)


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"picture": "badge", "expiresInDays": 0}, "expiresInDays"),
        ({"picture": "badge", "expiresInDays": 366}, "expiresInDays"),
        ({"picture": "badge", "expiresInDays": 1, "window": "7d"}, "window"),
        ({"picture": "trend", "expiresInDays": 1, "window": "8d"}, "window"),
        ({"picture": "trend", "expiresInDays": 1, "label": "x"}, "label"),
        ({"picture": "trend", "expiresInDays": 1, "tz": "Mars"}, "tz"),
        ({"picture": "face", "expiresInDays": 1}, None),
        ({"picture": "badge"}, None),
        ({"picture": "badge", "expiresInDays": 1, "scope": "all"}, None),
    ],
)
@ASKING
async def test_what_cannot_be_shared_is_named(
    service: Service, body: dict[str, object], parameter: str | None
) -> None:
    status, problem = await send(service, "POST", SHARES, body, ADMIN)
    assert (status, problem.get("parameter")) == (400, parameter)


async def test_the_address_is_of_the_asked_origin_where_no_public_one_is_configured(small: Small) -> None:
    async with open_service(
        config_for({"default": (small.simulator, small.token)}, small.catalog)
    ) as running:
        await running.ready()
        status, made = await send(running, "POST", SHARES, BADGE, {})
        assert status == 201
        async with aiohttp.ClientSession() as anybody, anybody.get(made["url"]) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("trusted", "origin"), [(["127.0.0.1/32"], "https://sidecar.example.com"), ([], "http://127.0.0.1")]
)
async def test_only_a_trusted_proxy_says_of_which_origin_the_address_is(
    small: Small, trusted: list[str], origin: str
) -> None:
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        listen={"trustedProxies": trusted},
        auth={
            "keys": [{"name": "ops", "secret": ADMIN["X-Litmus-Sidecar-Key"], "scopes": ["admin", "read"]}]
        },
    )
    async with open_service(config) as running:
        await running.ready()
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "sidecar.example.com"}
        made = await shared(running, {**ADMIN, **forwarded})
        parts = urlsplit(str(made["url"]))
        assert f"{parts.scheme}://{parts.hostname}" == origin
