"""Files and Backstage as one catalog: what counts, and what is called a conflict."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.catalog import CombinedCatalog
from sidecar.catalog.combined import combined
from sidecar.catalog.entities import projects_by_id
from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Catalogue


class Part:
    """A catalog that a test sets."""

    def __init__(self, *entities: Entity, problems: tuple[str, ...] = ()) -> None:
        self.current = Catalog(entities=entities, problems=problems)

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        return projects_by_id(self.current.entities).get(project_id, ())


def entity(name: str, project_id: str = "p-1", *, instance: str = "default", **changes: Any) -> Entity:
    project = ProjectRef(instance=instance, project_id=project_id)
    return Entity(ref=f"component:default/{name}", project=project, **changes)


def test_entities_of_both_are_there_in_order() -> None:
    catalog: Catalogue = CombinedCatalog(Part(entity("b", "p-2")), Part(entity("a"), entity("c")))
    assert [found.ref[-1] for found in catalog.current.entities] == ["a", "b", "c"]
    assert [len(catalog.projects_with_id(project)) for project in ("p-1", "p-2", "p-3")] == [1, 1, 0]


def test_backstage_counts_and_the_conflict_is_named() -> None:
    files, backstage = Part(entity("cart", owner="group:default/a")), Part(entity("cart", "p-2"))
    catalog = CombinedCatalog(files, backstage)
    assert catalog.current.entities == backstage.current.entities
    assert catalog.current.problems == (
        "component:default/cart has another project, owner in a file than in Backstage, which counts",
    )
    assert catalog.projects_with_id("p-1") == ()


def test_a_difference_that_gives_no_right_is_no_conflict() -> None:
    catalog = CombinedCatalog(
        Part(entity("cart")), Part(entity("cart", title="Cart", domain="domain:default/d"))
    )
    assert catalog.current.problems == ()
    assert catalog.current.entities[0].title == "Cart"


def test_a_part_that_was_read_anew_is_found_here() -> None:
    files, backstage = Part(entity("cart")), Part()
    catalog = CombinedCatalog(files, backstage)
    assert catalog.projects_with_id("p-2") == ()
    backstage.current = Catalog(entities=(entity("cart", "p-2"),))
    assert catalog.projects_with_id("p-2") == (ProjectRef(instance="default", project_id="p-2"),)
    assert catalog.projects_with_id("p-1") == ()


def test_nothing_read_anew_is_the_very_same_catalog() -> None:
    catalog = CombinedCatalog(Part(entity("cart")), Part(entity("orders")))
    assert catalog.current is catalog.current


def test_problems_of_both_are_told_once() -> None:
    catalog = CombinedCatalog(Part(problems=("one", "both")), Part(problems=("both", "two")))
    assert catalog.current.problems == ("one", "both", "two")


some_entities = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.sampled_from(["p-1", "p-2"]), st.sampled_from([None, "group:default/g"])),
)


@given(some_entities, some_entities)
def test_every_entity_is_there_once_and_as_backstage_has_it(
    files: dict[str, tuple[str, str | None]], backstage: dict[str, tuple[str, str | None]]
) -> None:
    parts = [
        Catalog(entities=tuple(entity(name, project, owner=owner) for name, (project, owner) in part.items()))
        for part in (files, backstage)
    ]
    merged = combined(*parts)
    assert {found.ref[-1]: (found.project.project_id, found.owner) for found in merged.entities} == (
        files | backstage
    )
    differing = [name for name in files.keys() & backstage.keys() if files[name] != backstage[name]]
    assert len(merged.problems) == len(differing)
