"""Whether a token is to blame that one server of Litmus refuses: the other one is asked first.

Pure. While Litmus's database fails, its auth server answers 401 to any token,
and its GraphQL server may not find the token's user. What both servers say of
a token holds; a revocation, which only a record of it can bring about, does alone.
"""

from enum import StrEnum
from http import HTTPStatus

import msgspec

from sidecar.domain.errors import (
    TokenRejectedError,
    TokenRevokedError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamUnavailableError,
    UpstreamUncheckedError,
)
from sidecar.litmus.wire.auth import USER_UNKNOWN, UserAnswer, failure_code
from sidecar.litmus.wire.responses import Reply
from sidecar.litmus.wire.token import LitmusToken


class _Readiness(msgspec.Struct, frozen=True):
    """What the auth server says of itself."""

    database: str


class AccountState(StrEnum):
    """What the auth server knows of a token that it takes."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    GONE = "gone"


def can_be_confirmed(rejection: TokenRejectedError, token: LitmusToken) -> bool:
    """Tell whether anybody could say otherwise."""
    return token.is_sendable and not isinstance(rejection, TokenRevokedError)


def read_account_state(reply: Reply) -> AccountState | None:
    """Return what the auth server says of the token's own account; ``None``: it refuses the token.

    Raises:
        UpstreamUnavailableError: If the server is away, or its database fails.
        UpstreamProtocolError: If it was something else that answered.
    """
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UpstreamUnavailableError(f"Litmus's auth server answered with HTTP {reply.status}.")
    match reply.status, failure_code(reply):
        case HTTPStatus.UNAUTHORIZED, _:
            return None
        case HTTPStatus.OK, None:
            user = msgspec.json.decode(reply.body, type=UserAnswer)
            return AccountState.DEACTIVATED if user.deactivated_at else AccountState.ACTIVE
        case _, code if code == USER_UNKNOWN:
            return AccountState.GONE
    raise UpstreamProtocolError("Litmus's auth server did not return the account.")


def database_is_up(reply: Reply) -> bool:
    """Tell whether the auth server says that it reaches its database; its status does not tell.

    Raises:
        UpstreamUnavailableError: If it failed to look.
    """
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UpstreamUnavailableError(f"Litmus's auth server answered with HTTP {reply.status}.")
    return reply.status != HTTPStatus.OK or msgspec.json.decode(reply.body, type=_Readiness).database == "up"


def if_confirmed(rejection: TokenRejectedError, state: AccountState) -> UpstreamError:
    """Return the rejection, unless the auth server takes the token and knows its user as active."""
    return unconfirmed(None) if state is AccountState.ACTIVE else rejection


def unconfirmed(failure: UpstreamError | None) -> UpstreamUncheckedError:
    """Return the error for a rejection that the other server did not confirm, because of ``failure``."""
    why = "which its other server does not confirm" if failure is None else "and is in trouble itself"
    return UpstreamUncheckedError(
        f"Litmus does not accept the token, {why}; it is kept, look at Litmus's MongoDB and auth server."
    )
