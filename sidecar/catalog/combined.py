"""Files and Backstage as one catalog.

Backstage counts where both describe an entity: there an owner is resolved and
changed under Backstage's rules, while a file may be a copy from long ago. A
file counts again only while Backstage's catalog does not have the entity.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sidecar.catalog.entities import projects_by_id
from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Catalogue

_RIGHTS: Final = {
    "project": "project",
    "owner": "owner",
    "experiment_tags": "experiment tags",
    "infra_ids": "infrastructures",
}
"""What decides who may do what, and its name; a difference in anything else is no conflict."""


class _Whole(NamedTuple):
    """The two as one, and what it was made of; one value, for it is read in the scrape's thread too."""

    parts: tuple[Catalog, Catalog]
    catalog: Catalog
    by_id: Mapping[str, tuple[ProjectRef, ...]]


class CombinedCatalog:
    """The two as one. Implements ``ports.Catalogue``.

    Follows its parts by itself: who refreshes a part finds the change here.
    """

    def __init__(self, files: Catalogue, backstage: Catalogue) -> None:
        self._files = files
        self._backstage = backstage
        self._last = _whole(Catalog(), Catalog())

    @property
    def current(self) -> Catalog:
        """The entities of both, as last read."""
        return self._read().catalog

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        """Return the projects of that exact id that entities name, one per instance, sorted."""
        return self._read().by_id.get(project_id, ())

    def _read(self) -> _Whole:
        files, backstage = self._files.current, self._backstage.current
        whole = self._last
        if files is not whole.parts[0] or backstage is not whole.parts[1]:
            self._last = whole = _whole(files, backstage)
        return whole


def _whole(files: Catalog, backstage: Catalog) -> _Whole:
    catalog = combined(files, backstage)
    return _Whole((files, backstage), catalog, projects_by_id(catalog.entities))


def combined(files: Catalog, backstage: Catalog) -> Catalog:
    """Return the entities of both; of two with one reference that of Backstage, and what they differ in."""
    entities = {entity.ref: entity for entity in files.entities}
    conflicts: list[str] = []
    for entity in backstage.entities:
        other = entities.get(entity.ref)
        if other is not None and (differing := _differing(other, entity)):
            conflicts.append(
                f"{entity.ref} has another {', '.join(differing)} in a file than in Backstage, which counts"
            )
        entities[entity.ref] = entity
    merged = tuple(entities[ref] for ref in sorted(entities))
    return Catalog(
        entities=merged,
        problems=tuple(dict.fromkeys((*files.problems, *backstage.problems, *conflicts))),
    )


def _differing(one: Entity, other: Entity) -> Sequence[str]:
    return [name for field, name in _RIGHTS.items() if getattr(one, field) != getattr(other, field)]
