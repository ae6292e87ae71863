"""``/litmus/sign-in`` and ``/litmus/sign-out``: for people with a Litmus account, for the pages alone.

The form needs no token against forgery: nobody has a session yet that one
could be bound to, and browsers say where a form comes from, so that nobody is
signed in by a foreign page to an account of its choice. Signing in makes a new
session in any case, and ends the one before.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

import structlog
from aiohttp import web

from sidecar.domain.errors import (
    CredentialsRejectedError,
    ForbiddenError,
    InstanceUnknownError,
    NotFoundError,
    RightsUnknownError,
    StoreError,
    UpstreamError,
)
from sidecar.domain.ports import AccountRights, Session
from sidecar.http.gate.caller import (
    CALLER,
    caller_of_session,
)
from sidecar.http.gate.origins import is_own_machine, own_origins
from sidecar.http.gate.session_cookie import (
    cookie_name,
    delete_session_cookie,
    session_secret,
    set_session_cookie,
)
from sidecar.http.keys import OUTCOME
from sidecar.http.pages.errors import SIGN_IN
from sidecar.http.pages.forms import read_fields, read_form
from sidecar.http.pages.frame import NOBODY, Page, fresh_page
from sidecar.http.route import PAGES
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.identity.origins import ORIGIN, refuse_foreign_form
from sidecar.identity.proxy import client_address
from sidecar.identity.sessions import LitmusSessions, SignedIn

LONGEST_FIELD: Final = 256
"""Characters of a user name or password that Litmus is asked about."""
FORM_SECONDS: Final = 2.5
"""A form of nobody we know is not waited for longer; it is short, and sent in one go."""
NOT_SIGNED_IN: Final = (
    "Not signed in: user name and password do not fit, the account is deactivated, or there were too many "
    "attempts. After a few of them, wait a minute."
)
_LOCAL: Final = re.compile(r"/litmus([/?][!-\[\]-~]*)?")
"""A path of the pages in printable ASCII, which has no line breaks, and without backslashes."""
_NOT_AFTER: Final = frozenset({SIGN_IN, f"{PAGES}/sign-out"})
_log = structlog.get_logger(__name__)


def local_path(wanted: str | None) -> str:
    """Return where to go after signing in: a page of ours, whatever is wanted."""
    if wanted is None or not _LOCAL.fullmatch(wanted):
        return PAGES
    path = wanted.partition("#")[0].partition("?")[0]
    # Browsers resolve dots, also encoded ones, and some of them take two slashes for a host.
    segments = unquote(path).split("/")
    if "//" in path or "\\" in unquote(path) or {".", ".."} & set(segments) or path in _NOT_AFTER:
        return PAGES
    return wanted


async def sign_in_page(request: web.Request) -> web.Response:
    """Give the form; who is signed in already is led on."""
    services = request.app[SERVICES]
    sessions = _sessions(services)
    following = local_path(request.query.get("next"))
    secret = session_secret(request, services)
    try:
        person = await sessions.person(secret) if secret is not None else None
    except (StoreError, RightsUnknownError):
        person = None
    if person is not None:
        return _led_to(following)
    # Whoever still has the cookie of a session is not signed out, whatever address they opened.
    said = "You are signed out." if "signed-out" in request.query and secret is None else None
    refusal = None if cookie_name(request, services) is not None else _PLAIN_HTTP
    return await _form(request, {"next": following}, said=said, refusal=refusal)


async def sign_in(request: web.Request) -> web.Response:
    """Sign somebody in; every failure looks the same, in words, status and time.

    Raises:
        ForbiddenError: If the form was not on our page, or comes over plain HTTP.
        StoreError: If no session can be kept.
    """
    services = request.app[SERVICES]
    sessions = _sessions(services)
    refuse_foreign_form(request.headers, own_origins(request, services))
    name = _safe_cookie_name(request, services)
    address = client_address(request.remote, request.headers, services.config.listen.trusted_proxies)
    async with services.sign_in_pace.attempt(address) as attempt:
        fields = await read_fields(request, FORM_SECONDS)
        instance = fields.get("instance") or services.config.instances[0].name
        if instance not in services.tokens:
            raise InstanceUnknownError("No instance of this name is configured.")
        # While nobody can tell, no session begins that would be left without its cookie.
        earlier = await sessions.find(session_secret(request, services) or "")
        begun = services.refusal_pace.now()
        try:
            if not attempt.is_allowed:
                _log.warning("attempts to sign in throttled", instance=instance, client=address)
                raise CredentialsRejectedError("Not asked.")
            secret = await _begun(services, sessions, instance, fields)
        except UpstreamError as exc:
            refused = isinstance(exc, CredentialsRejectedError)
            request[OUTCOME] = exc.code
            if refused:
                # Only the places of this address and of the route are held meanwhile, no turn to ask.
                await services.refusal_pace.wait(begun)
            return await _form(
                request,
                fields,
                refusal=NOT_SIGNED_IN if refused else _LITMUS_AWAY,
                status=_REFUSED if refused else _UNAVAILABLE,
            )
        attempt.was_good = True
    if earlier is not None:
        try:
            await sessions.end(earlier)
        except StoreError as exc:
            # Ended on this replica, and on the others when the store is back; the new one holds.
            _log.warning("earlier session not ended yet", instance=earlier.instance, reason=exc.code)
    response = _led_to(local_path(fields.get("next")))
    set_session_cookie(response, name, secret)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session everywhere and revoke its token; a cookie of no session is just forgotten.

    Raises:
        ForbiddenError: If the form was made for somebody else, or was not on our page.
        StoreError: If the session is not known here and the store is away.
    """
    services = request.app[SERVICES]
    sessions = _sessions(services)
    secret = session_secret(request, services) or ""
    try:
        session = await sessions.find(secret)
    except StoreError:
        session = sessions.remembered(secret)
        if session is None:
            raise
    response = _led_to(f"{SIGN_IN}?signed-out")
    if session is not None:
        request[CALLER] = caller_of_session(_person(session))
        await read_form(request)
        try:
            await sessions.end(session)
        except StoreError as exc:
            _log.warning("signed out without the store", instance=session.instance, reason=exc.code)
            request[OUTCOME] = exc.code
            response = await _form(request, {}, refusal=_STORE_AWAY, status=_UNAVAILABLE)
    delete_session_cookie(request, response, services)
    # What the browser kept of pages would be shown again to whoever goes back.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


_REFUSED: Final = 403
_UNAVAILABLE: Final = 503
_LITMUS_AWAY: Final = "Litmus cannot be asked at the moment, so nobody can sign in. Try again in a minute."
_STORE_AWAY: Final = (
    "You are signed out in this browser and, as far as it answers, at Litmus. The store is away, so "
    "its other replicas hear of it when that is back."
)
_PLAIN_HTTP: Final = (
    "Signing in needs HTTPS: over plain HTTP everybody on the way could read the password. Open the sidecar "
    "by its https address (litmusSidecar.publicUrl), or on its own machine."
)


def _sessions(services: Services) -> LitmusSessions:
    if services.sessions is None:
        raise NotFoundError("Nobody can sign in here: litmusSidecar.auth.signIn is not enabled.")
    return services.sessions


def _safe_cookie_name(request: web.Request, services: Services) -> str:
    """Return the cookie's name, if the password did not come over plain HTTP.

    Raises:
        ForbiddenError: If it did.
    """
    name = cookie_name(request, services)
    # The page's own origin tells the truth also where HTTPS seems to end before us.
    is_plain = request.headers.get(ORIGIN, "").lower().startswith("http://")
    if name is None or (is_plain and not is_own_machine(request)):
        raise ForbiddenError(_PLAIN_HTTP)
    return name


async def _begun(
    services: Services, sessions: LitmusSessions, instance: str, fields: Mapping[str, str]
) -> str:
    """Begin a session; what Litmus need not be asked about is refused as Litmus would.

    Throttled or wrong is not told apart, so that nobody learns which of their guesses were looked at.
    """
    username, password = fields.get("username", "").strip(), fields.get("password", "")
    if not 0 < len(username) <= LONGEST_FIELD or not 0 < len(password) <= LONGEST_FIELD:
        raise CredentialsRejectedError("Not asked.")
    async with services.sign_in_pace.turn(instance, username):
        return await sessions.begin(instance, username, password)


def _person(session: Session) -> SignedIn:
    """Return who ends a session; they need no rights for it, so Litmus is not asked."""
    return SignedIn(
        session_id=session.id,
        instance=session.instance,
        username=session.username,
        rights=AccountRights(is_admin=False, roles={}),
    )


async def _form(
    request: web.Request,
    fields: Mapping[str, str],
    *,
    said: str | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    services = request.app[SERVICES]
    names = [instance.name for instance in services.config.instances]
    context = {
        "title": "Sign in with Litmus",
        "here": "sign-in",
        "instances": names,
        "instance": fields.get("instance") or names[0],
        "next": local_path(fields.get("next")),
        "said": said,
        "refusal": refusal,
        "is_possible": cookie_name(request, services) is not None,
        "longest": LONGEST_FIELD,
    }
    page = Page(template="pages/sign_in.html", context=context)
    return await fresh_page(request, NOBODY, page, status=status)


def _led_to(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "private, no-store"})
