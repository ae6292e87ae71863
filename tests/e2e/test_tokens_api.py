"""Litmus's API tokens over REST: what is told, what is refused, what Litmus has afterwards."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest

from sidecar.config import display_uid
from sidecar.litmus.wire.token import fingerprint
from sidecar.simulator import ScriptedFault
from sidecar.telemetry.logs import configure_logging
from tests.e2e.conftest import Small
from tests.support.service import Service, config_for, open_service

TOKENS: Final = "/api/v1/instances/default/tokens"
JSON: Final = {"Content-Type": "application/json"}
ADMIN: Final = {"X-Litmus-Sidecar-Key": "admin-key-0123456789"}
READER: Final = {"X-Litmus-Sidecar-Key": "reader-key-0123456789"}


@pytest.fixture
async def guarded(small: Small) -> AsyncIterator[Service]:
    """A sidecar with a key for an administrator and one for a reader."""
    keys = [
        {"name": "admin", "secret": ADMIN["X-Litmus-Sidecar-Key"], "scopes": ["admin"]},
        {"name": "reader", "secret": READER["X-Litmus-Sidecar-Key"], "scopes": ["read", "run"]},
    ]
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        auth={"keys": keys},
        limits={"actionsPerMinute": 5},
    )
    async with open_service(config) as running:
        await running.ready()
        yield running


@pytest.fixture
def log() -> io.StringIO:
    """What is logged at the usual level."""
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    return stream


async def send(
    service: Service, method: str, path: str, body: object = None, headers: dict[str, str] = JSON
) -> tuple[aiohttp.ClientResponse, Any]:
    """Return the answer, and its JSON if there is any."""
    data = None if body is None else json.dumps(body)
    async with service.session.request(method, service.url(path), data=data, headers=headers) as response:
        text = await response.text()
        return response, json.loads(text) if text else None


def values(small: Small) -> list[str]:
    return [row.token for row in small.world.api_tokens]


async def test_the_list_names_tokens_by_fingerprint_and_says_which_is_in_use(
    service: Service, small: Small
) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    old = small.world.issue_token(user, days=-1, name="left behind")
    response, answer = await send(service, "GET", TOKENS)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "private, no-cache"
    rows = {row["id"]: row for row in answer["tokens"]}
    assert rows.keys() == {fingerprint(small.token), fingerprint(old)}
    assert rows[fingerprint(small.token)]["inUse"]
    assert not rows[fingerprint(small.token)]["expired"]
    assert rows[fingerprint(old)] | {"createdAt": "", "expiresAt": ""} == {
        "id": fingerprint(old),
        "name": "left behind",
        "createdAt": "",
        "expiresAt": "",
        "expired": True,
        "inUse": False,
    }
    assert answer["status"]["source"] == "token"
    assert answer["status"]["id"] == fingerprint(small.token)
    assert answer["status"]["username"] == "backstage"


async def test_a_new_token_is_told_once_and_works(service: Service, small: Small) -> None:
    response, created = await send(service, "POST", TOKENS, {"name": "ci", "expiresInDays": 90})
    assert response.status == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert created.keys() == {"id", "name", "createdAt", "expiresAt", "token"}
    assert created["token"] in values(small)
    assert created["id"] == fingerprint(created["token"])
    _, listed = await send(service, "GET", TOKENS)
    assert {row["id"] for row in listed["tokens"]} == {created["id"], fingerprint(small.token)}
    assert created["token"] not in json.dumps(listed)


WRONG_BODIES: Final[list[tuple[object, str | None]]] = [
    ({"name": "ci", "expiresInDays": 0}, "expiresInDays"),
    ({"name": "ci", "expiresInDays": -1}, "expiresInDays"),
    ({"name": "ci", "expiresInDays": 366}, "expiresInDays"),
    ({"name": "", "expiresInDays": 1}, "name"),
    ({"name": "a" * 65, "expiresInDays": 1}, "name"),
    ({"name": "ci\n", "expiresInDays": 1}, "name"),
    ({"name": " ci", "expiresInDays": 1}, "name"),
    ({"name": "<b>ci</b>", "expiresInDays": 1}, "name"),
    ({"name": "ci"}, None),
    ({"expiresInDays": 1}, None),
    ({"name": "ci", "expiresInDays": "30"}, None),
    ({"name": "ci", "expiresInDays": True}, None),
    ({"name": "ci", "expiresInDays": 1, "role": "admin"}, None),
    ([], None),
]


async def test_a_token_needs_a_name_and_an_end(service: Service, small: Small) -> None:
    for body, parameter in WRONG_BODIES:
        response, problem = await send(service, "POST", TOKENS, body)
        assert (response.status, problem.get("parameter")) == (400, parameter), body
    assert values(small) == [small.token]


async def test_the_bounds_of_the_expiry_belong_to_it(service: Service) -> None:
    for days in (1, 365):
        response, _ = await send(service, "POST", TOKENS, {"name": "ci", "expiresInDays": days})
        assert response.status == 201


async def test_a_revoked_token_is_off_the_list_and_dead_and_the_others_live(
    service: Service, small: Small
) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    doomed = small.world.issue_token(user, days=7, name="doomed")
    bystander = small.world.issue_token(user, days=8, name="bystander")
    response, _ = await send(service, "DELETE", f"{TOKENS}/{fingerprint(doomed)}")
    assert response.status == 204
    assert values(small) == [small.token, bystander]
    assert small.world.revoked_tokens == {doomed}


async def test_an_expired_token_can_be_tidied_away_though_litmus_says_500(
    service: Service, small: Small
) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    expired = small.world.issue_token(user, days=-1, name="expired")
    response, _ = await send(service, "DELETE", f"{TOKENS}/{fingerprint(expired)}")
    assert response.status == 204
    assert values(small) == [small.token]


async def test_the_token_in_use_is_not_revoked(service: Service, small: Small) -> None:
    response, problem = await send(service, "DELETE", f"{TOKENS}/{fingerprint(small.token)}")
    assert (response.status, problem["code"]) == (409, "token_in_use")
    assert values(small) == [small.token]
    assert not small.world.revoked_tokens


async def test_an_unknown_id_is_404_and_never_repeated(service: Service, small: Small) -> None:
    pasted = small.token + "x"
    response, problem = await send(service, "DELETE", f"{TOKENS}/{pasted}")
    assert (response.status, problem["code"]) == (404, "token_unknown")
    assert pasted not in json.dumps(problem)


async def test_the_name_of_a_managed_token_is_reserved(small: Small) -> None:
    managed = {
        "name": "default",
        "baseUrl": small.simulator.url,
        "credentials": {"username": "backstage", "password": "Litmus-1", "tokenName": "ours"},
    }
    config = config_for({}, small.catalog, instances=[managed])
    async with open_service(config) as service:
        await service.ready()
        made = values(small)
        response, problem = await send(service, "POST", TOKENS, {"name": "ours", "expiresInDays": 30})
        assert (response.status, problem["code"]) == (409, "token_name_reserved")
        assert values(small) == made
        other, _ = await send(service, "POST", TOKENS, {"name": "ours-too", "expiresInDays": 30})
        assert other.status == 201


async def test_only_a_managed_token_is_rotated(service: Service, small: Small) -> None:
    response, problem = await send(service, "POST", f"{TOKENS}/rotate")
    assert (response.status, problem["code"]) == (409, "token_not_managed")
    assert values(small) == [small.token]


async def test_an_unknown_instance_is_told(service: Service) -> None:
    for route in (
        "GET /tokens",
        "POST /tokens",
        "DELETE /tokens/f",
        "POST /tokens/rotate",
        "GET /display-token",
    ):
        method, path = route.split(" ")
        body = {"name": "ci", "expiresInDays": 1} if route == "POST /tokens" else None
        response, problem = await send(service, method, f"/api/v1/instances/elsewhere{path}", body)
        assert (response.status, problem["code"]) == (404, "instance_unknown")


async def test_tokens_are_for_administrators(guarded: Service, small: Small) -> None:
    for route in ("GET ", "POST ", "DELETE /f00d", "POST /rotate"):
        for key, expected in (({}, 401), (READER, 403)):
            method, path = route.split(" ")
            body = {"name": "ci", "expiresInDays": 1} if method == "POST" else None
            response, _ = await send(guarded, method, TOKENS + path, body, {**JSON, **key})
            assert response.status == expected, route
    assert values(small) == [small.token]


async def test_no_page_of_elsewhere_changes_tokens(service: Service, small: Small) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    bystander = small.world.issue_token(user, days=9)
    asked = {"name": "ci", "expiresInDays": 1}
    for headers, expected in (
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "Origin": "https://evil.example"}, 403),
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        for route in ("POST ", "DELETE /{id}", "POST /rotate"):
            method, path = route.replace("{id}", fingerprint(bystander)).split(" ")
            response, _ = await send(service, method, TOKENS + path, asked, headers)
            assert response.status == expected, (route, headers)
    assert values(small) == [small.token, bystander]


async def test_changes_are_counted_like_actions(guarded: Service) -> None:
    statuses = [
        (await send(guarded, "DELETE", f"{TOKENS}/f00d", None, {**JSON, **ADMIN}))[0].status for _ in range(6)
    ]
    assert statuses == [404] * 5 + [429]


async def test_who_made_and_revoked_a_token_is_in_the_log_without_its_value(
    guarded: Service, log: io.StringIO
) -> None:
    headers = {**JSON, **ADMIN}
    _, created = await send(guarded, "POST", TOKENS, {"name": "ci", "expiresInDays": 1}, headers)
    await send(guarded, "DELETE", f"{TOKENS}/{created['id']}", None, headers)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [
        (line["event"], line["instance"], line["token_id"], line["caller"])
        for line in lines
        if line.get("token_id") == created["id"] and "caller" in line
    ]
    assert told == [
        ("token created", "default", created["id"], "key:admin"),
        ("token revoked", "default", created["id"], "key:admin"),
    ]
    assert created["token"] not in log.getvalue()


async def test_a_litmus_that_fails_is_502_in_our_own_words(service: Service, small: Small) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    small.simulator.faults.add(
        ScriptedFault(path=f"/auth/token/{user.user_id}", status=502, body=f"<html>{small.token}</html>")
    )
    response, problem = await send(service, "GET", TOKENS)
    assert response.status == 502
    assert "<html>" not in json.dumps(problem)
    assert (await send(service, "GET", TOKENS))[0].status == 200


async def test_a_user_with_the_initial_password_is_told_what_to_do(service: Service, small: Small) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    user.initial_login = True
    response, problem = await send(service, "POST", TOKENS, {"name": "ci", "expiresInDays": 1})
    assert (response.status, problem["code"]) == (502, "initial_password")
    assert values(small) == [small.token]


async def test_the_display_token_leads_to_the_tokens_user_and_is_worth_nothing(
    service: Service, small: Small
) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    response, answer = await send(service, "GET", "/api/v1/instances/default/display-token")
    assert response.status == 200
    assert answer["uid"] == user.user_id == display_uid(answer["token"])
    bearer = {**JSON, "Authorization": f"Bearer {answer['token']}"}
    query = {"query": "query($p: ID!) { getExperimentStats(projectID: $p) { totalExperiments } }"}
    query |= {"variables": {"p": small.project.project_id}}  # type: ignore[dict-item]  # plain JSON
    litmus = small.simulator.url
    async with service.session.post(f"{litmus}/api/query", json=query, headers=bearer) as refused:
        graphql = await refused.json()
    assert graphql["data"] is None
    assert graphql["errors"]
    for path in (f"/auth/token/{user.user_id}", f"/auth/get_user/{user.user_id}"):
        async with service.session.get(f"{litmus}{path}", headers=bearer) as refused:
            assert refused.status == 401
