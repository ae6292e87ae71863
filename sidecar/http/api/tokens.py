"""Litmus's API tokens over REST: list, create, revoke, rotate; and the display token.

Values leave only with the answer that creates a token, and no cache keeps it.
Who did what goes into the log, by fingerprint; the audit is about experiments.
"""

from typing import Final

import msgspec
import structlog
from aiohttp import web

from sidecar.config import LONGEST_TOKEN_DAYS, TOKEN_NAME, TOKEN_NAME_RULE, display_token
from sidecar.domain.errors import BadRequestError, InstanceUnknownError, NotFoundError
from sidecar.domain.ports import Tokens
from sidecar.domain.unreadable import UNREADABLE
from sidecar.http.answers.cache import Answer, conditional_response
from sidecar.http.gate.body import read_json_body
from sidecar.http.gate.caller import CALLER
from sidecar.http.services import SERVICES
from sidecar.http.shapes.tokens import (
    DisplayTokenShape,
    TokenBody,
    created_token_shape,
    token_list_shape,
    token_status_shape,
)

MAX_BODY_BYTES: Final = 4096
_NO_STORE: Final = {"Cache-Control": "no-store"}
_log = structlog.get_logger(__name__)


async def tokens(request: web.Request) -> web.Response:
    """Give the tokens of an instance's user, without values."""
    held = _tokens_of(request)
    listed = await held.listed()
    shape = token_list_shape(listed, held.status, request.app[SERVICES].clock())
    return conditional_response(request, Answer(shape, as_of=None))


async def create(request: web.Request) -> web.Response:
    """Create token; this answer alone has its value."""
    held = _tokens_of(request)
    asked = _read_body(await read_json_body(request, MAX_BODY_BYTES))
    await _count_action(request)
    created = await held.create(asked.name, asked.expires_in_days)
    _log_change(request, "token created", created.token.id)
    return web.Response(
        body=msgspec.json.encode(created_token_shape(created)),
        status=201,
        content_type="application/json",
        headers=_NO_STORE,
    )


async def revoke(request: web.Request) -> web.Response:
    """Revoke a token for good."""
    held, token_id = _tokens_of(request), request.match_info["id"]
    await _count_action(request)
    await held.revoke(token_id)
    _log_change(request, "token revoked", token_id)
    return web.Response(status=204, headers=_NO_STORE)


async def rotate(request: web.Request) -> web.Response:
    """Rotate the token that the sidecar manages, now."""
    held = _tokens_of(request)
    await _count_action(request)
    status = await held.rotate()
    _log_change(request, "token rotated", status.token_id)
    return web.Response(
        body=msgspec.json.encode(token_status_shape(status)),
        content_type="application/json",
        headers=_NO_STORE,
    )


async def display(request: web.Request) -> web.Response:
    """Give the display token of the Litmus user that the sidecar uses."""
    uid = _tokens_of(request).status.user_id
    if uid is None or not uid.strip():
        raise NotFoundError("No display token: the token of this instance names no user.")
    return conditional_response(
        request, Answer(DisplayTokenShape(token=display_token(uid), uid=uid), as_of=None)
    )


def _tokens_of(request: web.Request) -> Tokens:
    """Return the tokens of the instance in the path.

    Raises:
        InstanceUnknownError: If there is no such instance.
    """
    held = request.app[SERVICES].tokens.get(request.match_info["instance"])
    if held is None:
        raise InstanceUnknownError("No instance of this name is configured.")
    return held


async def _count_action(request: web.Request) -> None:
    """Count the request among the caller's actions.

    Raises:
        TooManyRequestsError: If it is one too many.
    """
    request.app[SERVICES].pace.check_action(request[CALLER].principal.name)


def _log_change(request: web.Request, event: str, token_id: str | None) -> None:
    log_change(request, request.match_info["instance"], event, token_id)


def log_change(request: web.Request, instance: str, event: str, token_id: str | None) -> None:
    """Log who changed what about the tokens of an instance."""
    _log.info(event, instance=instance, token_id=token_id, caller=request[CALLER].principal.name)


def _read_body(body: bytes) -> TokenBody:
    """Return what is asked for; the name and the days keep the rules of the configuration.

    Raises:
        BadRequestError: If the body says anything else.
    """
    try:
        asked = msgspec.json.decode(body, type=TokenBody)
    except UNREADABLE as exc:
        raise BadRequestError(
            "Body must be a JSON object with nothing but name (text) and expiresInDays (a whole number)."
        ) from exc
    check_token_body(asked)
    return asked


def check_token_body(asked: TokenBody) -> None:
    """Refuse a name or an expiry that breaks the rules of the configuration.

    Raises:
        BadRequestError: Names the field.
    """
    if not TOKEN_NAME.fullmatch(asked.name):
        raise BadRequestError(f"name {TOKEN_NAME_RULE}.", parameter="name")
    if not 1 <= asked.expires_in_days <= LONGEST_TOKEN_DAYS:
        raise BadRequestError(
            f"expiresInDays must be from 1 to {LONGEST_TOKEN_DAYS}: every token expires.",
            parameter="expiresInDays",
        )
