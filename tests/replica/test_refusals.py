"""What is not served is refused before any work, in one short sentence with the point first."""

import json
from time import thread_time
from typing import Any

import pytest

from sidecar.domain.errors import BadRequestError, NoDataError, QueryRefusedError, TooLargeError
from sidecar.domain.model import Section
from sidecar.replica import Limits, QueryEngine
from tests.replica.documents import BASIC_STATS, EXPERIMENTS, RUN, RUN_STATS, body, prepare_query
from tests.support.builders import content, experiment, failed, recent_run, snapshot

P = '(projectID: "p")'
BOMB = " ".join(
    (
        '{ listExperiment(projectID: "p", request: {}) {',
        *(f"a{number}: experiments {{ ...A }}" for number in range(15)),
        "} } fragment A on Experiment {",
        *(f"a{number}: infra {{ ...B }}" for number in range(15)),
        "} fragment B on Infra {",
        *(f"a{number}: name" for number in range(15)),
        "}",
    )
)


@pytest.mark.parametrize(
    ("raw", "point"),
    [
        (b"", "Not JSON"),
        (b"nonsense", "Not JSON"),
        (b"\xff", "Not JSON"),
        (b'{"query": "\\ud800"}', "Not JSON"),
        (b"[" * 12_000, "Nested too deeply"),
        (b"[" * 8_000 + b"]" * 8_000, "Nested too deeply"),
        (b'{"query": "{a}", "x": ' + b"[" * 40 + b"]" * 40 + b"}", "Nested too deeply"),
        (b"[]", "Batches"),
        (b'[{"query": "{a}"}]', "Batches"),
        (b"null", "Not an object"),
        (b"{}", "No query"),
        (b'{"query": " "}', "No query"),
        (b'{"query": 1}', "No query"),
    ],
)
def test_body_that_is_no_request_is_a_bad_request(raw: bytes, point: str) -> None:
    with pytest.raises(BadRequestError, match=f"^{point}"):
        QueryEngine().prepare(raw)


def test_body_over_the_limit_is_too_large() -> None:
    with pytest.raises(TooLargeError):
        QueryEngine().prepare(b" " * (16 * 1024 + 1))


@pytest.mark.parametrize(
    ("query", "point"),
    [
        ("{ bad", "Syntax Error"),
        ("fragment F on Query { __typename }", "No operation"),
        ("query A { __typename } query B { __typename }", "Several operations"),
        ("subscription { x }", "Subscriptions"),
        ("{ __typename }", "No project"),
        ("{ __schema { types { name } } }", "GraphQL introspection"),
        ('{ __type(name: "Infra") { name } }', "GraphQL introspection"),
        (f"{{ getGitOpsDetails{P} {{ }} }}", "Empty selection"),
        (f"{{ getGitOpsDetails{P} {{ token }} }}", "Cannot query field 'token'"),
        (f"{{ getGitOpsDetails{P} {{ password }} }}", "Cannot query field 'password'"),
        (f"{{ getGitOpsDetails{P} {{ sshPrivateKey }} }}", "Cannot query field 'sshPrivateKey'"),
        (f"{{ getProject{P} {{ name }} }}", "Cannot query field 'getProject'"),
        ("mutation { deleteChaosExperiment }", "Cannot query field 'deleteChaosExperiment'"),
        (f"{{ listExperiment{P} {{ totalNoOfExperiments }} }}", "Argument"),
        ('{ getGitOpsDetails(projectID: "") { enabled } }', "No project"),
        (
            """{
              a: getInfraStats(projectID: "a") { __typename }
              b: getInfraStats(projectID: "b") { __typename }
            }""",
            "Several projects",
        ),
        (
            """query ($p: ID! = "a") {
              getGitOpsDetails(projectID: "b") { enabled }
              getInfraStats(projectID: $p) { totalInfrastructures }
            }""",
            "Several projects",
        ),
        (
            """mutation {
              a: stopExperimentRuns(projectID: "p", experimentID: "1")
              b: stopExperimentRuns(projectID: "p", experimentID: "2")
            }""",
            "Several actions",
        ),
        (
            "{ " + " ".join(f"a{number}: getInfraStats{P} {{ __typename }}" for number in range(100)) + " }",
            "Syntax",
        ),
        (BOMB, "Too many fields"),
        ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "Endless fragment"),
        ("{ ...Missing }", "Unknown fragment"),
        ("{" + "...{" * 100 + "__typename" + "}" * 101, "Nested too deeply"),
        ("# " + "x" * 12_000 + "\n{ __typename }", "Document too long"),
    ],
)
def test_document_outside_schema_or_limits_is_refused(query: str, point: str) -> None:
    with pytest.raises(QueryRefusedError, match=f"^{point}"):
        QueryEngine().prepare(body(query, {}))


def test_fifteen_hundred_aliases_are_refused() -> None:
    aliases = " ".join(f"a{number}:x" for number in range(1_500))
    with pytest.raises(QueryRefusedError):
        QueryEngine().prepare(body("{" + aliases + "}", {}))


@pytest.mark.parametrize(
    ("variables", "point"),
    [
        ([], "Wrong variables"),
        ("", "Wrong variables"),
        ({"request": {}}, r"Variable '\$projectID'"),
        ({"projectID": None, "request": {}}, r"Variable '\$projectID'"),
        ({"projectID": ["p"], "request": {}}, r"Variable '\$projectID'"),
        ({"projectID": "p"}, r"Variable '\$request'"),
        ({"projectID": "p", "request": {"unknown": 1}}, r"Variable '\$request'"),
        ({"projectID": "p", "request": {"pagination": {"page": "0", "limit": 1}}}, r"Variable '\$request'"),
        ({"projectID": "p", "request": {"sort": {"field": "SIZE"}}}, r"Variable '\$request'"),
        ({"projectID": "p", "request": {"pagination": {"page": -1, "limit": 1}}}, "Negative page"),
    ],
)
def test_variables_are_read_strictly(variables: Any, point: str) -> None:
    with pytest.raises(QueryRefusedError, match=f"^{point}"):
        QueryEngine().prepare(body(EXPERIMENTS, variables))


@pytest.mark.parametrize("name", ["other", 1])
def test_operation_name_must_be_that_of_the_document(name: Any) -> None:
    with pytest.raises(QueryRefusedError, match=r"^(Unknown|Wrong) operationName"):
        QueryEngine().prepare(body(RUN_STATS, operationName=name))


def test_null_for_a_directive_is_refused() -> None:
    query = (
        "query ($p: ID!, $b: Boolean = true) { getGitOpsDetails(projectID: $p) @include(if: $b) { enabled } }"
    )
    with pytest.raises(QueryRefusedError, match=r"^Missing variable \"\$b\""):
        QueryEngine().prepare(body(query, {"p": "p", "b": None}))


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (EXPERIMENTS, {"projectID": "p", "request": {"filter": {"scheduleType": "x" * 15_000}}}),
        (EXPERIMENTS, {"projectID": "p", "request": {"pagination": {"page": "x" * 15_000, "limit": 1}}}),
        (EXPERIMENTS, {"projectID": "p", "request": {"x" * 15_000: 1}}),
        ("{ " + "x" * 9_000 + " }", {}),
        ("{ ..." + "x" * 9_000 + " }", {}),
    ],
)
def test_refusals_stay_short_whatever_they_refuse(query: str, variables: Any) -> None:
    with pytest.raises(QueryRefusedError) as refusal:
        QueryEngine().prepare(body(query, variables))
    assert len(str(refusal.value)) <= 200


@pytest.mark.parametrize(
    "query",
    [
        f"{{ getGitOpsDetail{P} {{ enabled }} }}",
        f"{{ getGitOpsDetails{P} {{ enable }} }}",
        f"{{ getGitOpsDetails{P} {{ enabled {{ x }} }} }}",
        f"{{ getGitOpsDetails{P} }}",
        f"{{ getGitOpsDetails{P} {{ ...on Experiment {{ name }} }} }}",
        '{ listExperiment(projectID: "p", request: {filter: {experimentNam: ""}}) { totalNoOfExperiments } }',
        '{ listExperiment(projectID: "p", request: {sort: {field: NAM}}) { totalNoOfExperiments } }',
        "query ($x: String!) { getGitOpsDetails(projectID: $x) { enabled } }",
    ],
)
def test_refusals_suggest_nothing_of_the_schema(query: str) -> None:
    with pytest.raises(QueryRefusedError) as refusal:
        QueryEngine().prepare(body(query, {"x": "p"}))
    sentence = str(refusal.value)
    assert "Did you mean" not in sentence
    for name in (
        "GitConfigResponse",
        "ExperimentFilterInput",
        "ExperimentSortingField",
        "'ID!'",
        "experimentName'",
    ):
        assert name not in sentence


def test_answer_with_too_many_fields_is_refused() -> None:
    engine = QueryEngine(limits=Limits(answer_fields=500))
    request = prepare_query(engine, EXPERIMENTS)
    many = snapshot(content(experiments=[experiment(str(number)) for number in range(20)]))

    with pytest.raises(QueryRefusedError, match=r"^Answer too large"):
        engine.answer(request, many)


def test_answer_with_too_many_bytes_is_refused() -> None:
    engine = QueryEngine(limits=Limits(answer_bytes=10_000))
    request = prepare_query(engine, EXPERIMENTS)
    long = experiment(recent_runs=[recent_run("x" * 2_000) for _ in range(10)])

    with pytest.raises(QueryRefusedError, match=r"^Answer too large"):
        engine.answer(request, snapshot(content(experiments=[long])))


@pytest.mark.parametrize("section", [Section.EXPERIMENTS, Section.HUBS, Section.INFRASTRUCTURES])
def test_section_never_fetched_is_no_data_with_its_reason(section: Section) -> None:
    engine = QueryEngine()
    request = prepare_query(engine, BASIC_STATS)
    without = snapshot(content(without=[section]), freshness={section: failed()})

    with pytest.raises(NoDataError, match="No answer from Litmus"):
        engine.answer(request, without)


def test_section_the_query_does_not_use_may_be_missing() -> None:
    engine = QueryEngine()
    request = prepare_query(engine, RUN_STATS)

    answer = engine.answer(request, snapshot(content(without=[Section.HUBS])))

    assert json.loads(answer)["getExperimentRunStats"]["totalExperimentRuns"] == 12


def test_refusals_are_counted() -> None:
    engine = QueryEngine()
    for raw in (b"", body("{ x }", {}), body(RUN, {"projectID": "p"})):
        with pytest.raises((BadRequestError, QueryRefusedError)):
            engine.prepare(raw)
    assert engine.stats.refusals == 3


def test_a_body_of_blanks_costs_about_what_its_half_does() -> None:
    def seconds(blanks: int) -> float:
        given = {"projectID": "p", "request": {"sort": {"field": " " * blanks}}}
        refused = body(EXPERIMENTS, given)
        took = []
        for _ in range(5):
            begun = thread_time()
            with pytest.raises(QueryRefusedError):
                QueryEngine().prepare(refused)
            took.append(thread_time() - begun)
        return min(took)

    # Parsing and validating is the same for both; quadratic wording was 300 times as much.
    assert seconds(15_000) < 4 * seconds(1_000)
