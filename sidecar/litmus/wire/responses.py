"""Turns what arrived over HTTP into one JSON text per root field, or into our errors.

Pure: no I/O. Litmus tells its failures in several ways (text with 401, HTML
with 200, ``errors`` with 200, 422); this is the one place that knows them.
Sentences are our own: texts of Litmus are matched, never repeated, because a
400 echoes the request and proxies write what they like.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from sidecar.domain.errors import (
    AccessDeniedError,
    TokenRejectedError,
    TokenRevokedError,
    UpstreamError,
    UpstreamHostRefusedError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    UpstreamUncheckedError,
    UpstreamUnsupportedError,
)
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.refusals import refusal

_DENIED: Final = "permission_denied: "
_BAD_TOKEN: Final = (
    "token is expired",
    "signature is invalid",
    "token signature is invalid",
    "token has invalid claims",
    "token contains an invalid number of segments",
    "token is invalid",
    "token is malformed",
    "token is unverifiable",
    "token is not valid yet",
    "token used before issued",
    "tokenstring should not contain",
    "illegal base64 data at input byte ",
    "invalid character ",
    "unexpected end of json input",
    "unexpected signing method",
    "signing method ",
)
"""How the texts of Litmus's token parser begin; some go on with the place of the error."""
_NO_DOCUMENT: Final = "mongo: no documents in result"
"""Litmus's raw answer where its database lacks what it looked for: a user, or its own signing key."""
_KEY_UNREADABLE: Final = "couldn't fetch jwt secret"
_AUTH_SERVER_AWAY: Final = (
    "context deadline exceeded",
    "server selection error",
    "connection refused",
    "connection reset",
)
_DATABASE_AWAY: Final = ("server selection error", "connection refused", "connection reset")
_OVERLOAD: Final = (
    "db aggregate stage error",
    "context deadline exceeded",
    "bsonobjecttoolarge",
    "exceeds maximum document size",
    "exceeded memory limit",
)
_NOT_IN_SCHEMA: Final = (
    "cannot query field",
    "unknown argument",
    "unknown type",
    "is not defined by type",
)
_NO_ENDPOINT: Final = (UpstreamProtocolError, "there is no GraphQL endpoint at this path; check baseUrl")
_LATE: Final = (
    UpstreamTimeoutError,
    "Litmus did not answer its proxy in time; Litmus's auth server may be down",
)
_UNKNOWN: Final = (UpstreamProtocolError, "no answer of Litmus that we know")
_MEANING_OF_STATUS: Final[Mapping[int, tuple[type[UpstreamError], str]]] = {
    400: (UpstreamProtocolError, "Litmus could not read our request"),
    404: _NO_ENDPOINT,
    405: _NO_ENDPOINT,
    406: _NO_ENDPOINT,
    408: _LATE,
    410: _NO_ENDPOINT,
    413: (UpstreamProtocolError, "a proxy found our request too large"),
    429: (UpstreamUnavailableError, "a proxy limits how often we may ask"),
    504: _LATE,
}
_MEANING_OF_CLASS: Final[Mapping[int, tuple[type[UpstreamError], str]]] = {
    3: (UpstreamProtocolError, "a redirect; set baseUrl to the address that answers directly"),
    5: (UpstreamUnavailableError, "Litmus is not available"),
}


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the sentences need to know of the request."""

    fields: tuple[str, ...]
    """Root fields of the document."""
    server: str
    """Scheme, host and port; nothing secret."""
    path: str = ""
    """Path that was asked, without a query: where it is wrong, a sentence names it. ``""``: not told."""
    host: str
    """The Host header that was sent."""
    project_id: str | None = None
    since: str | None = None
    """First Litmus release that has the fields; ``None``: every 3.x."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer, read whole."""

    status: int
    content_type: str
    """Media type without parameters, lower-case; ``""`` if there was none."""
    body: bytes


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A GraphQL answer, taken apart by root field.

    A field in neither mapping was not answered: Litmus nulls the whole answer
    when one field fails, so it has to be asked again without that one.
    """

    answered: Mapping[str, msgspec.Raw]
    failed: Mapping[str, UpstreamError]


class _WireError(msgspec.Struct, frozen=True):
    message: object = None
    path: object = None


class _WireEnvelope(msgspec.Struct, frozen=True):
    data: dict[str, msgspec.Raw] | None = None
    errors: list[_WireError] | None = None


def read_reply(reply: Reply, context: RequestContext) -> Envelope:
    """Return the answer by root field.

    Raises:
        UpstreamError: If the failure concerns the request as a whole.
    """
    if reply.status != HTTPStatus.OK:
        raise status_error(reply, context)
    if not reply.body.strip():
        raise UpstreamProtocolError(f"Litmus at {context.server} sent an empty answer.")
    if not reply.content_type.endswith("json"):
        what = "a web page" if reply.content_type == "text/html" else "something"
        raise UpstreamProtocolError(
            f"{context.server}{context.path} answered with {what} that is not JSON; "
            "baseUrl probably does not point at ChaosCenter's root."
        )
    wire = _envelope(reply.body)
    if wire is None:
        raise UpstreamProtocolError(f"The answer of {context.server} is not a GraphQL answer.")
    return _by_field(wire, context)


def unreadable(field: str, error: BaseException) -> UpstreamProtocolError:
    """Return the error for a field of another shape; names the place, never the value found there."""
    _, _, place = str(error).rpartition(" - at `")
    path = place.rstrip("`").removeprefix("$") if isinstance(error, msgspec.ValidationError) else ""
    return UpstreamProtocolError(f"Litmus answered {field}{path} in a shape we do not know.")


def _envelope(body: bytes) -> _WireEnvelope | None:
    try:
        return msgspec.json.decode(body, type=_WireEnvelope)
    except UNREADABLE:
        return None


def _by_field(wire: _WireEnvelope, context: RequestContext) -> Envelope:
    data = wire.data
    failed: dict[str, UpstreamError] = {}
    for error in wire.errors or ():
        field, depth = _place(error.path)
        if field not in context.fields:
            raise _message_error(_text(error.message), "the request", context)
        if data is not None and depth > 1 and data.get(field, b"null") != b"null":
            continue  # Below the root Litmus sends what it has, with null for the rest.
        failed.setdefault(field, _message_error(_text(error.message), field, context))
    if data is None:
        if not failed:
            raise UpstreamProtocolError(f"Litmus at {context.server} answered with neither data nor errors.")
        return Envelope(answered={}, failed=failed)
    for field in context.fields:
        if field not in data:
            failed.setdefault(field, UpstreamProtocolError(f"Litmus left {field} out of its answer."))
    answered = {field: data[field] for field in context.fields if field not in failed}
    return Envelope(answered=answered, failed=failed)


def _place(path: object) -> tuple[str, int]:
    if isinstance(path, Sequence) and path and isinstance(path[0], str):
        return path[0], len(path)
    return "", 0


def _text(message: object) -> str:
    return message.lower() if isinstance(message, str) else ""


def _message_error(message: str, field: str, context: RequestContext) -> UpstreamError:
    """Classify by Litmus's text, lower-case; resolver errors carry no code to go by."""
    if message == "invalid token":
        return _token_rejected()
    if message.startswith(_DENIED):
        return _permission_error(message.removeprefix(_DENIED), field, context)
    # A field that looks at the token itself tells what kept it from reading its signing key.
    if message == _NO_DOCUMENT or any(text in message for text in (_KEY_UNREADABLE, *_DATABASE_AWAY)):
        return _database_trouble()
    return _resolver_error(message, field)


def _resolver_error(message: str, field: str) -> UpstreamError:
    """Classify what kept Litmus from answering a field that it was asked with good reason."""
    if any(text in message for text in _OVERLOAD):
        return UpstreamOverloadedError(
            f"Litmus could not compute {field} within its own limits of time or size; "
            "its database may lack resources."
        )
    refused = refusal(field, message)
    if refused is not None:
        return UpstreamRefusedError(refused)
    if message == "must not be null":
        return UpstreamProtocolError(f"Litmus broke off {field}: data it promises is missing.")
    return UpstreamError(f"Litmus failed to answer {field}; its server log says why.")


def _permission_error(told: str, field: str, context: RequestContext) -> UpstreamError:
    """Classify what the auth server told: by its whole text, for a database's can hold any words."""
    code, _, described = told.removeprefix("rpc error: code = ").partition(" desc = ")
    reason = described if told.startswith("rpc error: ") else told
    if reason in {"auth grpc - unauthorized", "unauthorized"}:
        project = f"project {context.project_id}" if context.project_id else "the project"
        return AccessDeniedError(
            f"The token's user has no sufficient role in {project} for {field}, or Litmus has no such "
            "project: check the project id, and invite the user."
        )
    if reason in {"auth grpc - deactivated user", "deactivated user"}:
        return TokenRejectedError(
            "The token's user is deactivated in Litmus; reactivate the user or configure another one's token."
        )
    if reason == _NO_DOCUMENT:
        return TokenRejectedError(
            "The token's user no longer exists in Litmus; configure the token of another user."
        )
    return _unchecked(code, reason, field)


def _unchecked(code: str, reason: str, field: str) -> UpstreamError:
    if reason.startswith(_KEY_UNREADABLE):
        return _database_trouble()
    if code in {"unavailable", "deadlineexceeded"} or any(text in reason for text in _AUTH_SERVER_AWAY):
        return UpstreamUncheckedError("Litmus cannot reach its own auth server at the moment.")
    if reason.startswith(_BAD_TOKEN):
        return _token_rejected()
    return UpstreamError(f"Litmus could not check the token's permission for {field}; its auth log says why.")


def _database_trouble() -> UpstreamUncheckedError:
    return UpstreamUncheckedError(
        "Litmus cannot read its own database at the moment, so it cannot check the token; "
        "look at its MongoDB."
    )


def _token_rejected() -> TokenRejectedError:
    return TokenRejectedError(
        "Litmus does not accept the token: it is expired, cut off, or from another Litmus. "
        "Create a new one under Account settings and configure it."
    )


def status_error(reply: Reply, context: RequestContext) -> UpstreamError:
    """Return the error that an HTTP status other than 200 stands for, where its body says nothing more."""
    match reply.status:
        case HTTPStatus.UNAUTHORIZED:
            return _unauthorized(reply, context.server)
        case HTTPStatus.FORBIDDEN:
            return _forbidden(reply, context)
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return _unprocessable(reply, context)
        case status:
            error, meaning = _MEANING_OF_STATUS.get(status) or _MEANING_OF_CLASS.get(status // 100, _UNKNOWN)
            return error(f"{context.server}{context.path} answered with HTTP {status}: {meaning}.")


def _unauthorized(reply: Reply, server: str) -> UpstreamError:
    if b"revoked" in reply.body.lower():
        return TokenRevokedError("Litmus says the token is revoked; create a new one and configure it.")
    return TokenRejectedError(f"{server} refused the token (HTTP 401); a proxy may ask for its own sign-in.")


def _forbidden(reply: Reply, context: RequestContext) -> UpstreamError:
    if b"invalid origin" in reply.body.lower():
        return UpstreamHostRefusedError(
            f"Litmus refuses requests for the host {context.host}: set hostHeader to a name "
            "that its ALLOWED_ORIGINS admits, or add this one there."
        )
    return UpstreamProtocolError(f"A proxy at {context.server} refused our request (HTTP 403).")


def _unprocessable(reply: Reply, context: RequestContext) -> UpstreamError:
    wire = _envelope(reply.body)
    messages = [_text(error.message) for error in (wire.errors if wire else None) or ()]
    if any(text in message for message in messages for text in _NOT_IN_SCHEMA):
        needs = f"it needs Litmus {context.since}" if context.since else "it needs Litmus 3"
        return UpstreamUnsupportedError(
            f"This Litmus does not know {' or '.join(context.fields)} as we ask for it; {needs} or later."
        )
    return UpstreamProtocolError(f"Litmus at {context.server} found our request invalid (HTTP 422).")
