"""graphql-core's executor is the oracle: whatever is asked of whatever snapshot, plan and executor agree."""

import msgspec
import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    OverlappingFieldsCanBeMergedRule,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.domain.model import Snapshot
from sidecar.replica import Limits, QueryEngine
from sidecar.replica.schema import served_schema
from tests.replica.documents import prepare_query
from tests.replica.oracle import execute
from tests.support.builders import PROJECT_ID
from tests.support.strategies import snapshots

REQUESTS = {
    "listChaosHub": (
        "{}",
        '{filter: {chaosHubName: "a", description: "-"}}',
        '{chaosHubIDs: ["a", "b"]}',
        "$hubs",
    ),
    "listEnvironments": (
        "{}",
        "{pagination: {page: 0, limit: 1}, sort: {field: NAME, ascending: true}}",
        '{filter: {type: PROD, name: "A"}, environmentIDs: "a"}',
        "null",
    ),
    "listExperiment": (
        "{}",
        "{sort: {field: TIME}, pagination: {page: 0, limit: 2}}",
        "{filter: {scheduleType: NON_CRON, infraActive: true}}",
        '{filter: {dateRange: {startDate: "0"}}, experimentIDs: ["a", null, ""]}',
        "$request",
    ),
}
DIRECTIVES = ("", "", "", " @include(if: $yes)", " @skip(if: $no)", " @include(if: $no)", " @skip(if: true)")
VARIABLES = {"p": PROJECT_ID, "yes": True, "no": False, "request": {}, "hubs": None, "undeclared": {"x": [1]}}
DECLARED = {
    "$yes": "$yes: Boolean!",
    "$no": "$no: Boolean = true",
    "$request": "$request: ListExperimentRequest!",
    "$hubs": "$hubs: ListChaosHubRequest",
    "$p": "$p: ID!",
}


class Draft:
    """A document being drawn: fragments collect here while selections are written."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.fragments: list[str] = []

    def selection_set(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int = 0) -> str:
        parts = [self.selection(type_, depth) for _ in range(self.draw(st.integers(1, 4)))]
        return "{ " + " ".join(parts) + " }"

    def selection(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        directive = self.draw(st.sampled_from(DIRECTIVES))
        kind = self.draw(st.sampled_from(("field",) * 6 + ("inline", "typed", "spread", "abstract")))
        if depth < 4 and kind == "inline":
            return f"...{directive} {self.selection_set(type_, depth + 1)}"
        if depth < 4 and kind == "typed":
            return f"... on {type_.name}{directive} {self.selection_set(type_, depth + 1)}"
        if depth < 4 and kind == "abstract" and type_.interfaces:
            abstract = self.draw(st.sampled_from(type_.interfaces))
            return f"... on {abstract.name}{directive} {self.selection_set(abstract, depth + 1)}"
        if depth < 4 and kind == "spread":
            inside = self.selection_set(type_, depth + 1)
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {type_.name} {inside}")
            return f"...{name}{directive} ...{name}"
        return self.field(type_, depth, directive)

    def field(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int, directive: str) -> str:
        name = self.draw(st.sampled_from(("__typename", *type_.fields)))
        if name == "__typename":
            return self.draw(st.sampled_from(("__typename", "t: __typename"))) + directive
        # An alias per name, so that equal keys are always the same field and merge.
        alias = self.draw(st.sampled_from(("", f"a_{name}: ", f"b_{name}: ")))
        arguments = ""
        if type_ is served_schema().query_type:
            chosen = self.draw(st.integers(0, len(REQUESTS.get(name, "x")) - 1))
            alias = f"r{chosen}_{name}: "
            request = f", request: {REQUESTS[name][chosen]}" if name in REQUESTS else ""
            arguments = f"(projectID: $p{request})"
        named = get_named_type(type_.fields[name].type)
        below = ""
        if not is_leaf_type(named):
            assert isinstance(named, GraphQLObjectType)
            below = " " + self.selection_set(named, depth + 1)
        return f"{alias}{name}{arguments}{directive}{below}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    draft = Draft(draw)
    root = served_schema().query_type
    assert root is not None
    inside = draft.selection_set(root) + ""
    text = "{ anchor: getGitOpsDetails(projectID: $p) { __typename } " + inside[1:]
    text = " ".join((text, *draft.fragments))
    declared = ", ".join(definition for name, definition in DECLARED.items() if name in text)
    return f"query Drawn({declared}) {text}"


def can_be_merged(document: str) -> bool:
    """Tell whether fields of one name have one type; an object's and its interface's may differ."""
    return not validate(served_schema(), parse(document), [OverlappingFieldsCanBeMergedRule])


@pytest.mark.service
@settings(max_examples=max(150, settings().max_examples))
@given(document=documents().filter(can_be_merged), snapshot=snapshots)
def test_plan_and_executor_give_the_same_bytes(document: str, snapshot: Snapshot) -> None:
    engine = QueryEngine(limits=Limits(tokens=100_000, fields=100_000, depth=60))
    request = prepare_query(engine, document, VARIABLES)

    answer = engine.answer(request, snapshot)

    result = execute(document, VARIABLES, snapshot)
    assert not result.errors
    assert answer == msgspec.json.encode(result.data)


def test_every_field_of_the_schema_is_drawn_from() -> None:
    """Otherwise the property would say less than it seems to."""
    root = served_schema().query_type
    assert root is not None
    assert set(REQUESTS) == {name for name, field in root.fields.items() if "request" in field.args}
    assert all(isinstance(field.args["projectID"].type, GraphQLNonNull) for field in root.fields.values())
