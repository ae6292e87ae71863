"""The JSON API under ``/api/v1``."""

import msgspec
from aiohttp import web

from sidecar.errors import BadRequestError
from sidecar.model import Section
from sidecar.snapshots import as_of
from sidecar.web.answers import json_answer
from sidecar.web.keys import SERVICES
from sidecar.web.paging import page, single
from sidecar.web.shapes import entity_shape


async def entities(request: web.Request) -> web.Response:
    """List the entities that name a Litmus project."""
    services = request.app[SERVICES]
    owner = single(request, "owner")
    if owner == "me":
        raise BadRequestError("Parameter 'owner' can be 'me' only for a signed-in person.", parameter="owner")
    now = services.clock()
    wanted = [
        entity
        for entity in services.catalogue.current.entities
        if owner is None or entity.owner == owner.lower()
    ]
    chosen, following = page(request, wanted, lambda entity: entity.ref)
    snapshots = [services.snapshots.get(entity.project) for entity in chosen]
    rows = [
        entity_shape(entity, snapshot, services.intervals, now)
        for entity, snapshot in zip(chosen, snapshots, strict=True)
    ]
    ages = [age for snapshot in snapshots if snapshot and (age := as_of(snapshot, tuple(Section)))]
    body = msgspec.json.encode({"entities": rows, "nextCursor": following})
    return json_answer(request, body, min(ages, default=None))
