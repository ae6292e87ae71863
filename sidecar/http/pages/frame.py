"""What all pages share: who looks at them, the frame around them, their headers, how they are kept.

A page is rendered once for everybody who would get the same bytes, and kept
like any other answer; texts such as "3 min ago" are made in the browser.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from sidecar import __version__
from sidecar.config import Config
from sidecar.domain.errors import StoreError
from sidecar.http.answers.cache import (
    ANSWER_CACHE,
    Answer,
    conditional_response,
    encode_answer,
)
from sidecar.http.answers.templates import render_template
from sidecar.http.gate.caller import (
    CALLER,
    Caller,
)
from sidecar.http.gate.path_prefix import markup_with_prefix, prefix_of
from sidecar.http.pages.assets import asset_url
from sidecar.http.pages.embedding import embedded_markup, is_embedded
from sidecar.http.pictures.charts import LOOKS
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.insight.token_findings import pressing

LOOKS_BY_WORD: Final = {outcome.value: look for outcome, look in LOOKS.items()}
FORM_PURPOSE: Final = "form"
"""What the keys of CSRF tokens are for."""
TOKEN_FIELD: Final = "csrf"  # noqa: S105 - the name of a form field


class TokenNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the token of an instance that its administrator has to know."""

    instance: str
    sentence: str


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at a page."""

    name: str | None
    """``None``: nobody known, on pages that need nobody."""
    is_person: bool
    is_admin: bool
    is_signed_in: bool
    """By the sign-in page, so that signing out makes sense."""
    form_token: str | None
    """For the forms of the page; ``None``: none can be made now, so there are no forms."""
    notices: tuple[TokenNotice, ...] = ()
    """For administrators, above every page."""


NOBODY: Final = Viewer(name=None, is_person=False, is_admin=False, is_signed_in=False, form_token=None)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler has to say, before it is put into the frame."""

    template: str
    context: Mapping[str, Any]
    as_of: datetime | None = None
    """Oldest last success among the data shown; ``None`` without any."""
    until: datetime | None = None
    """When time alone changes what is shown; ``None``: never."""


async def viewer_of(request: web.Request) -> Viewer:
    """Return who looks at this page."""
    services, caller = request.app[SERVICES], request.get(CALLER)
    if caller is None:
        return NOBODY
    await caller.claim_admin(services)
    return Viewer(
        name=caller.principal.name,
        is_person=caller.is_person,
        is_admin="admin" in caller.principal.scopes,
        is_signed_in=caller.session_id is not None,
        form_token=await form_token(services, caller),
        notices=_notices(services, caller),
    )


def _notices(services: Services, caller: Caller) -> tuple[TokenNotice, ...]:
    """Return what is pressing about the tokens that the caller manages; nobody is asked for it."""
    now = services.clock()
    found = {
        name: pressing(name, tokens.status, now)
        for name, tokens in services.tokens.items()
        if caller.manages(name)
    }
    return tuple(
        TokenNotice(instance=name, sentence=sentence)
        for name, sentence in found.items()
        if sentence is not None
    )


async def form_token(services: Services, caller: Caller) -> str | None:
    """Return the CSRF token of a caller's forms; ``None`` while the keys cannot be had."""
    try:
        return await services.signing.mac(FORM_PURPOSE, form_binding(caller))
    except StoreError:
        return None


def form_binding(caller: Caller) -> str:
    """Return what a form's token is bound to: who calls, and the session if there is one."""
    return f"{caller.session_id or ''} {caller.principal.name}"


async def cached_page(
    request: web.Request, viewer: Viewer, key: Hashable, make: Callable[[], Awaitable[Page]]
) -> Answer:
    """Return the page kept under the key for this viewer, or make it; for :func:`framed`.

    ``key`` holds everything that the page depends on beside path, query and viewer.
    """
    now = request.app[SERVICES].clock()

    async def render() -> Answer:
        page = await make()
        body = await rendered(request, viewer, page)
        turns = request.app[SERVICES].turns
        return await encode_answer(turns, body, as_of=page.as_of, until=page.until)

    full_key = ("page", request.path, tuple(sorted(request.query.items())), viewer, key)
    return await request.app[ANSWER_CACHE].get(full_key, now, render)


async def fresh_page(request: web.Request, viewer: Viewer, page: Page, *, status: int = 200) -> web.Response:
    """Answer with a page that is nobody else's and not kept."""
    body = await rendered(request, viewer, page)
    response = web.Response(body=body, status=status, content_type="text/html", charset="utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    return _with_headers(response, request.app[SERVICES].config)


async def rendered(request: web.Request, viewer: Viewer, page: Page) -> bytes:
    """Return the bytes of a page."""
    services = request.app[SERVICES]
    context = {
        "viewer": viewer,
        "asset": asset_url,
        "version": __version__,
        "sign_in_enabled": services.config.auth.sign_in.enabled,
        "token_field": TOKEN_FIELD,
        "as_of": page.as_of,
        "looks": LOOKS_BY_WORD,
        "embedded": is_embedded(request),
        **page.context,
    }
    body = await render_template(request, page.template, context)
    prefix, is_framed = prefix_of(services.config), is_embedded(request)
    if not prefix and not is_framed:
        return body
    markup = body.decode()
    return markup_with_prefix(prefix, embedded_markup(markup) if is_framed else markup).encode()


def policy(config: Config) -> str:
    """Return the Content-Security-Policy of pages: our own style and script, nothing inline or foreign."""
    ancestors = " ".join(config.pages.frame_ancestors) or "'none'"
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )


def framed(request: web.Request, answer: Answer) -> web.Response:
    """Answer with a page that was kept, or made."""
    response = conditional_response(request, answer, "text/html", charset="utf-8")
    return _with_headers(response, request.app[SERVICES].config)


def _with_headers(response: web.Response, config: Config) -> web.Response:
    response.headers["Content-Security-Policy"] = policy(config)
    # Without a referrer of its own, the Origin of a form would be null.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
