"""Signed addresses of an entity's pictures over REST: make, list, revoke; for its owners and admins.

The address leaves only with the answer that makes it, and is not kept anywhere.
"""

from typing import Final

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.errors import BadRequestError, ForbiddenError, NotFoundError
from sidecar.domain.unreadable import UNREADABLE
from sidecar.http.answers.cache import Answer, conditional_response
from sidecar.http.gate.body import read_json_body
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.origins import browser_origin
from sidecar.http.gate.visible_entities import find_entity
from sidecar.http.reading.paging import page_of_ranked
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.shares import ShareBody, ShareListShape, created_share_shape, share_shape
from sidecar.http.sharing import PictureOptions, share_picture

MAX_BODY_BYTES: Final = 4096
_NO_STORE: Final = {"Cache-Control": "no-store"}
_log = structlog.get_logger(__name__)


async def share(request: web.Request) -> web.Response:
    """Sign an address of a picture."""
    services = request.app[SERVICES]
    entity = await _own_entity(request, services)
    asked = _asked(await read_json_body(request, MAX_BODY_BYTES))
    caller = request[CALLER].principal.name
    services.pace.check_action(caller)
    made = await share_picture(
        signing=services.signing,
        shares=services.shares,
        entity_ref=entity.ref,
        picture=asked.picture,
        options=PictureOptions(window=asked.window, tz=asked.tz, label=asked.label),
        days=asked.expires_in_days,
        created_by=caller,
        base_url=services.config.public_url or browser_origin(request, services),
        now=services.clock(),
    )
    _log.info("picture shared", share=made.share.id, entity=entity.ref, picture=asked.picture, caller=caller)
    return web.Response(
        body=msgspec.json.encode(created_share_shape(made)),
        status=201,
        content_type="application/json",
        headers=_NO_STORE,
    )


async def shares(request: web.Request) -> web.Response:
    """List the entity's shares, without addresses."""
    services = request.app[SERVICES]
    entity = await _own_entity(request, services)
    chosen, following = page_of_ranked(request, await services.shares.of(entity.ref))
    now = services.clock()
    rows = [share_shape(one, expired=one.expires_at <= now) for one in chosen]
    return conditional_response(
        request, Answer(ShareListShape(shares=rows, next_cursor=following), as_of=None)
    )


async def revoke(request: web.Request) -> web.Response:
    """Revoke a share for good."""
    services, share_id = request.app[SERVICES], request.match_info["id"]
    entity = await _own_entity(request, services)
    caller = request[CALLER].principal.name
    services.pace.check_action(caller)
    known = await services.shares.get(share_id)
    if known is None or known.entity_ref != entity.ref or not await services.shares.revoke(share_id):
        raise NotFoundError("No such share of this entity; perhaps it is revoked already.")
    _log.info("share revoked", share=share_id, entity=entity.ref, caller=caller)
    return web.Response(status=204, headers=_NO_STORE)


async def _own_entity(request: web.Request, services: Services) -> Entity:
    """Return the entity of the path if its pictures are the caller's to share.

    Raises:
        NotFoundError: If the caller sees no such entity.
        ForbiddenError: If the caller is neither an owner nor an admin.
    """
    entity = await find_entity(request, services)
    caller = request[CALLER]
    await caller.claim_admin(services)
    if "admin" in caller.principal.scopes:
        return entity
    if caller.is_person and entity.owner in await caller.owns(services):
        return entity
    raise ForbiddenError(
        f"Only owners of the entity and admins (scope 'admin') share its pictures.{caller.advice}"
    )


def _asked(body: bytes) -> ShareBody:
    try:
        return msgspec.json.decode(body, type=ShareBody)
    except UNREADABLE as exc:
        raise BadRequestError(
            "Body must be a JSON object with picture (score, trend, runs or badge), expiresInDays (a whole "
            "number) and nothing else but window, tz, label."
        ) from exc
