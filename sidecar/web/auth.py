"""Who is calling, and whether the route lets them: one rule for all routes.

A route is private unless the table of routes says that it needs no scope; what
is not in the table needs ``admin``.
"""

import ipaddress
from typing import Final

from aiohttp import web

from sidecar.errors import ForbiddenError, UnauthenticatedError
from sidecar.model import Principal
from sidecar.services import Services
from sidecar.web.keys import PRINCIPAL, ROUTES, SERVICES

KEY_HEADER: Final = "X-Litmus-Sidecar-Key"
ALL_SCOPES: Final = frozenset({"read", "run", "metrics", "admin"})

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_FORWARDING_HEADERS: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host")


def identify(request: web.Request, services: Services) -> Principal:
    """Return who is calling.

    Raises:
        UnauthenticatedError: Without a credential that holds.
    """
    if KEY_HEADER in request.headers:
        # Beside a valid key, Authorization is somebody's Backstage token that nothing here verifies.
        return _key(services, request.headers[KEY_HEADER])
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if services.keys:
        if scheme.lower() == "bearer":
            return _key(services, token.strip())
        raise UnauthenticatedError(f"Credential missing: send a key in {KEY_HEADER} or as a Bearer token.")
    if is_own_machine(request):
        return Principal(name="local", scopes=ALL_SCOPES)
    raise UnauthenticatedError("Access is limited to this machine until a key is configured (auth.keys).")


def is_own_machine(request: web.Request) -> bool:
    """Tell whether the caller is on this machine and calls it by a loopback name.

    The Host check keeps out web pages that resolve their own name to
    127.0.0.1; a forwarding header tells of a caller further away.
    """
    try:
        peer = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    name = request.host.lower()
    name = name[: name.index("]") + 1] if name.startswith("[") and "]" in name else name.partition(":")[0]
    return (
        (mapped or peer).is_loopback
        and name in LOOPBACK_NAMES
        and not any(header in request.headers for header in _FORWARDING_HEADERS)
    )


def authorize(request: web.Request) -> None:
    """Let the request through to its route, or say why not; leaves the principal with the request.

    Raises:
        UnauthenticatedError: Without a credential that holds.
        ForbiddenError: If the caller's scopes do not include the route's.
    """
    services = request.app[SERVICES]
    name = request.match_info.route.name or ""
    route = request.app[ROUTES].get(name)
    scope = route.scope if route is not None else "admin"
    if scope is None or (name == "metrics" and services.config.metrics.public):
        return
    principal = identify(request, services)
    if scope not in principal.scopes:
        raise ForbiddenError(f"Scope '{scope}' is needed here, and {principal.name} does not have it.")
    request[PRINCIPAL] = principal


def may_read(request: web.Request) -> bool:
    """Tell whether the caller of a public route may see more than its public part."""
    try:
        return "read" in identify(request, request.app[SERVICES]).scopes
    except UnauthenticatedError:
        return False


def _key(services: Services, secret: str) -> Principal:
    principal = services.keys.match(secret)
    if principal is None:
        raise UnauthenticatedError("Key not accepted: it is none of those in auth.keys.")
    return principal
