"""The served schema is a part of Litmus's, and the harmless part."""

import json
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
)

from sidecar.replica import QueryEngine, QueryRequest
from sidecar.replica.projection import FIELDS, ROOT_FIELDS
from sidecar.replica.schema import load_sdl, mutation_type, query_type, served_schema
from tests.support.builders import snapshot

SHARED = Path(__file__).parents[2] / "../shared"
NUMBERS_HERE = {"ChaosHubStatus.totalFaults", "ChaosHubStatus.totalExperiments"}
NOT_YET_IN_3_0_0 = {"Mutation.stopExperimentRuns", "Mutation.updateCronExperimentState"}
CHANGED_IN_3_4_0 = {"EnvironmentFilterInput.type", "EnvironmentFilterInput.tags"}


def shared(name: str) -> Any:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this repository")
    return json.loads(path.read_text())


def members(schema: GraphQLSchema) -> dict[str, str]:
    """Every field, argument, input field and enum value, with its type as text."""
    found: dict[str, str] = {}
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(type_, GraphQLEnumType):
            found |= dict.fromkeys((f"{name}.{value}" for value in type_.values), "value")
        elif isinstance(type_, GraphQLInputObjectType):
            found |= {f"{name}.{field}": str(of.type) for field, of in type_.fields.items()}
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field, of in type_.fields.items():
                found[f"{name}.{field}"] = str(of.type)
                found |= {f"{name}.{field}({key}:)": str(arg.type) for key, arg in of.args.items()}
    return found


@pytest.mark.parametrize(
    ("version", "known"), [("3.31", frozenset()), ("3.0.0", NOT_YET_IN_3_0_0 | CHANGED_IN_3_4_0)]
)
def test_everything_served_exists_in_litmus_with_its_type(version: str, known: frozenset[str]) -> None:
    introspection = shared(f"litmus/litmus-{version}-introspection.json")
    litmus = members(build_client_schema(introspection.get("data", introspection)))
    differing = {
        name
        for name, type_ in members(served_schema()).items()
        if litmus.get(name) != type_ and name.partition("(")[0] not in NUMBERS_HERE | known
    }
    assert differing == set()


def test_no_secret_is_in_the_schema() -> None:
    text = load_sdl().lower()
    for word in (
        "token",
        "password",
        "sshprivatekey",
        "sshpublickey",
        "manifest",
        "executiondata",
        "repourl",
    ):
        assert word not in text


def test_every_field_of_the_schema_is_answered_and_no_other() -> None:
    roots = (query_type().name, mutation_type().name)
    types = {
        name: set(type_.fields)
        for name, type_ in served_schema().type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__") and name not in roots
    }
    assert types == {name: set(fields) for name, fields in FIELDS.items()}
    assert set(query_type().fields) == set(ROOT_FIELDS)


def test_recorded_requests_of_the_plugin_are_answered() -> None:
    recorded = shared("backstage/recorded/ui-operations.json")
    engine = QueryEngine()
    for name, request in recorded.items():
        prepared = engine.prepare(json.dumps(request["body"]).encode())
        if isinstance(prepared, QueryRequest):
            assert set(json.loads(engine.answer(prepared, snapshot()))) == set(prepared.root_fields), name
        else:
            assert json.loads(prepared.data("n")) == {"runChaosExperiment": {"notifyID": "n"}}
