"""What of the catalog a caller sees: the one place where the caller and the catalog meet.

Whoever turns a path, a query or an action of a request into entities does it
here. A hidden entity is one that does not exist, found out in the same way.
"""

import re
from collections.abc import Collection
from typing import Final

from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.errors import NotFoundError
from sidecar.domain.model import ProjectRef
from sidecar.http.gate.caller import (
    CALLER,
    Caller,
)
from sidecar.http.services import Services

Subject = tuple[str | None, ProjectRef]
"""What an action was asked for: an entity, by reference, or (``None``) a project alone."""

_REF: Final = re.compile(r"[a-z0-9]{1,63}:[a-z0-9-]{1,63}/[a-z0-9._-]{1,63}")


async def visible_entities(request: web.Request, services: Services) -> list[Entity]:
    """Return all entities that the caller sees, in the catalog's order."""
    entities = services.catalogue.current.entities
    seen = await request[CALLER].sees(services, entities)
    return [one for one in entities if one.ref in seen]


async def find_entity(request: web.Request, services: Services) -> Entity:
    """Return the entity that the path names; case does not matter, as in Backstage.

    Raises:
        NotFoundError: If there is none with a Litmus project, or none that the caller sees.
    """
    ref, caller = path_ref(request), request[CALLER]
    # Asked before it is looked for, so that a hidden one takes no longer than one that is none.
    may_be_seen = _REF.fullmatch(ref) is not None and await caller.may_see(services, ref)
    entity = services.catalogue.current.by_ref.get(ref)
    if entity is None or not may_be_seen or not caller.may_read(entity.project):
        raise NotFoundError("No such entity, or it names no Litmus project (litmuschaos.io/project-id).")
    return entity


def path_ref(request: web.Request) -> str:
    """Return the reference that the path names, whether or not there is such an entity."""
    parts = request.match_info
    return f"{parts['kind']}:{parts['namespace']}/{parts['name']}".lower()


async def hidden_refs(caller: Caller, services: Services, project: ProjectRef) -> frozenset[str]:
    """Return the references of the project's entities that the caller does not see."""
    if caller.sees_all(services):
        return frozenset()
    naming = [one for one in services.catalogue.current.entities if one.project == project]
    return frozenset(one.ref for one in naming) - await caller.sees(services, naming)


async def visible_subjects(
    caller: Caller, services: Services, subjects: Collection[Subject]
) -> frozenset[Subject]:
    """Return those of the subjects that the caller may read of.

    A project alone is seen by whoever sees an entity that names it. An entity
    that is not in the catalog any more is seen if Backstage still shows it.
    """
    if caller.sees_all(services):
        return frozenset(subjects)
    named = {ref for ref, _ in subjects if ref is not None}
    alone = {project for ref, project in subjects if ref is None}
    naming = [one for one in services.catalogue.current.entities if one.project in alone]
    seen = await caller.sees_refs(services, named | {one.ref for one in naming})
    readable = {one.project for one in naming if one.ref in seen}
    return frozenset(
        (ref, project)
        for ref, project in subjects
        if caller.may_read(project) and (ref in seen if ref is not None else project in readable)
    )
