"""From catalog documents to entities; bad documents are named and left out."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.catalog import Document, catalog_of
from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.model import ProjectRef

PROJECT = "litmuschaos.io/project-id"


def document(
    name: object = "cart", *, kind: object = "Component", source: str = "a.yaml", **parts: object
) -> Document:
    """Return a document that names a project; ``parts`` replace or add what is given."""
    metadata = {"name": name, "annotations": {PROJECT: "p-1"}, **_dict(parts.pop("metadata", {}))}
    return Document(source, {"kind": kind, "metadata": metadata, **parts})


def _dict(value: object) -> dict[object, object]:
    assert isinstance(value, dict)
    return value


def annotated(**annotations: object) -> Document:
    names = {f"litmuschaos.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return document(metadata={"annotations": {PROJECT: "p-1", **names}})


def read(*documents: Document) -> Catalog:
    return catalog_of(documents, ["first", "second"])


def only(*documents: Document) -> Entity:
    catalog = read(*documents)
    assert catalog.problems == ()
    (entity,) = catalog.entities
    return entity


def test_an_entity_is_known_by_its_lower_case_reference() -> None:
    entity = only(document("Cart", kind="API", metadata={"namespace": "Shop"}))
    assert entity.ref == "api:shop/cart"


def test_the_first_instance_is_meant_without_an_annotation() -> None:
    assert only(document()).project == ProjectRef(instance="first", project_id="p-1")


def test_an_entity_may_name_its_instance() -> None:
    assert only(annotated(instance=" second ")).project.instance == "second"


def test_a_project_id_is_trimmed_and_keeps_its_case() -> None:
    assert only(annotated(project_id=" P-1\n")).project.project_id == "P-1"


def test_entities_without_the_annotation_are_no_problem_and_not_there() -> None:
    assert read(
        document(metadata={"annotations": {"a": 1}}), document("b", metadata={"annotations": None})
    ) == (Catalog())


def test_entities_are_sorted_by_reference() -> None:
    assert [e.ref for e in read(document("b"), document("a")).entities] == [
        "component:default/a",
        "component:default/b",
    ]


@pytest.mark.parametrize(
    ("owner", "ref"),
    [
        ("Team-A", "group:shop/team-a"),
        ("user:alice", "user:shop/alice"),
        ("other/team-a", "group:other/team-a"),
        ("group:default/team-a", "group:default/team-a"),
    ],
)
def test_an_owner_is_a_group_of_the_namespace_unless_it_says_otherwise(owner: str, ref: str) -> None:
    assert only(document(metadata={"namespace": "shop"}, spec={"owner": owner})).owner == ref


def test_the_relation_goes_before_the_text_of_the_owner() -> None:
    relations = [{"type": "ownedBy", "targetRef": "group:default/real"}]
    assert only(document(spec={"owner": "written"}, relations=relations)).owner == "group:default/real"


def test_a_part_of_something_else_than_a_system_keeps_its_written_system() -> None:
    relations = [{"type": "partOf", "targetRef": "component:default/parent"}]
    assert only(document(spec={"system": "shop"}, relations=relations)).system == "system:default/shop"


def test_the_domain_comes_from_a_system_that_names_no_project() -> None:
    system = document("shop", kind="System", metadata={"annotations": {}}, spec={"domain": "commerce"})
    assert only(document(spec={"system": "shop"}), system).domain == "domain:default/commerce"


def test_a_system_has_its_own_domain() -> None:
    assert only(document(kind="System", spec={"domain": "commerce"})).domain == "domain:default/commerce"


def test_an_owner_that_is_no_reference_is_named_and_costs_only_itself() -> None:
    catalog = read(document(spec={"owner": ["a"]}))
    assert catalog.problems == ("a.yaml: component:default/cart: spec.owner is not a reference to an entity",)
    assert [entity.owner for entity in catalog.entities] == [None]


def test_narrowing_annotations_are_lists_with_commas() -> None:
    entity = only(annotated(experiment_tags="a, b,,a", infra_ids="i-1"))
    assert (entity.experiment_tags, entity.infra_ids) == (("a", "b"), ("i-1",))


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        ({"project_id": 7}, "the annotation litmuschaos.io/project-id must be text; put it in quotes"),
        ({"project_id": None}, "the annotation litmuschaos.io/project-id must be text; put it in quotes"),
        ({"project_id": " "}, "the annotation litmuschaos.io/project-id is empty"),
        (
            {"project_id": "a\x00b"},
            "the annotation litmuschaos.io/project-id has characters that cannot be printed",
        ),
        (
            {"project_id": "a" * 254},
            "the annotation litmuschaos.io/project-id is longer than 253 characters",
        ),
        (
            {"instance": "third"},
            "the annotation litmuschaos.io/instance names none of the instances (first, second)",
        ),
        ({"infra_ids": ", ,"}, "the annotation litmuschaos.io/infra-ids is empty"),
    ],
)
def test_an_annotation_that_cannot_be_used_leaves_its_entity_out(
    annotations: dict[str, object], why: str
) -> None:
    catalog = read(annotated(**annotations), document("bystander"))
    assert catalog.problems == (f"a.yaml: component:default/cart: {why}; the entity is left out",)
    assert [entity.ref for entity in catalog.entities] == ["component:default/bystander"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("text", "is no entity: it must be a mapping"),
        ({"kind": "Component"}, "is no entity: metadata must be a mapping"),
        ({"metadata": {"name": "a"}}, "is no entity: kind is missing"),
        ({"kind": "Component", "metadata": {}}, "is no entity: metadata.name is missing"),
        (
            {"kind": "Component", "metadata": {"name": "a/b"}},
            "is no entity: metadata.name is not what Backstage allows there",
        ),
        (
            {"kind": "Component", "metadata": {"name": "a", "namespace": 1}},
            "is no entity: metadata.namespace is not what Backstage allows there",
        ),
    ],
)
def test_a_document_that_is_no_entity_is_named(content: object, why: str) -> None:
    assert read(Document("a.yaml, document 2", content)).problems == (f"a.yaml, document 2: {why}",)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"metadata": {"$yaml": "./m.yaml"}}, "metadata"),
        ({"metadata": {"name": {"$text": "./n"}}}, "metadata.name"),
        ({"metadata": {"name": "a", "annotations": {"$json": "./a.json"}}}, "metadata.annotations"),
        (
            {"metadata": {"name": "a", "annotations": {"litmuschaos.io/project-id": {"$text": "./id"}}}},
            "the annotation litmuschaos.io/project-id",
        ),
        ({"spec": {"owner": {"$text": "./owner"}}}, "spec.owner"),
        ({"spec": {"$yaml": "./spec.yaml"}}, "spec"),
    ],
)
def test_a_placeholder_is_named_with_what_helps(changes: dict[str, object], what: str) -> None:
    annotations = {"litmuschaos.io/project-id": "p-1"}
    document = {"kind": "Component", "metadata": {"name": "a", "annotations": annotations}, **changes}
    (problem,) = catalog_of([Document("f", document)], ["default"]).problems
    assert f"{what} is the placeholder $" in problem
    assert "write the value itself, or read the catalog of Backstage" in problem


def test_a_placeholder_where_nothing_is_read_is_no_problem() -> None:
    document = {"kind": "API", "metadata": {"name": "a"}, "spec": {"definition": {"$text": "./api.yaml"}}}
    assert catalog_of([Document("f", document)], ["default"]) == Catalog()


def test_of_two_descriptions_the_first_counts_and_both_are_named() -> None:
    catalog = read(
        document(source="a.yaml", metadata={"title": "First"}),
        document("CART", source="b.yaml", metadata={"title": "Second"}),
    )
    assert [entity.title for entity in catalog.entities] == ["First"]
    assert catalog.problems == (
        "b.yaml: component:default/cart is already described in a.yaml; that one counts",
    )


WORDS = [
    "kind", "metadata", "name", "namespace", "title", "annotations", "spec", "owner", "system", "domain",
    "relations", "type", "targetRef", "ownedBy", "partOf", PROJECT, "litmuschaos.io/instance",
    "litmuschaos.io/experiment-tags", "System", "first", "a", "A/b", "group:x", "\ud800", "", "\x00",
]  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.integers(), inner, max_size=5)
    ),
    max_leaves=12,
)
likely = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["Component", "System"]),
        "metadata": st.fixed_dictionaries(
            {
                "name": st.sampled_from(["a", "B", "c"]),
                "annotations": st.fixed_dictionaries({PROJECT: values}) | values,
            },
            optional={"title": values, "namespace": values},
        ),
    },
    optional={"spec": st.dictionaries(st.sampled_from(WORDS), values) | values, "relations": values},
)


@given(st.lists(values | likely, max_size=5))
def test_no_document_raises_and_what_is_read_can_be_served(contents: list[object]) -> None:
    catalog = read(*(Document(f"document {i}", content) for i, content in enumerate(contents)))
    refs = [entity.ref for entity in catalog.entities]
    assert refs == sorted({ref.lower() for ref in refs})
    assert msgspec.json.decode(msgspec.json.encode(catalog), type=Catalog) == catalog
