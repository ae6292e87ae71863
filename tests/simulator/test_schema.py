"""The schema is Litmus's own, as far as it goes."""

import json
from importlib import resources
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
    build_schema,
)

from sidecar.simulator import mutations, queries

INTROSPECTION = Path(__file__).parents[2] / "../shared/litmus/litmus-3.31-introspection.json"


def ours() -> GraphQLSchema:
    return build_schema(resources.files("sidecar.simulator").joinpath("schema.graphql").read_text("utf-8"))


def shape(named: Any) -> Any:
    """A type as plain values: its fields with types, and arguments with types and defaults."""
    if isinstance(named, GraphQLEnumType):
        return set(named.values)
    if isinstance(named, GraphQLInputObjectType):
        return {name: (str(field.type), field.default_value) for name, field in named.fields.items()}
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        return {
            name: (str(field.type), {key: str(argument.type) for key, argument in field.args.items()})
            for name, field in named.fields.items()
        }
    return type(named).__name__


def test_every_type_equals_the_one_of_litmus() -> None:
    if not INTROSPECTION.exists():
        pytest.skip("needs the recorded introspection beside the repository")
    recorded = json.loads(INTROSPECTION.read_text("utf-8"))
    theirs = build_client_schema(recorded.get("data", recorded))
    for name, named in ours().type_map.items():
        if name not in {"Query", "Mutation"} and not name.startswith("__"):
            assert shape(named) == shape(theirs.type_map[name]), name


@pytest.mark.parametrize("root", ["Query", "Mutation"])
def test_every_root_field_equals_the_one_of_litmus(root: str) -> None:
    if not INTROSPECTION.exists():
        pytest.skip("needs the recorded introspection beside the repository")
    recorded = json.loads(INTROSPECTION.read_text("utf-8"))
    theirs = shape(build_client_schema(recorded.get("data", recorded)).type_map[root])
    mine = shape(ours().type_map[root])
    assert mine == {name: theirs[name] for name in mine}


def test_every_root_field_has_a_resolver() -> None:
    schema = ours()
    assert schema.query_type
    assert schema.mutation_type
    assert set(schema.query_type.fields) == set(queries.RESOLVERS)
    assert set(schema.mutation_type.fields) == set(mutations.RESOLVERS)
