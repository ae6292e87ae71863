"""What handlers of entities read together: the entity, its snapshot, its runs, its window."""

from collections.abc import Callable, Collection
from datetime import datetime

import msgspec
from aiohttp import web

from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.errors import NotReadyError
from sidecar.domain.freshness import next_judgement
from sidecar.domain.model import Section, Snapshot
from sidecar.http.answers.cache import Answer
from sidecar.http.gate.first_data import ensured
from sidecar.http.gate.visible_entities import find_entity
from sidecar.http.reading.paging import single
from sidecar.http.reuse import REUSE, REUSED_FOR, Reuse
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
    litmus_version: str | None
    catalog: Catalog
    """That the entity was found in."""
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
            tuple(self.age.intervals.values()),
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
    catalog = services.catalogue.current
    entity = await find_entity(request, services)
    try:
        snapshot: Snapshot | None = await ensured(request, entity.project, sections)
    except NotReadyError:
        snapshot = services.snapshots.get(entity.project)
    now = services.clock()
    return EntityReading(
        entity=entity,
        snapshot=snapshot,
        digest=await services.digests.of(entity.project),
        links=services.links(entity.project),
        claim=claim_shape(services.claims, entity.project),
        age=age_of(snapshot, sections, services.intervals(entity.project), now),
        litmus_version=services.litmus_version(entity.project.instance),
        catalog=catalog,
        now=now,
    )


def note_reuse(
    request: web.Request,
    services: Services,
    reading: EntityReading,
    answer: Answer,
    *,
    sections: Collection[Section],
    also: Callable[[], bool] | None = None,
) -> None:
    """Note with the request for how long an answer made from a look at an entity may be given again.

    ``also`` tells whether what else it was made of is still the same; ``None``: it was made of nothing else.
    """
    snapshot, project = reading.snapshot, reading.entity.project
    if snapshot is None or answer.kept_until is None or not services.claims.is_sole(project):
        return
    claim, claims_version = services.claims.of(project), services.claims.version
    if claim_shape(services.claims, project) != reading.claim:
        return

    def holds() -> bool:
        head = services.snapshots.head(project)
        return (
            head is not None
            and head.freshness is snapshot.freshness
            and head.version == snapshot.version
            and services.catalogue.current is reading.catalog
            and services.history.known(project) == reading.digest.state
            and services.intervals(project) == reading.age.intervals
            and services.claims.version == claims_version
            and services.claims.of(project) is claim
            and services.links(project) == reading.links
            and services.litmus_version(project.instance) == reading.litmus_version
            and (also is None or also())
        )

    intervals = reading.age.intervals
    judged = next_judgement(snapshot, sections, intervals, services.config.sync.max_stale, reading.now)
    request[REUSE] = Reuse(
        until=min(answer.kept_until, reading.now + REUSED_FOR, judged or answer.kept_until),
        holds=holds,
        refs=(reading.entity.ref,),
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
