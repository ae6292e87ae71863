"""Who is calling, one rule for all routes.

It is in contract words in ``docs/explanation/people.md``: a key, a person of Backstage, both (then the person
decides), a person behind an authenticating proxy, on the pages a person signed
in with Litmus, or, while nothing of this is configured, this machine.
"""

from typing import Final

from aiohttp import web

from sidecar.actions.policy import SET_BACKSTAGE
from sidecar.config.access import KEY_HEADER
from sidecar.domain.errors import UnauthenticatedError
from sidecar.domain.model import Principal
from sidecar.http.gate.caller import Caller, caller_of_session
from sidecar.http.gate.origins import is_own_machine
from sidecar.http.gate.session_cookie import is_under_pages, session_secret
from sidecar.http.services import SERVICES, Services
from sidecar.identity.people import Person
from sidecar.identity.proxy import person_behind_proxy

ALL_SCOPES: Final = frozenset({"read", "run", "metrics", "admin"})
_DOTS_OF_JWT: Final = 2


async def identify(request: web.Request, services: Services) -> Caller:
    """Return who is calling.

    Raises:
        UnauthenticatedError: Without a credential that holds.
        StoreError: If nobody can tell whether a session holds.
        RightsUnknownError: If Litmus cannot be asked what somebody who signed in with it may do.
    """
    proxied = person_behind_proxy(request.remote, request.headers, services.proxy)
    if proxied is not None:
        return _person(services, proxied, groups=proxied.groups | {proxied.ref}, ambient=True)
    given_key = request.headers.get(KEY_HEADER)
    key = None if given_key is None else _key(services, given_key)
    token = _bearer(request)
    if key is not None and (token is None or services.users is None):
        # Without Backstage configured, Authorization is somebody's token that nothing here verifies.
        return Caller(key, by_key=True, hides_person=_may_be_person(token))
    if token is not None:
        return await _by_token(services, token, beside_key=key is not None)
    # A credential that was sent on purpose decides; a cookie comes along by itself.
    if (signed_in := await _signed_in(request, services)) is not None:
        return signed_in
    if _is_open(services):
        if is_own_machine(request):
            return Caller(Principal(name="local", scopes=ALL_SCOPES), ambient=True)
        raise UnauthenticatedError("Access is limited to this machine until a key is configured (auth.keys).")
    raise UnauthenticatedError(f"Credential missing: send a key in {KEY_HEADER} or a Bearer token.")


async def optional_reader(request: web.Request) -> Caller | None:
    """Return who calls a public route if they may see more than its public part, else ``None``."""
    try:
        caller = await identify(request, request.app[SERVICES])
    except UnauthenticatedError:
        return None
    return caller if "read" in caller.principal.scopes else None


def _is_open(services: Services) -> bool:
    """Tell whether nobody is configured, so that the own machine is served."""
    return (
        not services.keys
        and services.users is None
        and not services.proxy.trusted
        and services.sessions is None
    )


async def _signed_in(request: web.Request, services: Services) -> Caller | None:
    """Return who signed in with Litmus; cookies count on the pages alone, never under ``/api``."""
    if services.sessions is None or not is_under_pages(request):
        return None
    secret = session_secret(request, services)
    person = None if secret is None else await services.sessions.person(secret)
    return None if person is None else caller_of_session(person)


def _bearer(request: web.Request) -> str | None:
    """Return what stands in ``Authorization``; what is no Bearer token is one that holds for nobody."""
    if "Authorization" not in request.headers:
        return None
    scheme, _, token = request.headers["Authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _by_token(services: Services, token: str, *, beside_key: bool) -> Caller:
    if not beside_key and (principal := services.keys.match(token)) is not None:
        return Caller(principal, by_key=True)
    if services.users is None:
        advice = f" {SET_BACKSTAGE}" if _may_be_person(token) else ""
        raise UnauthenticatedError(f"Key not accepted: it is none of those in auth.keys.{advice}")
    return _person(services, await services.users.verify(token), token=token)


def _may_be_person(token: str | None) -> bool:
    """Tell whether it has the form of a person's token: header, claims and signature."""
    return token is not None and token.count(".") == _DOTS_OF_JWT


def _person(
    services: Services,
    person: Person,
    *,
    token: str | None = None,
    groups: frozenset[str] | None = None,
    ambient: bool = False,
) -> Caller:
    is_admin = not services.config.auth.admins.isdisjoint({person.ref} | (groups or frozenset()))
    scopes = frozenset({"read", "admin"}) if is_admin else frozenset({"read"})
    return Caller(Principal(name=person.ref, scopes=scopes), token=token, groups=groups, ambient=ambient)


def _key(services: Services, secret: str) -> Principal:
    principal = services.keys.match(secret)
    if principal is None:
        raise UnauthenticatedError("Key not accepted: it is none of those in auth.keys.")
    return principal
