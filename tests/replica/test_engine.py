"""Requests are understood, answered and remembered."""

import json
from typing import Any

import pytest

from sidecar.domain.errors import BadRequestError, QueryRefusedError
from sidecar.domain.model import Section
from sidecar.replica import Limits, QueryEngine
from sidecar.runtime.turns import run_whole
from tests.replica.documents import (
    BASIC_STATS,
    EXPERIMENTS,
    QUERIES,
    RUN,
    RUN_STATS,
    body,
    prepare_mutation,
    prepare_query,
)
from tests.support.builders import PROJECT_ID, content, experiment, project, snapshot


def test_request_says_what_its_answer_uses() -> None:
    request = prepare_query(QueryEngine(), BASIC_STATS)

    assert request.project_id == PROJECT_ID
    assert request.root_fields == (
        "getExperimentStats",
        "getChaosHubStats",
        "getInfraStats",
        "getGitOpsDetails",
    )
    assert request.sections == {Section.EXPERIMENTS, Section.HUBS, Section.INFRASTRUCTURES, Section.GITOPS}
    assert request.label == "several"


def test_label_of_a_single_field_is_its_name_and_not_the_alias() -> None:
    query = '{ mine: getGitOpsDetails(projectID: "p") { enabled } }'
    assert prepare_query(QueryEngine(), query).label == "getGitOpsDetails"


def test_section_of_a_skipped_field_is_not_used() -> None:
    query = """query ($p: ID!, $hubs: Boolean!) {
      getChaosHubStats(projectID: $p) @include(if: $hubs) { totalChaosHubs }
      getInfraStats(projectID: $p) { totalInfrastructures }
    }"""
    request = prepare_query(QueryEngine(), query, {"p": "p", "hubs": False})
    assert request.sections == {Section.INFRASTRUCTURES}


@pytest.mark.parametrize(
    "query",
    [
        '{ getGitOpsDetails(projectID: "p-1") { projectID } }',
        'query ($p: ID = "p-1") { getGitOpsDetails(projectID: $p) { projectID } }',
        "query ($q: ID!) { getGitOpsDetails(projectID: $q) { projectID } }",
    ],
)
def test_project_is_read_from_literal_default_and_variable(query: str) -> None:
    engine = QueryEngine()
    request = prepare_query(engine, query, {"q": "p-1"})
    assert request.project_id == "p-1"
    assert json.loads(engine.answer(request, snapshot())) == {"getGitOpsDetails": {"projectID": "p-1"}}


def test_keys_come_in_the_order_of_the_document() -> None:
    query = """query ($p: ID!) {
      t: __typename
      listExperiment(projectID: $p, request: {}) {
        experiments { ...Names }
        kind: __typename
        totalNoOfExperiments
        experiments { infra { name } experimentID }
      }
    }
    fragment Names on ResourceDetails { name ... on Experiment { infra { infraID } } }"""
    engine = QueryEngine()
    answer = engine.answer(prepare_query(engine, query, {"p": "p"}), snapshot())
    assert answer == (
        b'{"t":"Query","listExperiment":{"experiments":[{"name":"pod-delete",'
        b'"infra":{"infraID":"infra-1","name":"cluster-a"},"experimentID":"experiment-1"}],'
        b'"kind":"ListExperimentResponse","totalNoOfExperiments":1}}'
    )


def test_all_rows_are_served_without_pagination() -> None:
    engine = QueryEngine()
    rows = [experiment(str(number)) for number in range(120)]
    answer = engine.answer(prepare_query(engine, EXPERIMENTS), snapshot(content(experiments=rows)))
    assert len(json.loads(answer)["listExperiment"]["experiments"]) == 120


@pytest.mark.parametrize("query", QUERIES)
def test_same_body_is_recognised(query: str) -> None:
    engine = QueryEngine()
    first = engine.prepare(body(query))
    assert engine.prepare(body(query)) is first
    assert engine.stats.request_hits == 1


@pytest.mark.parametrize("query", ["{ a }", "query($p: ID!) { listExperiment(projectID: $p) { x } }", ""])
def test_what_a_body_was_refused_for_is_known_without_reading_it_again(query: str) -> None:
    engine, sent = QueryEngine(), body(query)
    assert engine.known_request(sent) is None
    with pytest.raises((BadRequestError, QueryRefusedError)) as first:
        engine.prepare(sent)
    for ask in (engine.known_request, engine.prepare):
        with pytest.raises(type(first.value)) as again:
            ask(sent)
        assert vars(again.value) == vars(first.value)
        assert again.value.args == first.value.args
        # Each is raised on its own, and what was raised holds nothing of the others.
        assert again.value is not first.value
    assert engine.stats.refusals == 3


def test_an_answer_that_was_too_large_is_refused_again_before_any_of_it_is_made() -> None:
    engine = QueryEngine(limits=Limits(answer_bytes=20_000))
    rows = tuple(experiment(str(number)) for number in range(1_000))
    whole = snapshot(content(experiments=rows))
    request = prepare_query(engine, EXPERIMENTS)

    first, again = engine.answer_work(request, whole), engine.answer_work(request, whole)
    next(first)
    with pytest.raises(QueryRefusedError, match="Answer too large"):
        run_whole(first)
    with pytest.raises(QueryRefusedError, match="Answer too large"):
        next(again)
    # Another content may have room.
    assert engine.answer(request, snapshot(content(experiments=rows[:2]), version=2))


@pytest.mark.service
def test_refusals_stay_within_their_bytes() -> None:
    engine = QueryEngine()
    for number in range(2_000):
        with pytest.raises(QueryRefusedError):
            engine.prepare(body(f"{{ a{number} }}"))
    assert engine.cached_bytes <= 1024 * 1024


def test_same_document_with_another_project_is_compiled_once() -> None:
    engine = QueryEngine()
    prepare_query(engine, RUN_STATS, {"projectID": "a"})
    prepare_query(engine, RUN_STATS, {"projectID": "b"})
    assert (engine.stats.plans_compiled, engine.stats.plan_hits) == (1, 1)


def test_undeclared_variables_share_the_answer() -> None:
    engine = QueryEngine()
    bare = prepare_query(engine, RUN_STATS, {"projectID": "p"})
    more = prepare_query(engine, RUN_STATS, {"projectID": "p", "request": {"anything": [1]}})

    assert engine.answer(bare, snapshot()) is engine.answer(more, snapshot())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"projectID": "p", "request": {}}, {"projectID": "p", "request": {"experimentIDs": ["x"]}}),
        ({"projectID": "p", "request": {}}, {"projectID": "q", "request": {}}),
    ],
)
def test_declared_arguments_split_the_answers(first: dict[str, Any], second: dict[str, Any]) -> None:
    engine = QueryEngine()
    assert prepare_query(engine, EXPERIMENTS, first).key != prepare_query(engine, EXPERIMENTS, second).key


def test_flags_split_the_answers() -> None:
    query = """query ($p: ID!, $b: Boolean!) {
      getInfraStats(projectID: $p) { totalInfrastructures totalActiveInfrastructure @include(if: $b) }
    }"""
    engine = QueryEngine()
    answers = [
        json.loads(engine.answer(prepare_query(engine, query, {"p": "p", "b": flag}), snapshot()))
        for flag in (True, False, True)
    ]
    assert [len(answer["getInfraStats"]) for answer in answers] == [2, 1, 2]


@pytest.mark.parametrize(
    "later",
    [
        snapshot(content(experiments=[]), version=2),
        snapshot(content(experiments=[]), project=project(instance="other")),
        snapshot(content(experiments=[]), project=project("project-other")),
    ],
)
def test_answer_belongs_to_one_version_of_one_project(later: Any) -> None:
    engine = QueryEngine()
    request = prepare_query(engine, EXPERIMENTS)
    engine.answer(request, snapshot())

    assert json.loads(engine.answer(request, later)) == {"listExperiment": {"experiments": []}}


def test_new_freshness_touches_no_cached_byte() -> None:
    engine = QueryEngine()
    request = prepare_query(engine, EXPERIMENTS)
    assert engine.answer(request, snapshot()) is engine.answer(request, snapshot(freshness={}))
    assert (engine.stats.answers_built, engine.stats.answer_hits) == (1, 1)


def test_caches_stay_within_their_bytes() -> None:
    engine = QueryEngine(plan_cache_bytes=2_000_000, answer_cache_bytes=100_000)
    for number in range(300):
        request = prepare_query(engine, EXPERIMENTS, {"projectID": f"p-{number}", "request": {}})
        engine.answer(request, snapshot(version=number + 1))
        assert engine.cached_bytes <= 2_100_000
    assert engine.cached_bytes > 0


def test_answer_larger_than_the_cache_is_served_all_the_same() -> None:
    engine = QueryEngine(answer_cache_bytes=100)
    request = prepare_query(engine, EXPERIMENTS)
    assert engine.answer(request, snapshot()) == engine.answer(request, snapshot())
    assert engine.stats.answers_built == 2


def test_mutation_of_the_plugin_is_understood() -> None:
    variables = {"projectID": PROJECT_ID, "experimentID": "e-1", "request": {}}
    mutation = prepare_mutation(QueryEngine(), RUN, variables)

    assert (mutation.project_id, mutation.field) == (PROJECT_ID, "runChaosExperiment")
    assert mutation.arguments == {"projectID": PROJECT_ID, "experimentID": "e-1"}
    assert mutation.data("n-1") == b'{"runChaosExperiment":{"notifyID":"n-1"}}'


def test_result_of_a_mutation_is_shaped_by_its_selection() -> None:
    query = """mutation {
      kind: __typename
      go: runChaosExperiment(projectID: "p", experimentID: "e") { id: notifyID __typename }
    }"""
    assert prepare_mutation(QueryEngine(), query).data("n") == (
        b'{"kind":"Mutation","go":{"id":"n","__typename":"RunChaosExperimentResponse"}}'
    )


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        (
            'mutation { done: stopExperimentRuns(projectID: "p", experimentID: "e", experimentRunID: null) }',
            {"projectID": "p", "experimentID": "e", "experimentRunID": None},
        ),
        (
            'mutation { done: updateCronExperimentState(projectID: "p", experimentID: "e", disable: true) }',
            {"projectID": "p", "experimentID": "e", "disable": True},
        ),
    ],
)
def test_switches_answer_with_a_boolean(query: str, arguments: dict[str, Any]) -> None:
    mutation = prepare_mutation(QueryEngine(), query)
    assert mutation.arguments == arguments
    assert mutation.data(result=True) == b'{"done":true}'


def test_limits_leave_the_plugin_room() -> None:
    """A tenth of every limit is enough for the longest document of the plugin."""
    limits = Limits(body_bytes=25_600, document_characters=2_000, tokens=60, fields=25, depth=6)
    assert prepare_query(QueryEngine(limits=limits), EXPERIMENTS).sections == {Section.EXPERIMENTS}
