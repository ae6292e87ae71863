"""People of a Backstage and what they may see and do, through every door."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from sidecar.http.routes import ROUTES
from tests.e2e.conftest import Small, open_small
from tests.e2e.portal import KEY, RUNNER, Portal, open_portal
from tests.replica.documents import EXPERIMENTS, RUN, RUN_STATS
from tests.support.findings import check
from tests.support.service import eventually, open_service

SHARED = pytest.mark.asyncio(loop_scope="session")
"""Marks what leaves the portal as it was."""


@pytest.fixture
async def portal(small: Small) -> AsyncIterator[Portal]:
    async with open_portal(small) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def untouched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Portal]:
    """The same, shared by who only reads and who is refused."""
    async with open_small(tmp_path_factory.mktemp("untouched")) as small, open_portal(small) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Portal]:
    """The same with ``catalogVisibility: enforce``: alice sees cart alone."""
    async with open_small(tmp_path_factory.mktemp("strict")) as small, open_portal(small, "enforce") as one:
        one.backstage.visible = {"user:default/alice": {"component:default/cart"}}
        yield one


@SHARED
async def test_identities_come_to_their_exact_outcome(untouched: Portal) -> None:
    good, late = untouched.token(), untouched.token(exp=1)
    static = "catalog-reader-0123456789"
    for name, headers, expected in (
        ("nobody", {}, 401),
        ("key alone", {"X-Litmus-Sidecar-Key": KEY}, 200),
        ("person alone", {"Authorization": f"Bearer {good}"}, 200),
        ("key and person", {"X-Litmus-Sidecar-Key": KEY, "Authorization": f"Bearer {good}"}, 200),
        ("key and bad token", {"X-Litmus-Sidecar-Key": KEY, "Authorization": f"Bearer {good}x"}, 401),
        ("key and late token", {"X-Litmus-Sidecar-Key": KEY, "Authorization": f"Bearer {late}"}, 401),
        ("bad key and person", {"X-Litmus-Sidecar-Key": "x", "Authorization": f"Bearer {good}"}, 401),
        ("key and static token", {"X-Litmus-Sidecar-Key": KEY, "Authorization": f"Bearer {static}"}, 401),
        ("key and Basic", {"X-Litmus-Sidecar-Key": KEY, "Authorization": "Basic YTpi"}, 401),
        ("key without read", {"X-Litmus-Sidecar-Key": RUNNER}, 403),
    ):
        response = await untouched.service.get("/api/v1/entities", headers=headers)
        assert response.status == expected, name


async def test_the_tokens_go_nowhere_but_to_backstage(portal: Portal) -> None:
    await portal.run()
    token = portal.token()
    headers = {"Authorization": f"Bearer {token}"}
    await portal.service.get("/api/v1/entities?owner=me", headers=headers)
    assert f"Bearer {token}" in portal.backstage.tokens
    assert all(token not in repr(request.headers) for request in portal.small.simulator.requests)


@SHARED
async def test_owner_me_lists_what_is_the_persons_own(untouched: Portal) -> None:
    response = await untouched.service.get("/api/v1/entities?owner=me", headers=untouched.headers())
    assert [row["entityRef"] for row in (await response.json())["entities"]] == ["component:default/cart"]


async def test_an_owner_runs_an_experiment_once_however_often_they_click(portal: Portal) -> None:
    answers = await asyncio.gather(*(portal.run() for _ in range(8)))
    assert {status for status, _ in answers} == {202}
    assert len({answer["actionID"] for _, answer in answers}) == 1
    assert portal.started() == 1
    action = answers[0][1]
    response = await portal.service.get(f"/api/v1/actions/{action['actionID']}", headers=portal.headers())
    assert (await response.json())["who"] == "user:default/alice"


async def test_the_plugins_play_button_works_for_an_owner(portal: Portal) -> None:
    answer = await portal.query(RUN, portal.small.project.project_id, portal.headers())
    assert answer["data"]["runChaosExperiment"]["notifyID"]
    again = await portal.query(RUN, portal.small.project.project_id, portal.headers())
    assert again == answer
    assert portal.started() == 1


async def test_the_run_shows_soon_after_without_waiting_for_the_interval(portal: Portal) -> None:
    await portal.run()
    await eventually(lambda: is_queued(portal))


async def is_queued(portal: Portal) -> bool:
    answer = await portal.query(EXPERIMENTS, portal.small.project.project_id, portal.headers())
    rows = answer["data"]["listExperiment"]["experiments"]
    return any(row["recentExperimentRunDetails"][0]["phase"] == "Queued" for row in rows)


@pytest.mark.parametrize(
    ("user", "key", "status", "code"),
    [
        ("bob", KEY, 403, "forbidden"),
        ("mallory", KEY, 403, "forbidden"),
        (None, None, 401, "unauthenticated"),
    ],
)
@SHARED
async def test_who_may_not_run(
    untouched: Portal, user: str | None, key: str | None, status: int, code: str
) -> None:
    got, answer = await untouched.run(user, key)
    assert (got, answer.get("code")) == (status, code)
    assert untouched.started() == 0


@pytest.mark.parametrize(("user", "key"), [(None, RUNNER), ("root", KEY)])
async def test_who_may_run(portal: Portal, user: str | None, key: str) -> None:
    got, answer = await portal.run(user, key)
    assert (got, answer.get("code")) == (202, None)
    assert portal.started() == 1


async def test_a_key_beside_a_person_adds_no_right(portal: Portal) -> None:
    status, _ = await portal.run("bob", KEY)
    assert status == 403
    status, _ = await portal.run(None, KEY)
    assert status == 202


@SHARED
async def test_refusals_name_the_reason_and_ask_litmus_nothing(untouched: Portal) -> None:
    untouched.small.simulator.clear()
    other = untouched.run_path.replace(untouched.experiment.experiment_id, "nobody")
    status, answer = await untouched.post(other)
    assert (status, answer["code"]) == (404, "experiment_unknown")
    schedule = untouched.run_path.replace("/run", "/schedule")
    status, answer = await untouched.post(schedule, {"suspended": True})
    assert (status, answer["code"]) == (409, "experiment_not_scheduled")
    status, answer = await untouched.post(f"{schedule}/start", {})
    assert (status, answer["code"]) == (409, "experiment_not_scheduled")
    status, answer = await untouched.post(f"{schedule}/start", {"suspended": True})
    assert (status, answer["code"]) == (400, "bad_request")
    status, answer = await untouched.post(untouched.run_path, {"force": "yes"})
    assert (status, answer["code"]) == (400, "bad_request")
    assert untouched.started() == 0


async def test_the_audit_names_each_attempt_and_is_for_admins(portal: Portal) -> None:
    await portal.run("bob")
    await portal.run("alice")
    denied = await portal.service.get("/api/v1/audit", headers=portal.headers("alice"))
    assert denied.status == 403
    response = await portal.service.get("/api/v1/audit", headers=portal.headers("root"))
    entries = [(one["who"], one["outcome"], one["code"]) for one in (await response.json())["entries"]]
    assert ("user:default/bob", "refused", "forbidden") in entries
    assert ("user:default/alice", "accepted", None) in entries


@SHARED
async def test_every_state_changing_route_refuses_a_caller_without_the_right(untouched: Portal) -> None:
    walked = 0
    for route in ROUTES:
        if route.method not in {"POST", "DELETE"} or route.scope is None:
            continue
        path = route.path.format(
            kind="component",
            namespace="default",
            name="cart",
            id=untouched.experiment.experiment_id,
            instance="default",
        )
        body: dict[str, object] = {"suspended": True} if route.path.endswith("schedule") else {}
        if route.path.endswith("stop"):
            body = {"all": True}
        if route.path.endswith("share"):
            body = {"picture": "badge", "expiresInDays": 1}
        # A form of the pages is refused for what it is not before anybody's rights are looked at.
        refused = {403} if path.startswith("/api/") else {403, 415}
        assert await untouched.status(route.method, path, body, untouched.headers("mallory")) in refused, path
        assert await untouched.status(route.method, path, body, {}) == 401, path
        walked += 1
    assert walked >= 9
    assert untouched.started() == 0


@SHARED
async def test_a_form_of_another_page_cannot_act(untouched: Portal) -> None:
    headers = {**untouched.headers(), "Content-Type": "text/plain"}
    url = untouched.service.url(untouched.run_path)
    async with untouched.service.session.post(url, data="{}", headers=headers) as response:
        assert response.status == 415
    assert untouched.started() == 0


async def test_too_many_requests_of_one_person_are_told_when_to_come_back(small: Small) -> None:
    async with open_portal(small) as portal:
        services = portal.service.services
        for _ in range(services.config.limits.person_per_minute):
            services.pace.check_request("user:default/alice", is_person=True)
        response = await portal.service.get("/api/v1/entities", headers=portal.headers())
        assert response.status == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        answer = await portal.query(RUN_STATS, portal.small.project.project_id, portal.headers())
        assert answer["errors"][0]["extensions"]["code"] == "too_many_requests"
        other = await portal.service.get("/api/v1/entities", headers=portal.headers("bob"))
        assert other.status == 200


@SHARED
async def test_a_person_reads_only_what_the_catalog_shows_them_when_enforced(strict: Portal) -> None:
    headers = strict.headers()
    listed = await (await strict.service.get("/api/v1/entities", headers=headers)).json()
    assert [row["entityRef"] for row in listed["entities"]] == ["component:default/cart"]
    bank = "/api/v1/entities/component/default/bank/overview"
    assert (await strict.service.get(bank, headers=headers)).status == 404
    answer = await strict.query(RUN_STATS, strict.bank.project_id, headers)
    assert answer["errors"][0]["extensions"]["code"] == "project_unknown"
    assert (await strict.service.get(bank, headers=strict.headers("bob"))).status == 200
    ready = await (await strict.service.get("/readyz", headers=headers)).text()
    assert strict.small.project.project_id in ready
    assert strict.bank.project_id not in ready
    strict.backstage.failing = {"/api/catalog/entities/by-refs": 503}
    try:
        assert (await strict.service.get(bank, headers=strict.headers("carol"))).status == 404
    finally:
        strict.backstage.failing = {}


@SHARED
async def test_no_path_reaches_a_project_the_caller_may_not_see(strict: Portal) -> None:
    """Whatever is put into a path, alice never gets a word of the bank."""
    tricks = st.lists(
        st.sampled_from(
            ["bank", "cart", "%2e", "..", "//", "/", ";", "%2f", "default", "component", "%00", ":"]
        ),
        max_size=6,
    ).map("".join)
    seen: list[str] = []

    @settings(max_examples=60)
    @given(tail=tricks, view=st.sampled_from(["overview", "content", "runs"]))
    def collect(tail: str, view: str) -> None:
        seen.append(f"/api/v1/entities/component/default/{tail}/{view}")

    collect()
    base = strict.service.url("/").rstrip("/")
    for path in seen:
        url = URL(base + path, encoded=True)
        async with strict.service.session.get(url, headers=strict.headers()) as response:
            text = await response.text()
        assert strict.bank.project_id not in text, path


ASKED = '{{ {alias}{field}(projectID: "{project}") {{ {leaf} }} }}'
PROJECT_GIVEN = (
    "query Q($p: ID!) " + ASKED,
    'query Q($p: ID! = "{project}") {{ {alias}{field}(projectID: "{project}") {{ {leaf} }} }}',
    "query Q($p: ID!) {{ ...F }} fragment F on Query " + ASKED,
    "query Q($p: ID!) {{ own: getExperimentStats(projectID: $p) {{ totalExperiments }} ... on Query "
    + ASKED
    + " }}",
    "query Q($p: ID!) {{ ... on Query @include(if: true) " + ASKED + " }}",
)
FIELDS = (
    ("getExperimentStats", "totalExperiments"),
    ("getExperimentRunStats", "totalExperimentRuns"),
    ("getChaosHubStats", "totalChaosHubs"),
    ("getGitOpsDetails", "enabled projectID"),
    ("listChaosHub", "id name"),
)
TRICKY_HEADERS = (
    ("X-Forwarded-User", "bob"),
    ("X-Forwarded-Groups", "team-b"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Original-URL", "/api/v1/entities/component/default/bank/overview"),
    ("X-HTTP-Method-Override", "GET"),
    ("X-Litmus-Project", "bank"),
)


@SHARED
async def test_no_document_or_header_reaches_a_project_the_caller_may_not_see(strict: Portal) -> None:
    """However a document names the bank, and whatever headers come along, alice gets errors alone."""
    bank, cart = strict.bank.project_id, strict.small.project.project_id
    questions: list[tuple[str, dict[str, str]]] = []

    @settings(max_examples=60)
    @given(
        template=st.sampled_from(PROJECT_GIVEN),
        field=st.sampled_from(FIELDS),
        alias=st.sampled_from(["", "a: ", "getExperimentStats: "]),
        project=st.sampled_from([bank, bank.upper(), f"{bank} ", f" {bank}", quote(bank, safe="")]),
        headers=st.lists(st.sampled_from(TRICKY_HEADERS), max_size=3),
    )
    def collect(
        template: str, field: tuple[str, str], alias: str, project: str, headers: list[tuple[str, str]]
    ) -> None:
        name, leaf = field
        document = template.format(alias=alias, field=name, leaf=leaf, project=project)
        questions.append((document, dict(headers)))

    collect()
    assert len(questions) >= 30
    for document, extra in questions:
        body = {"query": document, "variables": {"p": cart, "projectID": cart}}
        status, answer = await strict.post("/api/query", body, headers={**strict.headers(), **extra})
        assert status == 200, document
        assert answer["data"] is None, document


async def test_two_replicas_start_one_run_for_two_clicks(small: Small, shared_store: str) -> None:
    """The store decides, not the process: both replicas work on the same one."""
    async with (
        open_portal(small, store=shared_store) as portal,
        open_service(portal.service.services.config) as other,
    ):
        await eventually(lambda: len(other.services.catalogue.current.entities) == 2)
        await other.ready()
        twin = Portal(other, portal.backstage, portal.small, portal.bank)
        answers = await asyncio.gather(*(one.run() for one in (portal, twin) for _ in range(3)))
    assert {status for status, _ in answers} == {202}
    assert len({answer["actionID"] for _, answer in answers}) == 1
    assert portal.started() == 1


async def test_check_reads_backstages_catalog_and_names_what_keeps_it_from_that(portal: Portal) -> None:
    config = portal.service.services.config
    assert not [one for one in await check(config, offline=False) if "catalog" in one.lower()]
    portal.backstage.failing = {"/api/catalog/entities/by-query": 401}
    assert any("Backstage" in one for one in await check(config, offline=False))
