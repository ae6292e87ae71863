"""Whether a route lets its caller through: one rule for all routes.

A route is private unless the table of routes says that it needs no scope; what
is not in the table needs ``admin``.
"""

from aiohttp import web

from sidecar.domain.errors import ForbiddenError
from sidecar.http.gate.authentication import identify
from sidecar.http.gate.caller import CALLER
from sidecar.http.pictures.views import caller_by_share, has_share
from sidecar.http.route import ANY_SCOPE, ROUTES_BY_NAME
from sidecar.http.services import SERVICES


async def authorize(request: web.Request) -> None:
    """Let the request through to its route, or say why not; leaves the caller with the request.

    Raises:
        UnauthenticatedError: Without a credential that holds.
        ForbiddenError: If the caller's scopes do not include the route's.
    """
    services = request.app[SERVICES]
    name = request.match_info.route.name or ""
    route = request.app[ROUTES_BY_NAME].get(name)
    scope = route.scope if route is not None else "admin"
    if scope is None or (name == "metrics" and services.config.metrics.public):
        return
    if has_share(request):
        request[CALLER] = await caller_by_share(request, services)
        return
    caller = await identify(request, services)
    request[CALLER] = caller
    if scope == "admin":
        await caller.claim_admin(services)
    if scope not in caller.principal.scopes and scope != ANY_SCOPE:
        name = caller.principal.name
        raise ForbiddenError(f"Scope '{scope}' is needed here, and {name} does not have it.{caller.advice}")
