"""What ``POST /api/query`` refuses, in which form, and that Litmus never hears of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ReadOnly, Small, open_small
from tests.support.service import Service, config_for, open_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTING = "query Q($projectID: ID!) { listChaosHub(projectID: $projectID, request: {}) { %s } }"


@pytest.fixture
def service(read_only: ReadOnly) -> Service:
    """The sidecar that is shared by who only reads."""
    return read_only.service


@pytest.fixture
def small(read_only: ReadOnly) -> Small:
    """Its world."""
    return read_only.small


def body(query: str, project_id: str, **more: Any) -> str:
    return json.dumps({"query": query, "variables": {"projectID": project_id}, **more})


def aliases(count: int) -> str:
    return " ".join(f"a{number}: name" for number in range(count))


NESTED_FRAGMENTS = (
    "query Q($projectID: ID!) { "
    + " ".join(f"q{i}: listChaosHub(projectID: $projectID, request: {{}}) {{ ...A }}" for i in range(15))
    + " } fragment A on ChaosHubStatus { ...B "
    + aliases(15)
    + " } fragment B on ChaosHubStatus { ...C "
    + " ".join(f"b{i}: id" for i in range(15))
    + " } fragment C on ChaosHubStatus { "
    + " ".join(f"c{i}: name" for i in range(15))
    + " }"
)

REFUSED_DOCUMENTS = {
    "a hub's token": LISTING % "id token",
    "a hub's password": LISTING % "password",
    "an unknown field": LISTING % "nope",
    "a thousand aliases": LISTING % aliases(1_000),
    "introspection": "query Q($projectID: ID!) { __schema { types { name } } " + (LISTING % "id")[29:],
    "introspection of a type": '{ __type(name: "Query") { name } }',
    "two operations": (LISTING % "id") + " query R { __typename }",
    "a subscription": "subscription { getInfraEvents { eventID } }",
    "two projects by aliases": (
        "query Q($projectID: ID!) { a: getExperimentStats(projectID: $projectID) { totalExperiments } "
        'b: getExperimentStats(projectID: "other") { totalExperiments } }'
    ),
    "broken grammar": "query {",
    "deep nesting": "{" + " ".join(["a {"] * 200) + "}" * 201,
    "a secret of GitOps": "query Q($projectID: ID!) { getGitOpsDetails(projectID: $projectID) { token } }",
    "a manifest": (
        "query Q($projectID: ID!) { listExperiment(projectID: $projectID, request: {}) "
        "{ experiments { experimentManifest } } }"
    ),
    "an operation the plugin does not use": "query Q { getServerVersion { value } }",
    "two mutations": (
        'mutation M($projectID: ID!) { a: runChaosExperiment(experimentID: "x", projectID: $projectID) '
        '{ notifyID } b: runChaosExperiment(experimentID: "x", projectID: $projectID) { notifyID } }'
    ),
}


@pytest.mark.parametrize("case", REFUSED_DOCUMENTS)
async def test_a_document_outside_the_served_schema_is_told_so_without_asking_litmus(
    service: Service, small: Small, case: str
) -> None:
    small.simulator.clear()
    response = await service.post(body(REFUSED_DOCUMENTS[case], small.project.project_id))
    answer = await response.json()
    assert response.status == 200
    assert answer["data"] is None
    assert len(answer["errors"]) == 1
    assert answer["errors"][0]["extensions"]["code"] == "query_refused"
    assert len(answer["errors"][0]["message"]) < 300
    assert small.simulator.requests == []


async def test_three_levels_of_aliased_fragments_are_refused_by_the_size_of_their_answer(
    service: Service, small: Small
) -> None:
    document = NESTED_FRAGMENTS
    assert len(document) < 2_000
    answer = await (await service.post(body(document, small.project.project_id))).json()
    assert answer["errors"][0]["extensions"]["code"] == "query_refused"


async def test_a_project_of_nobody_is_refused_without_asking_litmus(tmp_path: Path) -> None:
    # One that has just read everything: the shared one reads again when its interval is over.
    async with (
        open_small(tmp_path) as small,
        open_service(config_for({"default": (small.simulator, small.token)}, small.catalog)) as service,
    ):
        await service.ready()
        other = small.world.add_project("other", owner=small.world.add_user("carol"))
        small.simulator.clear()
        for project_id in (other.project_id, "", "nonsense", small.project.project_id.upper() + "x"):
            answer = await (await service.post(body(LISTING % "id", project_id))).json()
            assert answer["errors"][0]["extensions"]["code"] in {"project_unknown", "query_refused"}
            assert answer["data"] is None
        assert small.simulator.requests == []


HTTP_LEVEL: dict[str, tuple[str | bytes, int]] = {
    "not JSON": ("{", 400),
    "an empty body": ("", 400),
    "a batch": ("[]", 400),
    "no query": ('{"variables": {}}', 400),
    "query of another type": ('{"query": 5}', 400),
    "null": ("null", 400),
    "JSON nested too deep": ("[" * 10_000, 400),
    "deep variables": ('{"query": "{a}", "variables": ' + '{"a":' * 2_000 + "1" + "}" * 2_001, 400),
    "a body over the limit": ('{"query": "' + "a" * 300_000 + '"}', 413),
    "not UTF-8": (b'{"query": "\xff\xfe"}', 400),
}


@pytest.mark.parametrize("case", HTTP_LEVEL)
async def test_what_is_no_graphql_request_gets_its_status_and_a_graphql_body(
    service: Service, small: Small, case: str
) -> None:
    small.simulator.clear()
    sent, status = HTTP_LEVEL[case]
    response = await service.post(sent)
    answer = await response.json()
    assert response.status == status
    assert answer["data"] is None
    assert answer["errors"][0]["message"]
    assert small.simulator.requests == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post_is_served(service: Service, method: str) -> None:
    path = service.url("/api/query?query={__typename}")
    async with service.session.request(method, path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
        assert (await response.json())["errors"][0]["extensions"]["code"] == "method_not_allowed"


async def test_another_content_type_is_415(service: Service) -> None:
    response = await service.post(b"{}", headers={"Content-Type": "text/plain"})
    assert response.status == 415


async def test_a_compressed_body_is_refused_not_unpacked(service: Service) -> None:
    response = await service.post(b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})
    assert response.status == 415


async def test_answers_are_never_compressed_and_never_cached_by_others(
    service: Service, small: Small
) -> None:
    response = await service.post(
        body(LISTING % "id name", small.project.project_id), headers={"Accept-Encoding": "gzip"}
    )
    assert "Content-Encoding" not in response.headers
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "Last-Modified" in response.headers
