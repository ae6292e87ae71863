"""Whether a token is to blame that one server of Litmus refuses: the other one is asked first.

While Litmus's database fails, its auth server answers 401 to any token,
and its GraphQL server may not find the token's user. What both servers say of
a token holds; a revocation, which only a record of it can bring about, does alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from sidecar.domain.errors import (
    TokenRejectedError,
    TokenRevokedError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamUnavailableError,
    UpstreamUncheckedError,
)
from sidecar.litmus.transport.auth_availability import READINESS_PATH
from sidecar.litmus.wire.auth import USER_UNKNOWN, UserAnswer, failure_code
from sidecar.litmus.wire.responses import Reply
from sidecar.litmus.wire.token import LitmusToken

T = TypeVar("T")

CONFIRMATION_TIMEOUT_SECONDS: Final = 10.0


class AskRest(Protocol):
    """Sends a request to any path; see :meth:`LitmusClient.rest`."""

    async def __call__(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[Reply], T],
        *,
        body: Mapping[str, object] | None = None,
        token: LitmusToken | None,
        timeout_seconds: float,
    ) -> T:
        """Return what ``read`` makes of the answer."""


class Rejections:
    """Asks one server of Litmus whether a token is to blame that the other one rejects."""

    def __init__(self, rest: AskRest, try_token: Callable[[LitmusToken], Awaitable[None]]) -> None:
        """Take how the auth server is asked, and how a token alone is tried at the GraphQL server."""
        self._rest = rest
        self._try_token = try_token

    async def of_graphql(self, token: LitmusToken, rejection: TokenRejectedError) -> UpstreamError:
        """Return what a rejection is worth, which the GraphQL server told: itself, or trouble of Litmus.

        The auth server has the last word.
        """
        uid = token.claims.uid if token.claims is not None else None
        if uid is None or not _can_be_confirmed(rejection, token):
            return rejection
        path = f"/auth/get_user/{quote(uid, safe='')}"
        try:
            state = await self._rest(
                "getUser",
                "GET",
                path,
                _read_account_state,
                token=token,
                timeout_seconds=CONFIRMATION_TIMEOUT_SECONDS,
            )
        except UpstreamUnavailableError as exc:
            return _unconfirmed(exc)
        except UpstreamError:
            return rejection  # No word of the auth server on the token.
        if state is None:
            return await self.of_auth(token, rejection)
        if state is _AccountState.GONE:
            return await self.of_absence(rejection)
        return _unconfirmed(None) if state is _AccountState.ACTIVE else rejection

    async def of_absence(self, rejection: TokenRejectedError) -> UpstreamError:
        """Return what it is worth that the auth server does not find the token's user.

        It says so as well when its database fails, which it tells when asked for that.
        """
        try:
            is_up = await self._rest(
                "authReadiness",
                "GET",
                READINESS_PATH,
                _database_is_up,
                token=None,
                timeout_seconds=CONFIRMATION_TIMEOUT_SECONDS,
            )
        except UpstreamError as exc:
            return _unconfirmed(exc)
        return rejection if is_up else _unconfirmed(None)

    async def of_auth(self, token: LitmusToken, rejection: TokenRejectedError) -> UpstreamError:
        """Return what a rejection is worth, which the auth server told.

        It says the same of any token while the signing key cannot be read; the GraphQL server then tells of
        the key.
        """
        if not _can_be_confirmed(rejection, token):
            return rejection
        try:
            await self._try_token(token)
        except TokenRejectedError:
            return rejection
        except UpstreamUnavailableError as exc:
            return _unconfirmed(exc)
        except UpstreamError:
            return rejection
        return _unconfirmed(None)


class _Readiness(msgspec.Struct, frozen=True):
    """What the auth server says of itself."""

    database: str


class _AccountState(StrEnum):
    """What the auth server knows of a token that it takes."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    GONE = "gone"


def _can_be_confirmed(rejection: TokenRejectedError, token: LitmusToken) -> bool:
    """Tell whether anybody could say otherwise."""
    return token.is_sendable and not isinstance(rejection, TokenRevokedError)


def _read_account_state(reply: Reply) -> _AccountState | None:
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
            return _AccountState.DEACTIVATED if user.deactivated_at else _AccountState.ACTIVE
        case _, code if code == USER_UNKNOWN:
            return _AccountState.GONE
    raise UpstreamProtocolError("Litmus's auth server did not return the account.")


def _database_is_up(reply: Reply) -> bool:
    """Tell whether the auth server says that it reaches its database; its status does not tell.

    Raises:
        UpstreamUnavailableError: If it failed to look.
    """
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UpstreamUnavailableError(f"Litmus's auth server answered with HTTP {reply.status}.")
    return reply.status != HTTPStatus.OK or msgspec.json.decode(reply.body, type=_Readiness).database == "up"


def _unconfirmed(failure: UpstreamError | None) -> UpstreamUncheckedError:
    """Return the error for a rejection that the other server did not confirm, because of ``failure``."""
    why = "which its other server does not confirm" if failure is None else "and is in trouble itself"
    return UpstreamUncheckedError(
        f"Litmus does not accept the token, {why}; it is kept, look at Litmus's MongoDB and auth server."
    )
