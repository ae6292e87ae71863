"""What the catalog says of Litmus projects, as plain immutable values."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec

from sidecar.domain.model import ProjectRef

PROJECT_ANNOTATION: Final = "litmuschaos.io/project-id"
INSTANCE_ANNOTATION: Final = "litmuschaos.io/instance"


class Entity(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A catalog entity that names a Litmus project."""

    ref: str
    """Full, lower-case reference, ``component:default/cart``."""
    project: ProjectRef
    title: str | None = None
    owner: str | None = None
    """Full reference of the owner (relation ``ownedBy``, else ``spec.owner``); ``None`` without one."""
    system: str | None = None
    domain: str | None = None
    experiment_tags: tuple[str, ...] = ()
    """Narrowing by annotation ``litmuschaos.io/experiment-tags``; empty: not narrowed."""
    infra_ids: tuple[str, ...] = ()
    """Narrowing by annotation ``litmuschaos.io/infra-ids``; empty: not narrowed."""

    @cached_property
    def search_text(self) -> str:
        """What the entity is searched by, without regard to case."""
        texts = (
            self.ref,
            self.title,
            self.owner,
            self.system,
            self.domain,
            self.project.project_id,
            self.project.instance,
        )
        return " ".join(text for text in texts if text).casefold()


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """An owner of entities that name, or named, a project."""

    project: ProjectRef
    owner: str
    """Full reference; ``""`` for entities without an owner."""
    first_seen_at: datetime
    """When the catalog was first seen with it, UTC; orders those who name a project."""
    gone_at: datetime | None = None
    """Since when the catalog is without it, UTC; ``None`` while it has it."""


class Catalog(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All entities with a project, as last read."""

    entities: tuple[Entity, ...] = ()
    """Sorted by reference, each reference once."""
    problems: tuple[str, ...] = ()
    """One sentence per document, annotation or source that could not be used."""

    @cached_property
    def by_ref(self) -> Mapping[str, Entity]:
        """The entities by reference."""
        return {entity.ref: entity for entity in self.entities}
