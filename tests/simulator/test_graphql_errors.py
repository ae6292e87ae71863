"""Every way the GraphQL endpoint refuses, byte for byte as Litmus does."""

import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.simulator.tokens import TokenFactory
from tests.simulator.conftest import Answer, Shop

EXAMPLES = Path(__file__).parents[2] / "../shared/litmus/examples/errors-graphql.json"
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
JSON_UTF8 = "application/json; charset=utf-8"
DENIED = "permission_denied: rpc error: code = Unknown desc = "

EXPERIMENTS = "{ listExperiment(projectID: $p, request: {}) { totalNoOfExperiments } }"
HUBS = "{ listChaosHub(projectID: $p) { id } }"
ENVIRONMENTS = "{ listEnvironments(projectID: $p) { totalNoOfEnvironments } }"
STATS = """{
  getExperimentStats(projectID: $p) { totalExperiments } getChaosHubStats(projectID: $p) { totalChaosHubs }
  getInfraStats(projectID: $p) { totalActiveInfrastructure } getGitOpsDetails(projectID: $p) { enabled }
}"""
RUN = "mutation ($p: ID!, $e: String!) { runChaosExperiment(projectID: $p, experimentID: $e) { notifyID } }"

Scenario = Callable[[Shop], Awaitable[Answer]]


def failed(message: str, *path: str, data: Any = None, code: str | None = None, at: int | None = None) -> Any:
    error: dict[str, Any] = {"message": message}
    if path:
        error["path"] = list(path)
    if at:
        error["locations"] = [{"line": 1, "column": at}]
    if code:
        error["extensions"] = {"code": code}
    return {"errors": [error], "data": data}


async def no_token(shop: Shop) -> Answer:
    return await shop.ask(EXPERIMENTS, token="", Authorization="")


async def bad_token_for_hubs(shop: Shop) -> Answer:
    return await shop.ask(HUBS, token="nonsense")


async def bad_token_for_environments(shop: Shop) -> Answer:
    return await shop.ask(ENVIRONMENTS, token="a.b.c")


async def expired(shop: Shop) -> Answer:
    return await shop.ask(EXPERIMENTS, token=shop.world.issue_token(shop.owner, days=0))


async def foreign_signature(shop: Shop) -> Answer:
    token = TokenFactory("the key of another server".ljust(64)).issue(shop.owner, 9_999_999_999)
    return await shop.ask(EXPERIMENTS, token=token)


async def lower_case_bearer(shop: Shop) -> Answer:
    return await shop.ask(EXPERIMENTS, Authorization=f"bearer {shop.token}")


async def revoked(shop: Shop) -> Answer:
    shop.world.revoke_token(shop.token)
    return await shop.ask("{ getServerVersion { value } }")


async def unknown_project(shop: Shop) -> Answer:
    return await shop.ask(EXPERIMENTS, {"p": "unknown"})


async def deactivated(shop: Shop) -> Answer:
    shop.world.deactivate(shop.owner)
    return await shop.ask(EXPERIMENTS)


async def stats_as_viewer(shop: Shop) -> Answer:
    answer = await shop.ask(STATS, token=shop.world.issue_token(shop.viewer))
    answer.json["errors"].sort(key=lambda error: error["path"])
    return answer


async def malformed_json(shop: Shop) -> Answer:
    return await shop.send("POST", "/api/query", data='{"query":', headers={"Content-Type": JSON})


async def wrong_content_type(shop: Shop) -> Answer:
    return await shop.send("POST", "/api/query", data="{}", headers={"Content-Type": "text/plain"})


async def null_body(shop: Shop) -> Answer:
    return await shop.send("POST", "/api/query", data="null", headers={"Content-Type": JSON})


async def missing_variable(shop: Shop) -> Answer:
    query = "query ($projectID: ID!) { getChaosHubStats(projectID: $projectID) { totalChaosHubs } }"
    return await shop.ask(query)


async def inactive_infra(shop: Shop) -> Answer:
    shop.world.disconnect(shop.infra)
    return await shop.ask(RUN, {"e": shop.experiment.experiment_id})


async def unknown_experiment(shop: Shop) -> Answer:
    return await shop.ask(RUN, {"e": "unknown"})


async def panic(shop: Shop) -> Answer:
    run = shop.world.start_run(shop.experiment)
    del shop.world.experiments[shop.experiment.experiment_id]
    query = "query ($p: ID!, $n: ID) { getExperimentRun(projectID: $p, notifyID: $n) { phase } }"
    return await shop.ask(query, {"n": run.notify_id})


async def mutation_over_get(shop: Shop) -> Answer:
    query = 'mutation { runChaosExperiment(projectID: "p", experimentID: "e") { notifyID } }'
    return await shop.send("GET", "/api/query", params={"query": query})


async def refused_host(shop: Shop) -> Answer:
    shop.world.allowed_origins = ("^litmuschaos.io",)
    return await shop.ask(EXPERIMENTS)


def query(text: str) -> Scenario:
    async def scenario(shop: Shop) -> Answer:
        return await shop.ask(text)

    return scenario


VALIDATION = "GRAPHQL_VALIDATION_FAILED"
CASES: dict[str, tuple[Scenario, int, str, Any]] = {
    "no_token_plain_field": (
        no_token,
        200,
        JSON,
        failed(f"{DENIED}token contains an invalid number of segments", "listExperiment"),
    ),
    "no_or_bad_or_expired_token_authorized_field": (
        bad_token_for_hubs,
        200,
        JSON,
        failed("invalid Token", "listChaosHub"),
    ),
    "nullable_authorized_field": (
        bad_token_for_environments,
        200,
        JSON,
        failed("invalid Token", "listEnvironments", data={"listEnvironments": None}),
    ),
    "expired_token_plain_field": (
        expired,
        200,
        JSON,
        failed(f"{DENIED}Token is expired", "listExperiment"),
    ),
    "bad_signature_plain_field": (
        foreign_signature,
        200,
        JSON,
        failed(f"{DENIED}signature is invalid", "listExperiment"),
    ),
    "lowercase_bearer": (
        lower_case_bearer,
        200,
        JSON,
        failed(f"{DENIED}tokenstring should not contain 'bearer '", "listExperiment"),
    ),
    "revoked_token": (revoked, 401, TEXT, "Error verifying JWT token: Token is revoked"),
    "no_role_or_unknown_project": (
        unknown_project,
        200,
        JSON,
        failed(f"{DENIED}auth gRPC - Unauthorized", "listExperiment"),
    ),
    "deactivated_user": (
        deactivated,
        200,
        JSON,
        failed(f"{DENIED}auth gRPC - Deactivated User", "listExperiment"),
    ),
    "basic_stats_as_viewer": (
        stats_as_viewer,
        200,
        JSON,
        {
            "errors": [
                {"message": f"{DENIED}auth gRPC - Unauthorized", "path": [field]}
                for field in ("getGitOpsDetails", "getInfraStats")
            ],
            "data": None,
        },
    ),
    "malformed_json": (
        malformed_json,
        400,
        JSON,
        failed('json request body could not be decoded: unexpected EOF body:{"query":'),
    ),
    "wrong_content_type": (wrong_content_type, 400, TEXT, failed("transport not supported")),
    "parse_error": (
        query("query {"),
        422,
        JSON,
        failed("Expected Name, found <EOF>", code="GRAPHQL_PARSE_FAILED", at=8),
    ),
    "validation_error": (
        query("query { nope }"),
        422,
        JSON,
        failed('Cannot query field "nope" on type "Query".', code=VALIDATION, at=9),
    ),
    "missing_variable": (
        missing_variable,
        422,
        JSON,
        failed("must be defined", "variable", "projectID", code=VALIDATION),
    ),
    "no_operation": (query(""), 422, JSON, failed("no operation provided", code=VALIDATION)),
    "resolver_error": (
        inactive_infra,
        200,
        JSON,
        failed("experiment re-run failed due to inactive infra", "runChaosExperiment"),
    ),
    "unknown_experiment": (
        unknown_experiment,
        200,
        JSON,
        failed("could not get experiment run, error: mongo: no documents in result", "runChaosExperiment"),
    ),
    "panic_in_resolver": (panic, 200, JSON, failed("internal system error", "getExperimentRun")),
    "panic_in_transport": (null_body, 422, JSON, failed("internal system error")),
    "introspection_off": (
        query("{ __schema { types { name } } }"),
        200,
        JSON,
        failed("introspection disabled", "__schema", data={"__schema": None}),
    ),
    "get_mutation": (mutation_over_get, 406, JSON, failed("GET requests only allow query operations")),
    "bad_host_or_origin": (refused_host, 403, JSON_UTF8, {"error": "Invalid origin"}),
}


@pytest.mark.parametrize("case", CASES)
async def test_an_error_has_status_type_and_body_of_litmus(shop: Shop, case: str) -> None:
    scenario, status, content_type, body = CASES[case]
    answer = await scenario(shop)
    assert (answer.status, answer.content_type, answer.json or answer.text) == (status, content_type, body)


def test_the_errors_here_are_all_errors_that_are_known() -> None:
    if not EXAMPLES.exists():
        pytest.skip("needs the examples beside the repository")
    known = {
        case["case"]: (case["status"], case["content_type"], case["body"])
        for case in json.loads(EXAMPLES.read_text("utf-8"))["cases"]
    }
    assert {name: tuple(case[1:]) for name, case in CASES.items()} == known


async def test_the_viewers_token_alone_fails_the_stats(shop: Shop) -> None:
    assert (await shop.data(STATS))["getGitOpsDetails"] == {"enabled": False}


async def test_errors_come_before_data(shop: Shop) -> None:
    assert (await no_token(shop)).text.startswith('{"errors":')


@pytest.mark.parametrize(
    ("variables", "message", "path"),
    [
        ({"r": None}, "cannot be null", ["variable", "r"]),
        ({"r": {"surprise": 1}}, "unknown field", ["variable", "r", "surprise"]),
        ({"r": {"pagination": {"page": 0}}}, "must be defined", ["variable", "r", "pagination", "limit"]),
        (
            {"r": {"filter": {"scheduleType": "NEVER"}}},
            "NEVER is not a valid ScheduleType",
            ["variable", "r", "filter", "scheduleType"],
        ),
        (
            {"r": {"filter": {"infraActive": "yes"}}},
            "cannot use string as Boolean",
            ["variable", "r", "filter", "infraActive"],
        ),
        ({"r": "text"}, "must be a ListExperimentRequest", ["variable", "r"]),
    ],
)
async def test_a_bad_variable_is_named_with_its_path(
    shop: Shop, variables: dict[str, Any], message: str, path: list[str]
) -> None:
    query = """query ($p: ID!, $r: ListExperimentRequest!) {
      listExperiment(projectID: $p, request: $r) { totalNoOfExperiments }
    }"""
    answer = await shop.ask(query, variables)
    assert answer.status == 422
    assert answer.json["errors"] == [{"message": message, "path": path, "extensions": {"code": VALIDATION}}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "EOF"),
        ("[1]", "json: cannot unmarshal array into Go value of type graphql.RawParams"),
        ("hello", "invalid character 'h' looking for beginning of value"),
        ('{"query":1}', "json: cannot unmarshal number into Go struct field RawParams.query of type string"),
    ],
)
async def test_an_undecodable_body_comes_back_in_the_message(shop: Shop, body: str, message: str) -> None:
    answer = await shop.send("POST", "/api/query", data=body, headers={"Content-Type": JSON})
    assert answer.status == 400
    assert answer.json == failed(f"json request body could not be decoded: {message} body:{body}")


async def test_an_unknown_operation_name_is_refused(shop: Shop) -> None:
    body = {"query": "query A { getServerVersion { key } }", "operationName": "B"}
    answer = await shop.send("POST", "/api/query", json=body)
    assert (answer.status, answer.json) == (422, failed("operation B not found", code=VALIDATION))


async def test_a_token_without_uid_is_told_apart(shop: Shop) -> None:
    token = shop.world.token_factory.sign({"username": "alice", "exp": 9_999_999_999})
    answer = await shop.ask(EXPERIMENTS, token=token)
    assert answer.json["errors"][0]["message"] == "permission_denied: token is invalid"


async def test_a_deleted_user_is_a_database_error(shop: Shop) -> None:
    shop.world.delete_user(shop.owner)
    answer = await shop.ask(EXPERIMENTS)
    assert answer.json["errors"][0]["message"] == f"{DENIED}mongo: no documents in result"


async def test_signature_is_judged_before_expiry(shop: Shop) -> None:
    token = TokenFactory("the key of another server".ljust(64)).issue(shop.owner, 1)
    answer = await shop.ask(EXPERIMENTS, token=token)
    assert answer.json["errors"][0]["message"] == f"{DENIED}signature is invalid"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384"])
async def test_any_hmac_algorithm_is_accepted(shop: Shop, algorithm: str) -> None:
    claims = {"uid": shop.owner.user_id, "username": "alice", "role": "user"}
    answer = await shop.ask(EXPERIMENTS, token=shop.world.token_factory.sign(claims, algorithm=algorithm))
    assert answer.json["data"] == {"listExperiment": {"totalNoOfExperiments": 1}}


async def test_a_wrong_path_answers_get_with_html_and_post_with_405(shop: Shop) -> None:
    page = await shop.send("GET", "/litmus/api/query")
    assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
    assert "simulated" in page.text
    assert (await shop.send("POST", "/litmus/api/query", json={})).status == 405


async def test_a_trailing_slash_redirects_out_of_the_prefix(shop: Shop) -> None:
    async with shop.session.post(f"{shop.simulator.url}/api/query/", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (307, "/query")


async def test_a_body_over_a_mebibyte_is_refused_by_the_proxy(shop: Shop) -> None:
    answer = await shop.send("POST", "/api/query", data=io.BytesIO(b" " * (1024**2 + 1)))
    assert (answer.status, answer.content_type) == (413, "text/html; charset=utf-8")


async def test_health_needs_no_token(shop: Shop) -> None:
    assert (await shop.send("GET", "/api/status")).json == {"status": "up"}
    assert (await shop.send("GET", "/api/readiness")).json == {"database": "up", "collections": ""}
    assert (await shop.send("GET", "/health")).text == ""


async def test_an_old_release_has_no_stop(shop: Shop) -> None:
    shop.world.version = "3.0.0"
    answer = await shop.ask('mutation ($p: ID!) { stopExperimentRuns(projectID: $p, experimentID: "e") }')
    assert answer.status == 422
