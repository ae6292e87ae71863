"""Forms of the entity page, one for each kind of action: through the one door, then back to the page."""

from urllib.parse import urlencode

from aiohttp import web

from sidecar.domain.action import ActionKind
from sidecar.http.api.action_requests import request_from_form
from sidecar.http.api.actions import act
from sidecar.http.gate.visible_entities import find_entity
from sidecar.http.pages.embedding import same_embedding
from sidecar.http.pages.filters import entity_path
from sidecar.http.pages.forms import read_form
from sidecar.http.route import Handler
from sidecar.http.services import SERVICES


def form(kind: ActionKind) -> Handler:
    """Return the handler that does what a form of this kind asks for."""

    async def handler(request: web.Request) -> web.Response:
        return await _act(request, kind)

    return handler


async def _act(request: web.Request, kind: ActionKind) -> web.Response:
    """Do it, and lead to the page that says what became of it.

    A reload repeats the page and not the action, and a second click within the
    window of actions gets the first answer; a key of the form's own would also
    keep people from running the same experiment again on purpose.
    """
    services = request.app[SERVICES]
    fields = await read_form(request)
    entity = await find_entity(request, services)
    action = await act(request, services, request_from_form(kind, entity, request.match_info["id"], fields))
    location = same_embedding(request, f"{entity_path(entity.ref)}?{urlencode({'action': action.id})}")
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "private, no-store"})
