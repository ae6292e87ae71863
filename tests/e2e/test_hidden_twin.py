"""An entity that the caller may not see is none, on every route of the table."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from aiohttp import web

from sidecar.http.route import Route
from sidecar.http.routes import ROUTES
from sidecar.http.services import SERVICES
from sidecar.litmus.tokens.creation_locks import SPACING
from tests.e2e.conftest import Small
from tests.e2e.twins import KEY, OKAPI, ZEBRA, Asker, Seen, Twin, Twins, open_twins
from tests.replica.documents import RUN, RUN_STATS

ATTEMPTS = 5
"""What runs in the background may end between two questions; what tells of the hidden stays."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask a route for the twin, and for one that does not exist."""

    method: str
    query: Mapping[str, str] = {}
    other_query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}


@pytest.fixture
async def twins(small: Small) -> AsyncIterator[Twins]:
    async with open_twins(small) as opened:
        yield opened


def questions(route: Route, twin: Twin) -> Iterator[Question]:
    """Yield every way to ask the route."""
    methods = {"GET": ("GET", "HEAD"), "*": ("GET", "HEAD", "POST", "DELETE")}
    for method in methods.get(route.method, (route.method,)):
        yield Question(method=method)
    yield Question(method=methods.get(route.method, (route.method,))[0], headers={"If-None-Match": "*"})
    for parameter in route.parameters:
        pairs = [(choice, choice) for choice in map(str, parameter.schema.get("enum", ()))]
        if parameter.schema["type"] == "string" and not pairs:
            pairs = list(zip(twin.told, twin.nobody.told, strict=True))
        for text, other in pairs:
            yield Question(
                method=route.method, query={parameter.name: text}, other_query={parameter.name: other}
            )


async def walk(asker: Asker, twins: Twins, twin: Twin, routes: Sequence[Route] = ROUTES) -> None:
    """Ask every route for the twin and for nobody: the same answer, and no word of the twin."""
    asker.ids = twins.ids[twin.word]
    # What is public comes last: signing out is.
    for route in sorted(routes, key=lambda one: one.scope is None):
        for question in questions(route, twin):
            if route.name == "token_create":
                # No two are created within a moment, and time stands.
                twins.clock.advance(SPACING.total_seconds())
            await ask_both(asker, twins, twin, route, question)


async def ask_both(asker: Asker, twins: Twins, twin: Twin, route: Route, question: Question) -> None:
    action = twins.actions[twin.word]
    unknown = "0" * len(action)
    method, headers = question.method, question.headers
    is_about_twin = question.query or any(
        part in route.path for part in ("{name}", "/actions/", "/projects/")
    )
    difference = ""
    for _ in range(ATTEMPTS):
        other = await asker.ask(
            route, twin.nobody, method=method, action=unknown, query=question.other_query, headers=headers
        )
        assert twin.word not in other.text.lower(), (route.name, question, other)
        if not is_about_twin:
            return
        hidden = await asker.ask(
            route, twin, method=method, action=action, query=question.query, headers=headers
        )
        hidden = hidden.without(action, twin.word, asker.project_of(twin))
        other = other.without(unknown, twin.nobody.word, asker.project_of(twin.nobody))
        if hidden == other:
            return
        difference = f"{hidden} is not {other}"
    raise AssertionError(f"{route.name} {question}: {difference}")


@pytest.mark.parametrize("twin", [ZEBRA, OKAPI], ids=["same project", "own project"])
@pytest.mark.parametrize("user", ["alice", "ada"])
async def test_a_person_of_backstage_learns_nothing_of_what_the_catalog_hides(
    twins: Twins, user: str, twin: Twin
) -> None:
    """alice owns the entity that she sees, ada is an administrator."""
    await walk(await twins.person(user), twins, twin)


@pytest.mark.parametrize("twin", [ZEBRA, OKAPI], ids=["same project", "own project"])
async def test_nobody_behind_a_proxy_learns_anything_as_backstage_cannot_be_asked(
    twins: Twins, twin: Twin
) -> None:
    await walk(await twins.behind_proxy("alice"), twins, twin)


async def test_who_signed_in_with_litmus_learns_nothing_of_projects_without_a_role(twins: Twins) -> None:
    await walk(await twins.signed_in("vera"), twins, OKAPI)


async def test_while_backstage_cannot_be_asked_everything_is_hidden(twins: Twins) -> None:
    twins.backstage.failing = {"/api/catalog/entities/by-refs": 503}
    await walk(await twins.person("carol"), twins, ZEBRA)


async def test_who_sees_both_is_refused_nothing_for_its_being_hidden_from_others(twins: Twins) -> None:
    """And so every question of the walk is a good one: it is not refused for its form."""
    for user, twin in (("root", ZEBRA), ("root", OKAPI)):
        asker = await twins.person(user)
        asker.ids = twins.ids[twin.word]
        for route in ROUTES:
            if not any(part in route.path for part in ("{name}", "/actions/", "/projects/")):
                continue
            answer = await asker.ask(route, twin, method=route.method, action=twins.actions[twin.word])
            # An experiment that runs is not run again, one without a schedule has none to switch.
            # The zebra's project is another's, too; what that leads to is the next test's.
            if route.name != "project_page" or twin is OKAPI:
                assert answer.status in {200, 201, 202, 204, 303, 409}, (route.name, answer)
        for path in ("/api/v1/entities", "/api/v1/portfolio?group=domain", "/api/v1/audit", "/litmus"):
            response = await twins.service.get(path, headers=asker.headers)
            assert twin.word in await response.text(), path


async def test_a_project_leads_to_the_entity_that_is_seen_as_if_there_were_no_other(twins: Twins) -> None:
    path = f"/litmus/projects/{twins.small.project.project_id}"
    alice, root = await twins.person("alice"), await twins.person("root")
    async with twins.service.session.get(
        twins.service.url(path), headers=alice.headers, allow_redirects=False
    ) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/litmus/entities/component/default/cart"
        assert ZEBRA.word not in str(response.headers).lower()
    chosen = await (await twins.service.get(path, headers=root.headers)).text()
    for name in (ZEBRA.name, "cart"):
        assert f"/litmus/entities/component/default/{name}" in chosen


async def test_a_key_sees_every_entity(twins: Twins) -> None:
    response = await twins.service.get("/api/v1/entities", headers={"X-Litmus-Sidecar-Key": KEY})
    refs = {row["entityRef"] for row in (await response.json())["entities"]}
    assert {ZEBRA.ref, ZEBRA.system, OKAPI.ref, OKAPI.system} < refs


async def careless(request: web.Request) -> web.Response:
    """Answer for every entity of the catalog, whoever asks."""
    entities = request.app[SERVICES].catalogue.current.entities
    known = any(one.ref.endswith(f"/{request.match_info['name']}") for one in entities)
    return web.json_response({"known": known}, status=200 if known else 404)


async def test_the_walk_finds_a_route_that_forgets(small: Small) -> None:
    path = "/api/v1/entities/{kind}/{namespace}/{name}/careless"
    route = Route(method="GET", path=path, name="careless", handler=careless, scope="admin", summary="")
    async with open_twins(small, [web.get(path, careless, name="careless")]) as twins:
        with pytest.raises(AssertionError, match="careless"):
            await walk(await twins.person("ada"), twins, ZEBRA, [route])


async def test_the_audit_passes_over_what_is_hidden_and_loses_nothing_else(twins: Twins) -> None:
    """Entries of hidden entities lie before, between and after those of the one that is seen."""
    root, ada = await twins.person("root"), await twins.person("ada")
    stop = next(route for route in ROUTES if route.name == "action_stop")
    for name in ("zebra", "cart", "okapi", "cart", "zebra"):
        root.ids = twins.ids["okapi" if name == "okapi" else "zebra"]
        twin = Seen("cart") if name == "cart" else Twin(name)
        await root.ask(stop, twin, method="POST")
    whole = await audit_of(twins, root, 200)
    paged = await audit_of(twins, ada, 1)
    assert paged == [one for one in whole if one["entityRef"] == "component:default/cart"]
    assert len(paged) == 2
    assert len(whole) > 4


async def audit_of(twins: Twins, asker: Asker, limit: int) -> list[dict[str, Any]]:
    """Return the audit as this caller pages through it."""
    entries: list[dict[str, Any]] = []
    cursor = ""
    while True:
        path = f"/api/v1/audit?limit={limit}{cursor}"
        answer = await (await twins.service.get(path, headers=asker.headers)).json()
        entries += answer["entries"]
        if answer["nextCursor"] is None:
            return entries
        cursor = f"&cursor={answer['nextCursor']}"


@pytest.mark.parametrize("document", [RUN_STATS, RUN])
async def test_the_plugins_endpoint_tells_a_hidden_project_from_none_in_no_way(
    twins: Twins, document: str
) -> None:
    own = next(one for one in twins.small.world.projects.values() if one.name == "okapi").project_id
    experiment = twins.ids["okapi"]["experiments"]
    answers = []
    for project in (own, "0" * len(own)):
        variables = {"projectID": project, "experimentID": experiment, "request": {}}
        response = await twins.service.post(
            json.dumps({"query": document, "variables": variables}),
            {"Authorization": f"Bearer {twins.token('alice')}", "X-Request-ID": "walk"},
        )
        answers.append((response.status, await response.text()))
    assert answers[0] == answers[1]


async def test_what_is_owned_but_hidden_gives_no_right_and_is_named_in_no_refusal(twins: Twins) -> None:
    """The plugin asks by project, and this person owns the hidden entity of it alone."""
    twins.backstage.groups["user:default/zoe"] = ["group:default/zebrateam"]
    twins.backstage.visible["user:default/zoe"] = {"component:default/cart"}
    variables = {
        "projectID": twins.small.project.project_id,
        "experimentID": twins.ids["zebra"]["experiments"],
    }
    response = await twins.service.post(
        json.dumps({"query": RUN, "variables": variables}), {"Authorization": f"Bearer {twins.token('zoe')}"}
    )
    text = await response.text()
    assert "project_unclaimed" in text
    assert "zebra" not in text
