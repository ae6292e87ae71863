"""API tokens of Litmus, as clients get them; only a new one tells its value, and only once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from sidecar.config import LONGEST_TOKEN_DAYS, TOKEN_NAME
from sidecar.domain.ports import ApiToken, CreatedToken, TokenStatus
from sidecar.http.answers.times import rfc3339

_LONGEST_NAME = 64


class TokenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Body that asks for a new token."""

    name: Annotated[
        str,
        msgspec.Meta(
            extra_json_schema={
                "minLength": 1,
                "maxLength": _LONGEST_NAME,
                "pattern": f"^{TOKEN_NAME.pattern}$",
            }
        ),
    ]
    expires_in_days: Annotated[
        int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": LONGEST_TOKEN_DAYS})
    ]


class TokenShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token as Litmus lists it."""

    id: str
    """Fingerprint of its value."""
    name: str
    created_at: str | None
    expires_at: str | None
    """``null``: it never expires."""
    expired: bool
    in_use: bool
    """Whether the sidecar asks Litmus with it."""


class TokenStatusShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How it stands with the token that the sidecar uses."""

    source: str
    """``token``, ``tokenFile`` or ``credentials``."""
    state: str
    """``good``, ``unproven``, ``rejected`` or ``missing``."""
    id: str | None
    username: str | None
    user_id: str | None = msgspec.field(name="userID")
    account_role: str | None
    """``admin`` or ``user``."""
    expires_at: str | None
    """``null``: it never expires, or does not say."""
    problem: str | None
    changed_at: str | None
    """When it was taken into use; ``null``: at start."""


class TokenListShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The tokens of the user in whose name the sidecar asks, newest first."""

    tokens: list[TokenShape]
    status: TokenStatusShape


class CreatedTokenShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new token: the only answer that ever holds a value."""

    id: str
    name: str
    created_at: str | None
    expires_at: str | None
    token: str


class DisplayTokenShape(msgspec.Struct, frozen=True, kw_only=True):
    """What to put into ``litmus.apiToken``."""

    token: str
    uid: str
    """Id of the Litmus user that links will lead to."""


def token_list_shape(tokens: Sequence[ApiToken], status: TokenStatus, now: datetime) -> TokenListShape:
    """Return the list, and the status of the one in use."""
    return TokenListShape(
        tokens=[_token_shape(token, now) for token in tokens], status=token_status_shape(status)
    )


def token_status_shape(status: TokenStatus) -> TokenStatusShape:
    """Return how it stands with the token in use."""
    return TokenStatusShape(
        source=status.source,
        state=status.state.value,
        id=status.token_id,
        username=status.username,
        user_id=status.user_id,
        account_role=status.account_role,
        expires_at=rfc3339(status.expires_at),
        problem=status.problem,
        changed_at=rfc3339(status.changed_at),
    )


def created_token_shape(created: CreatedToken) -> CreatedTokenShape:
    """Return the answer that tells the value."""
    token = created.token
    return CreatedTokenShape(
        id=token.id,
        name=token.name,
        created_at=rfc3339(token.created_at),
        expires_at=rfc3339(token.expires_at),
        token=created.value,
    )


def _token_shape(token: ApiToken, now: datetime) -> TokenShape:
    return TokenShape(
        id=token.id,
        name=token.name,
        created_at=rfc3339(token.created_at),
        expires_at=rfc3339(token.expires_at),
        expired=token.expires_at is not None and token.expires_at <= now,
        in_use=token.in_use,
    )
