"""JSON of entities: their list; and what every answer about one reads."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.errors import BadRequestError
from sidecar.domain.freshness import as_of
from sidecar.domain.model import Content, Section
from sidecar.http.answers.cache import (
    conditional_response,
    encode_answer,
)
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.visible_entities import visible_entities
from sidecar.http.reading.entity import EntityReading
from sidecar.http.reading.paging import page, single
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.actions import AllowedShape
from sidecar.http.shapes.content import ContentShape, content_shape
from sidecar.http.shapes.entities import EntityListShape, EntityShape, entity_shape
from sidecar.http.shapes.overview import OverviewShape, overview_shape
from sidecar.insight.narrowing import covered_ids
from sidecar.insight.next_change import earliest
from sidecar.insight.running import running_runs
from sidecar.insight.schedules import next_schedule_change
from sidecar.insight.windows import Window
from sidecar.runtime.turns import Work

LATEST_RUNS = 10


async def entities(request: web.Request) -> web.Response:
    """List the entities that name a Litmus project."""
    services = request.app[SERVICES]
    now = services.clock()
    wanted = await read_entities(request, services)
    chosen, following = page(request, wanted, lambda entity: entity.ref)
    rows, age = await services.turns.run(object(), _entity_rows(services, chosen, now))
    shape = EntityListShape(entities=rows, next_cursor=following)
    return conditional_response(request, await encode_answer(services.turns, shape, as_of=age))


def _entity_rows(
    services: Services, entities: Sequence[Entity], now: datetime
) -> Work[tuple[list[EntityShape], datetime | None]]:
    """Return what the list says of the entities, and the oldest last success among their data."""
    rows, ages = [], []
    for entity in entities:
        snapshot = services.snapshots.get(entity.project)
        intervals = services.intervals(entity.project)
        rows.append(entity_shape(entity, snapshot, intervals, now))
        if snapshot and (age := as_of(snapshot, tuple(Section), intervals, now)):
            ages.append(age)
        yield
    return rows, min(ages, default=None)


async def read_overview(services: Services, reading: EntityReading, window: Window) -> OverviewShape:
    """Return the overview of an entity, for every answer that shows it."""
    latest = await services.digests.latest(
        reading.entity.project,
        reading.digest,
        experiment_ids=covered_experiments(reading),
        at_most=LATEST_RUNS,
    )
    return await services.turns.aside(
        overview_shape,
        entity=reading.entity,
        snapshot=reading.snapshot,
        digest=reading.digest,
        latest=list(latest),
        window=window,
        links=reading.links,
        claim=reading.claim,
        age=reading.age,
    )


async def read_content(
    services: Services,
    reading: EntityReading,
    allowed_actions: dict[str, AllowedShape] | msgspec.UnsetType = msgspec.UNSET,
) -> ContentShape:
    """Return the content of an entity, for every answer that shows it; see :func:`content_shape`."""
    return await services.turns.aside(
        content_shape,
        entity=reading.entity,
        snapshot=reading.snapshot,
        digest=reading.digest,
        links=reading.links,
        litmus_version=reading.litmus_version,
        claim=reading.claim,
        age=reading.age,
        now=reading.now,
        allowed_actions=allowed_actions,
    )


def covered_experiments(reading: EntityReading) -> Collection[str] | None:
    """Return the experiments that an entity is narrowed to; ``None``: its whole project."""
    return covered_ids([reading.entity], reading.digest.runs.experiments)


async def read_entities(request: web.Request, services: Services) -> list[Entity]:
    """Return the entities that the caller sees, of the owner that the query names, by reference.

    Raises:
        BadRequestError: If it asks for the caller's own, and the caller is no person.
    """
    caller = request[CALLER]
    owner = single(request, "owner")
    owners: frozenset[str] | None = None if owner is None else frozenset({owner.lower()})
    if owner == "me":
        if not caller.is_person:
            raise BadRequestError(
                f"Parameter 'owner' can be 'me' only for a signed-in person.{caller.advice}",
                parameter="owner",
            )
        owners = await caller.owns(services)
    # All are asked about, so that an owner of hidden entities alone takes no longer than one of none.
    seen = await visible_entities(request, services)
    return [one for one in seen if owners is None or one.owner in owners]


def content_changes(reading: EntityReading) -> datetime | None:
    """Return when a schedule falls due or a run becomes stuck."""
    known = reading.snapshot.content if reading.snapshot else Content()
    running = running_runs(known, reading.digest.runs, reading.now)
    return earliest(
        reading.now,
        [
            *(next_schedule_change(schedule, reading.now) for schedule in known.schedules or ()),
            *(run.stuck_at for run in running),
        ],
    )
