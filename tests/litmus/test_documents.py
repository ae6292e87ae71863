"""Our GraphQL texts are valid for every Litmus 3 and select nothing that must stay there."""

import pytest
from graphql import FieldNode, GraphQLSchema, Visitor, build_client_schema, parse, validate, visit

from sidecar.litmus.wire.documents import MANIFESTS, MUTATIONS, READ_QUERIES, RUN_EXPERIMENT, Query, document
from tests.litmus.support import shared_json

FORBIDDEN = {
    "token",
    "password",
    "sshPrivateKey",
    "sshPublicKey",
    "userName",
    "executionData",
    "experimentManifest",
    "email",
}


def schema(release: str) -> GraphQLSchema:
    content = shared_json(f"litmus-{release}-introspection.json")
    return build_client_schema(content.get("data", content))


def selected(text: str) -> set[str]:
    names: set[str] = set()

    class Collect(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            names.add(node.name.value)

    visit(parse(text), Collect())
    return names


@pytest.mark.parametrize("release", ["3.31", "3.0.0"])
@pytest.mark.parametrize("query", [*READ_QUERIES, MANIFESTS, RUN_EXPERIMENT], ids=lambda query: query.field)
def test_a_document_is_valid_in_the_oldest_and_newest_release(release: str, query: Query[object]) -> None:
    assert validate(schema(release), parse(document([query]))) == []


@pytest.mark.parametrize("query", MUTATIONS.values(), ids=lambda query: query.field)
def test_a_mutation_is_valid_in_the_newest_release(query: Query[object]) -> None:
    assert validate(schema("3.31"), parse(document([query]))) == []


@pytest.mark.parametrize("release", ["3.31", "3.0.0"])
def test_all_read_queries_together_are_one_valid_document(release: str) -> None:
    assert validate(schema(release), parse(document(READ_QUERIES))) == []


@pytest.mark.parametrize("query", [*READ_QUERIES, *MUTATIONS.values()], ids=lambda query: query.field)
def test_no_document_selects_a_secret_or_a_manifest(query: Query[object]) -> None:
    names = selected(document([query]))

    assert query.field in names
    assert not names & FORBIDDEN


def test_manifests_alone_are_asked_for_by_one_document_and_nothing_else_that_is_forbidden() -> None:
    assert selected(document([MANIFESTS])) & FORBIDDEN == {"experimentManifest"}


@pytest.mark.parametrize("query", MUTATIONS.values(), ids=lambda query: query.field)
def test_mutations_are_sent_as_mutations(query: Query[object]) -> None:
    assert document([query]).startswith("mutation ")
