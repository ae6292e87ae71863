"""Each kind of action over REST; what became of an action; the audit."""

from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from sidecar.actions.policy import Caller as ActingCaller
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action, ActionKind, ActionOutcome, AuditEntry
from sidecar.domain.errors import BadRequestError, NotFoundError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import AuditQuery
from sidecar.http.answers.cache import Answer, conditional_response
from sidecar.http.api.action_requests import acting_caller, request_from_body
from sidecar.http.gate.body import read_json_body
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.visible_entities import find_entity, visible_subjects
from sidecar.http.keys import IS_ACTION, REQUEST_ID
from sidecar.http.reading.paging import RowId, decode_cursor, encode_cursor, read_limit, single
from sidecar.http.reading.parameters import read_choice, read_span, read_text
from sidecar.http.route import Handler
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.actions import action_shape, audit_shape, begun_shape

MAX_BODY_BYTES: Final = 4096
_ACCEPTED: Final = 202
_LONGEST_KEY: Final = 255
_SCANS: Final = 10
"""How often the audit is read on for one page, where entries of hidden entities are passed over."""


def begin(kind: ActionKind) -> Handler:
    """Return the handler that does what is asked for of this kind."""

    async def handler(request: web.Request) -> web.Response:
        return await _begin(request, kind)

    return handler


async def action(request: web.Request) -> web.Response:
    """Give an action as far as it is known now."""
    services = request.app[SERVICES]
    acting = await acting_caller(services, request[CALLER], None)
    found = await look(request, services, acting, request.match_info["id"])
    if found is None:
        raise NotFoundError("No such action, or not one of yours.")
    return conditional_response(request, Answer(action_shape(found), as_of=None))


async def audit(request: web.Request) -> web.Response:
    """Give who asked for what, newest first."""
    services = request.app[SERVICES]
    limit = read_limit(request)
    given = partial(single, request)
    project, instance = read_text(given, "projectID"), read_text(given, "instance")
    since, until = read_span(given)
    if project is not None and instance is None:
        instance = services.config.instances[0].name if services.config.instances else ""
    query = AuditQuery(
        who=read_text(given, "who"),
        project=None if project is None else ProjectRef(instance=instance or "", project_id=project),
        kind=read_choice(given, "kind", ActionKind),
        outcome=read_choice(given, "outcome", ActionOutcome),
        since=since,
        until=until,
        before_id=decode_cursor(request, RowId),
        limit=limit + 1,
    )
    shown, last = await _seen_entries(request, services, query)
    following = None if last is None else encode_cursor(last)
    return conditional_response(request, Answer(audit_shape(shown, following), as_of=None))


async def look(
    request: web.Request, services: Services, acting: ActingCaller, action_id: str
) -> Action | None:
    """Return an action that the caller may look at, and whose entity they see; else ``None``."""
    found = await services.actions.get_for(acting, action_id)
    if found is None:
        return None
    subject = (found.entity, found.project)
    return found if await visible_subjects(request[CALLER], services, [subject]) else None


async def act(request: web.Request, services: Services, asked: ActionRequest) -> Action:
    """Do what is asked in the name of the caller; every door ends here.

    Raises:
        SidecarError: If it is refused, or Litmus did not do it.
    """
    caller = request[CALLER]
    request[IS_ACTION] = True
    services.pace.check_action(caller.principal.name)
    return await services.actions.act(
        await acting_caller(services, caller, asked.project),
        asked,
        request_id=request[REQUEST_ID],
        idempotency_key=_idempotency_key(request),
    )


async def _begin(request: web.Request, kind: ActionKind) -> web.Response:
    services = request.app[SERVICES]
    entity = await find_entity(request, services)
    body = await read_json_body(request, MAX_BODY_BYTES)
    begun = await act(request, services, request_from_body(kind, entity, request.match_info["id"], body))
    answer = Answer(begun_shape(begun), as_of=None)
    return web.Response(
        body=answer.body,
        status=_ACCEPTED,
        content_type="application/json",
        headers={"Location": f"/api/v1/actions/{begun.id}", "Cache-Control": "private, no-store"},
    )


async def _seen_entries(
    request: web.Request, services: Services, query: AuditQuery
) -> tuple[list[AuditEntry], int | None]:
    """Return the entries that the caller sees, one fewer than the query's limit, and the last one looked at.

    That is ``None`` at the end. Hidden entries are passed over within bounds, so
    a page may have fewer entries than there are.
    """
    shown: list[AuditEntry] = []
    limit, last = query.limit - 1, query.before_id
    for _ in range(_SCANS):
        found = await services.audit.find(msgspec.structs.replace(query, before_id=last))
        entries = found[:limit]
        seen = await visible_subjects(
            request[CALLER], services, {(one.entity, one.project) for one in entries}
        )
        for entry in entries:
            last = entry.id
            if (entry.entity, entry.project) in seen:
                shown.append(entry)
            if len(shown) == limit:
                return shown, last if entry is not found[-1] else None
        if len(found) <= limit:
            return shown, None
    return shown, last


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise BadRequestError(
            f"Header Idempotency-Key must be 1 to {_LONGEST_KEY} printable ASCII characters.",
            parameter="Idempotency-Key",
        )
    return key
