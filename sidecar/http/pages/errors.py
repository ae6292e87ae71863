"""How an error looks to somebody who opened a page."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from sidecar.domain.errors import BadRequestError, SidecarError
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.session_cookie import delete_session_cookie
from sidecar.http.gate.visible_entities import path_ref
from sidecar.http.keys import REQUEST_ID
from sidecar.http.pages.embedding import EMBED, same_embedding
from sidecar.http.pages.frame import NOBODY, Page, fresh_page, viewer_of
from sidecar.http.route import PAGES
from sidecar.http.services import SERVICES

SIGN_IN: Final = f"{PAGES}/sign-in"
_UNAUTHENTICATED: Final = 401
_NO_PAGES: Final = (".svg", ".csv")
_HEADINGS: Final = {
    400: "That was not understood",
    401: "Who is asking?",
    403: "Not allowed",
    404: "Not found",
    409: "Not as things stand",
    410: "Gone",
    429: "Too many requests",
    500: "Internal error",
    502: "Litmus did not do it",
    503: "Not available now",
}


def is_page(request: web.Request) -> bool:
    """Tell whether people open this path in a browser."""
    path = request.path
    return (path == PAGES or path.startswith(f"{PAGES}/")) and not path.endswith(_NO_PAGES)


async def page_error(request: web.Request, error: SidecarError) -> web.Response:
    """Return the page that tells of an error; who is unknown is sent to the sign-in page, if there is one."""
    services = request.app[SERVICES]
    if (
        error.status == _UNAUTHENTICATED
        and services.config.auth.sign_in.enabled
        and request.method in {"GET", "HEAD"}
    ):
        there = same_embedding(request, f"{SIGN_IN}?{urlencode({'next': request.path_qs})}")
        to_sign_in = web.Response(status=303, headers={"Location": there})
        # Whoever is nobody with a cookie has one of a session that is over.
        delete_session_cookie(request, to_sign_in, services)
        return to_sign_in
    viewer = await viewer_of(request) if CALLER in request and error.status < _INTERNAL else NOBODY
    context = {
        "title": _HEADINGS.get(error.status, "Something went wrong"),
        "sentence": str(error),
        "code": error.code,
        "parameter": error.parameter if isinstance(error, BadRequestError) else None,
        "status": error.status,
        "problems": await _problems(request) if viewer.is_admin else (),
        "request_id": request[REQUEST_ID],
        "back": request.path if set(request.query) - {EMBED.name} else None,
        # Forms of an entity's experiments post to below its page.
        "origin": request.path.partition("/experiments/")[0] if "/experiments/" in request.path else None,
    }
    return await fresh_page(
        request, viewer, Page(template="pages/error.html", context=context), status=error.status
    )


async def _problems(request: web.Request) -> tuple[str, ...]:
    """Return what the catalog says is wrong with the entity that the path names; for administrators."""
    parts = request.match_info
    if not {"kind", "namespace", "name"} <= parts.keys():
        return ()
    ref, services, caller = path_ref(request), request.app[SERVICES], request[CALLER]
    # One that is left out names no project, so nothing says whether somebody of Litmus may know of it.
    if caller.signed_in is not None or not await caller.may_see(services, ref):
        return ()
    # A problem begins with where the entity is described, and the entity.
    return tuple(one for one in services.catalogue.current.problems if f" {ref}: " in one)


_INTERNAL: Final = 500
