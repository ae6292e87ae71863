"""The list of entities."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.freshness import as_of, is_stale
from sidecar.domain.model import Lane, Section, Snapshot
from sidecar.http.answers.times import rfc3339


class EntityShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An entity, its project, and how fresh the project's data is."""

    entity_ref: str
    title: str | None
    owner: str | None
    system: str | None
    domain: str | None
    project_id: str = msgspec.field(name="projectID")
    instance: str
    as_of: str | None
    """Oldest last success among the project's sections; ``null`` before the first."""
    stale: bool
    """Whether a section's last attempt failed, or is overdue; true before its experiments were read."""


class EntityListShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Entities that name a Litmus project, by reference."""

    entities: list[EntityShape]
    next_cursor: str | None


def entity_shape(
    entity: Entity, snapshot: Snapshot | None, intervals: Mapping[Lane, timedelta], now: datetime
) -> EntityShape:
    """Return what the list of entities says of one."""
    sections = tuple(Section)
    return EntityShape(
        entity_ref=entity.ref,
        title=entity.title,
        owner=entity.owner,
        system=entity.system,
        domain=entity.domain,
        project_id=entity.project.project_id,
        instance=entity.project.instance,
        as_of=rfc3339(as_of(snapshot, sections, intervals, now)) if snapshot else None,
        stale=snapshot is None or is_stale(snapshot, sections, intervals, now),
    )
