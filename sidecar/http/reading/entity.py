"""What handlers of entities read together: the entity, its snapshot, its runs, its window."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.errors import NotReadyError
from sidecar.domain.model import Section, Snapshot
from sidecar.http.gate.visible_entities import find_entity
from sidecar.http.reading.paging import single
from sidecar.http.services import Services
from sidecar.http.shapes.claims import ClaimShape, claim_shape
from sidecar.http.shapes.common import Age, age_of
from sidecar.insight.digest_cache import Digest
from sidecar.insight.links import LitmusLinks
from sidecar.insight.windows import Window, parse_window


class EntityReading(msgspec.Struct, frozen=True, kw_only=True):
    """One look at everything that is known of an entity."""

    entity: Entity
    snapshot: Snapshot | None
    digest: Digest
    links: LitmusLinks
    claim: ClaimShape
    age: Age
    now: datetime

    @property
    def version(self) -> tuple[object, ...]:
        """What an answer made from this look depends on, parameters and time aside."""
        freshness = self.snapshot.freshness if self.snapshot else {}
        return (
            self.entity,
            self.snapshot.version if self.snapshot else 0,
            tuple((section, one.attempted_at, one.error) for section, one in sorted(freshness.items())),
            self.digest.state,
            self.claim,
            # Staleness can begin by time alone.
            self.age.stale,
        )


async def read_entity(
    request: web.Request, services: Services, sections: Collection[Section]
) -> EntityReading:
    """Return what is known of the entity that the path names.

    The first reader of a new project waits for its first synchronisation; one
    that takes too long, or failed, is answered with what there is.

    Raises:
        NotFoundError: If no such entity names a project.
    """
    entity = await find_entity(request, services)
    try:
        snapshot: Snapshot | None = await services.sync.ensure(entity.project, sections)
    except NotReadyError:
        snapshot = services.snapshots.get(entity.project)
    now = services.clock()
    return EntityReading(
        entity=entity,
        snapshot=snapshot,
        digest=await services.digests.of(entity.project),
        links=services.links(entity.project),
        claim=claim_shape(services.claims, entity.project),
        age=age_of(snapshot, sections, services.intervals, now),
        now=now,
    )


def read_window(request: web.Request, now: datetime) -> Window:
    """Return the window that the query names.

    Raises:
        BadRequestError: Names the parameter.
    """
    return parse_window(
        now=now,
        window=single(request, "window"),
        since=single(request, "since"),
        until=single(request, "until"),
        tz=single(request, "tz"),
    )
