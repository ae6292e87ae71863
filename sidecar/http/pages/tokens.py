"""``/litmus/settings/tokens``: the API tokens of the Litmus user in whose name the sidecar asks.

The same work as ``/api/v1/instances/{instance}/tokens``, for people. A value is
on one answer alone, that to the form which made the token; it is in no address
and kept by nobody. Sending that form again, as a reload would, is refused by
the name, so it neither shows the value again nor makes a second token.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from sidecar.config import LONGEST_TOKEN_DAYS, TOKEN_NAME
from sidecar.domain.errors import (
    BadRequestError,
    InstanceUnknownError,
    SidecarError,
    StoreError,
    UpstreamError,
)
from sidecar.domain.ports import ApiToken, CreatedToken, Tokens
from sidecar.domain.words import counted
from sidecar.http.api.tokens import check_token_body, log_change
from sidecar.http.gate.caller import CALLER
from sidecar.http.keys import OUTCOME
from sidecar.http.pages.embedding import same_embedding
from sidecar.http.pages.forms import read_form
from sidecar.http.pages.frame import Page, form_binding, fresh_page, viewer_of
from sidecar.http.reading.paging import single
from sidecar.http.route import PAGES
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.tokens import (
    TokenBody,
    TokenShape,
    created_token_shape,
    token_list_shape,
    token_status_shape,
)
from sidecar.insight.token_findings import Finding, config_findings, ordered, token_findings, unknowns

TOKENS_PAGE: Final = f"{PAGES}/settings/tokens"
DAYS: Final = (30, 90, 180, 365)
"""Lifetimes to choose from; any other number of days can be written."""
_OWN_DAYS: Final = "other"
_RESULT_PURPOSE: Final = "said"
_SAID_SECONDS: Final = 300
_RESULTS: Final[Mapping[str, str]] = {
    "revoked": "The token is revoked.",
    "rotated": (
        "A new token is in use. The one before is revoked 2 to 10 minutes later, once no replica uses it."
    ),
}


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the list says of a token, beside what the API says."""

    token: TokenShape
    expires_in: str | None
    """In words; ``None``: it never expires."""


class FormResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the form that was sent."""

    sentence: str
    is_good: bool
    created: CreatedToken | None = None
    fields: Mapping[str, str] = {}
    """The form, to be corrected."""
    status: int = 200


async def tokens_page(request: web.Request) -> web.Response:
    """Give the page.

    Raises:
        InstanceUnknownError: If there is no such instance, or the caller does not manage it.
    """
    instance = _instance(request, single(request, "instance"))
    return await _page(request, instance, await _result_of_form(request, instance))


async def change_tokens(request: web.Request) -> web.Response:
    """Make, revoke or rotate, as the form says.

    Raises:
        ForbiddenError: If the form was made for somebody else, or was not on our page.
        InstanceUnknownError: If there is no such instance, or the caller does not manage it.
        TooManyRequestsError: If the caller changes too much.
    """
    services = request.app[SERVICES]
    fields = await read_form(request)
    instance = _instance(request, fields.get("instance"))
    held = services.tokens[instance]
    services.pace.check_action(request[CALLER].principal.name)
    try:
        match fields.get("do"):
            case "create":
                return await _page(request, instance, await _created(request, instance, fields))
            case "revoke":
                await held.revoke(fields.get("id", ""))
                log_change(request, instance, "token revoked", fields.get("id", ""))
                return await _back(request, instance, "revoked")
            case "rotate":
                log_change(request, instance, "token rotated", (await held.rotate()).token_id)
                return await _back(request, instance, "rotated")
            case _:
                raise BadRequestError("The form does not say what to do.", parameter="do")
    except SidecarError as exc:
        request[OUTCOME] = exc.code
        result = FormResult(sentence=str(exc), is_good=False, fields=fields, status=exc.status)
        return await _page(request, instance, result)


def _instance(request: web.Request, wanted: str | None) -> str:
    """Return the instance that is wanted, or the first that the caller manages."""
    managed = _managed(request)
    if wanted is None and managed:
        return managed[0]
    if wanted not in managed:
        raise InstanceUnknownError("No instance of this name is configured, or you do not manage its tokens.")
    return wanted


def _managed(request: web.Request) -> list[str]:
    return [name for name in request.app[SERVICES].tokens if request[CALLER].manages(name)]


async def _created(request: web.Request, instance: str, fields: Mapping[str, str]) -> FormResult:
    asked = TokenBody(name=fields.get("name", "").strip(), expires_in_days=_days(fields))
    check_token_body(asked)
    held = request.app[SERVICES].tokens[instance]
    created = await held.create(asked.name, asked.expires_in_days, is_only_one=True)
    log_change(request, instance, "token created", created.token.id)
    return FormResult(sentence="The token is created.", is_good=True, created=created, status=201)


def _days(fields: Mapping[str, str]) -> int:
    chosen = fields.get("days", "")
    text = fields.get("own_days", "").strip() if chosen == _OWN_DAYS else chosen
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LONGEST_TOKEN_DAYS))
    if not is_number or not 1 <= int(text) <= LONGEST_TOKEN_DAYS:
        raise BadRequestError(
            f"The expiry must be a number of days from 1 to {LONGEST_TOKEN_DAYS}.", parameter="days"
        )
    return int(text)


async def _result_of_form(request: web.Request, instance: str) -> FormResult | None:
    """Return what the form before this page did; ``None`` unless the address is one that we just led to."""
    said, at, proof = (single(request, name) or "" for name in ("said", "at", "proof"))
    services = request.app[SERVICES]
    since = str(int(services.clock().timestamp()) - _SAID_SECONDS)
    if said not in _RESULTS or len(at) != len(since) or at < since:
        return None
    text = _result_text(request, instance, said, at)
    with suppress(StoreError):  # Without keys nobody can tell, so nothing is told.
        if await services.signing.holds(_RESULT_PURPOSE, text, proof):
            return FormResult(sentence=_RESULTS[said], is_good=True)
    return None


def _result_text(request: web.Request, instance: str, said: str, at: str) -> str:
    return f"{instance} {said} {at} {form_binding(request[CALLER])}"


async def _back(request: web.Request, instance: str, said: str) -> web.Response:
    """Lead back to the page, which tells what was done to this caller alone, and only for a while."""
    services, query = request.app[SERVICES], {"instance": instance}
    at = str(int(services.clock().timestamp()))
    # Without keys it is done all the same, and just not told.
    with suppress(StoreError):
        proof = await services.signing.mac(_RESULT_PURPOSE, _result_text(request, instance, said, at))
        query |= {"said": said, "at": at, "proof": proof}
    location = same_embedding(request, f"{TOKENS_PAGE}?{urlencode(query)}")
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "private, no-store"})


async def _page(request: web.Request, instance: str, result: FormResult | None) -> web.Response:
    services = request.app[SERVICES]
    held, now = services.tokens[instance], services.clock()
    (listed, failure), (findings, unknown) = await asyncio.gather(_listed(held), _findings(request, instance))
    shape = token_list_shape(listed or (), held.status, now)
    created = result.created if result is not None else None
    context: dict[str, Any] = {
        "title": "Manage API tokens",
        "here": "tokens",
        "instance": instance,
        "instances": _managed(request),
        "status": token_status_shape(held.status),
        "status_expires_in": distance(held.status.expires_at, now),
        "findings": findings,
        "unknown": unknown,
        "rows": [
            TokenRow(token=row, expires_in=distance(token.expires_at, now))
            for row, token in zip(shape.tokens, listed or (), strict=True)
        ],
        "failure": failure,
        "result": result,
        "created": created_token_shape(created) if created is not None else None,
        "fields": result.fields if result is not None else {},
        "days": [str(days) for days in DAYS],
        "own_days": _OWN_DAYS,
        "longest_days": LONGEST_TOKEN_DAYS,
        "name_pattern": TOKEN_NAME.pattern,
    }
    page = Page(template="pages/tokens.html", context=context)
    response = await fresh_page(
        request, await viewer_of(request), page, status=result.status if result is not None else 200
    )
    response.headers["Cache-Control"] = "no-store"
    return response


async def _listed(held: Tokens) -> tuple[Sequence[ApiToken] | None, UpstreamError | None]:
    """Return the tokens, or why there is no list."""
    try:
        return await held.listed(), None
    except UpstreamError as exc:
        return None, exc


async def _findings(request: web.Request, instance: str) -> tuple[Sequence[Finding], Sequence[str]]:
    """Return what ``check`` finds too, and what is not known; of the whole to who manages it."""
    services = request.app[SERVICES]
    manages_all = request[CALLER].signed_in is None
    asked = list(services.tokens) if manages_all else [instance]
    known = await asyncio.gather(*(services.tokens[name].facts() for name in asked))
    told = {one.instance: one for one in known}
    facts = msgspec.structs.replace(told[instance], named_projects=_named_projects(services, instance))
    found = list(token_findings(facts, actions_enabled=_actions_enabled(services), now=services.clock()))
    if manages_all:
        accepted_by = [name for name, one in told.items() if one.takes_display_token]
        found += config_findings(services.config, accepted_by=accepted_by)
    return ordered(found), unknowns(facts)


def _named_projects(services: Services, instance: str) -> frozenset[str]:
    """Return the projects that entities name; none if not all that Backstage has is known."""
    current = services.catalogue.current
    if services.config.catalog.backstage is not None and current.problems:
        return frozenset()
    projects = {entity.project for entity in current.entities}
    return frozenset(project.project_id for project in projects if project.instance == instance)


def _actions_enabled(services: Services) -> bool:
    return services.config.actions.policy != "disabled"


def distance(moment: datetime | None, now: datetime) -> str | None:
    """Return how far a moment is, in words: ``in 29 days``, ``2 hours ago``; ``None`` for none."""
    if moment is None:
        return None
    away = abs(moment - now)
    if away >= timedelta(days=2):
        words = counted(away.days, "day")
    elif away >= timedelta(hours=2):
        words = counted(away // timedelta(hours=1), "hour")
    else:
        words = counted(away // timedelta(minutes=1), "minute")
    return f"in {words}" if moment > now else f"{words} ago"
