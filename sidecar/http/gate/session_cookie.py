"""The cookie of somebody who signed in with Litmus: its name, its flags, when there may be one.

Over HTTPS it has the prefix ``__Host-``: browsers then take it from this very
host and over HTTPS alone, so that no sibling host and nobody on the network can
plant one. On this machine, where browsers are served over plain HTTP, it has
another name. Anywhere else plain HTTP gets none.

``SameSite=Lax``: links from elsewhere (a chat, Backstage) find people signed
in. ``Strict`` would add nothing, for whatever changes something is a form with
a CSRF token and an ``Origin`` of ours. Frames get the cookie either way where
Backstage and the sidecar share a registrable domain, and on foreign sites never.
"""

from typing import Final

from aiohttp import web

from sidecar.http.gate.origins import browser_origin, is_own_machine
from sidecar.http.route import PAGES
from sidecar.http.services import Services

SECURE_NAME: Final = "__Host-litmus-session"
PLAIN_NAME: Final = "litmus-session"


def is_under_pages(request: web.Request) -> bool:
    """Tell whether a path is among the pages, the only place where the cookie counts."""
    return request.path == PAGES or request.path.startswith(f"{PAGES}/")


def cookie_name(request: web.Request, services: Services) -> str | None:
    """Return the name of the cookie as this request comes; ``None``: over plain HTTP from elsewhere."""
    if browser_origin(request, services).startswith("https://"):
        return SECURE_NAME
    if is_own_machine(request):
        return PLAIN_NAME
    public_url = services.config.public_url or ""
    # HTTPS ends before us, at somebody who is not configured as a proxy; the browser sees to the rest.
    return SECURE_NAME if public_url.lower().startswith("https://") else None


def session_secret(request: web.Request, services: Services) -> str | None:
    """Return what the cookie holds; ``None`` without one."""
    name = cookie_name(request, services)
    return None if name is None else request.cookies.get(name)


def set_session_cookie(response: web.Response, name: str, secret: str) -> None:
    """Have the browser keep the cookie until it is closed; the session may well end before."""
    response.set_cookie(name, secret, path="/", secure=name == SECURE_NAME, httponly=True, samesite="Lax")


def delete_session_cookie(request: web.Request, response: web.Response, services: Services) -> None:
    """Have the browser forget the cookie, if it sent one."""
    name = cookie_name(request, services)
    if name is not None and name in request.cookies:
        response.del_cookie(name, path="/", secure=name == SECURE_NAME, httponly=True, samesite="Lax")
