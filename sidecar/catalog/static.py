"""Entities that were read already, as a catalog."""

from collections.abc import Collection

from sidecar.catalog.entities import projects_by_id
from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.model import ProjectRef


class StaticCatalog:
    """Entities that never change. Implements ``ports.Catalogue``."""

    def __init__(self, entities: Collection[Entity]) -> None:
        self.current = Catalog(entities=tuple(sorted(entities, key=lambda entity: entity.ref)))
        self._by_id = projects_by_id(self.current.entities)

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        """Return the projects of that exact id that entities name, one per instance, sorted."""
        return self._by_id.get(project_id, ())
