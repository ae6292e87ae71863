"""The served schema, read from the package once.

What is not in ``schema.graphql`` cannot be asked for. Nothing here executes a
query: the plans of ``plan.py`` do.
"""

from functools import cache
from importlib.resources import files

from graphql import GraphQLObjectType, GraphQLSchema, build_schema


def load_sdl() -> str:
    """Return the text of the served schema."""
    return files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")


@cache
def served_schema() -> GraphQLSchema:
    """Return the served schema, built once per process."""
    return build_schema(load_sdl())


def query_type() -> GraphQLObjectType:
    """Return the type of the query root."""
    root = served_schema().query_type
    assert root is not None, "schema.graphql has a Query"  # noqa: S101  (tells mypy what the file says)
    return root


def mutation_type() -> GraphQLObjectType:
    """Return the type of the mutation root."""
    root = served_schema().mutation_type
    assert root is not None, "schema.graphql has a Mutation"  # noqa: S101  (as above)
    return root
