"""How many requests may hang in Litmus because its auth server is away: a few, until that answers again.

With its auth server away, Litmus's GraphQL server keeps every request that
needs a role check, whether its client still waits or not, and executes them
all when the auth server is back, mutations included. No client can take one
back; it can only send no more of them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import aiohttp

from sidecar.domain.errors import UpstreamAuthAwayError, UpstreamTimeoutError, UpstreamUnavailableError
from sidecar.litmus.transport.http import LitmusHttp
from sidecar.litmus.transport.throttle import Throttle
from sidecar.litmus.wire.auth import failure_code

MAX_UNCONFIRMED: Final = 3
AUTH_TIMEOUT_SECONDS: Final = 3.0
"""How long the auth server may take to show that it lives."""
READINESS_PATH: Final = "/auth/readiness"
"""Asked without a token, looks at the database once, is in every 3.x; ``/auth/status`` loads all users."""
NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientSSLError)
"""What keeps a request from leaving: there was no connection to send it on."""


def auth_away() -> UpstreamAuthAwayError:
    """Return the error for what was not sent."""
    return UpstreamAuthAwayError(
        "Litmus's auth server does not answer, so nothing was sent: Litmus would keep it, and do it when its "
        "auth server is back."
    )


class AuthAvailability:
    """Counts requests without an answer, so far or for good, since the auth server last answered."""

    def __init__(self, http: LitmusHttp, throttle: Throttle) -> None:
        self._http = http
        self._throttle = throttle
        self._unconfirmed: set[object] = set()
        self._asking = asyncio.Lock()
        self._asked = 0
        self._was_away = False

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be sent before the auth server has been asked."""
        return len(self._unconfirmed) >= MAX_UNCONFIRMED

    def confirm(self) -> None:
        """Note that the auth server lives."""
        self._unconfirmed.clear()

    async def ensure(self, *, always: bool = False) -> None:
        """Ask the auth server where it is in doubt, or ``always``; those that wait share one question.

        Raises:
            UpstreamAuthAwayError: If it does not answer.
        """
        if not (always or self.is_full):
            return
        asked_before = self._asked
        async with self._asking:
            if self._asked == asked_before:
                await self._ask()
            elif self._was_away:
                raise auth_away()

    async def _ask(self) -> None:
        """Ask, and keep the answer for those that wait; a question that was given up has none."""
        try:
            await self._ask_readiness()
        except UpstreamAuthAwayError:
            self._asked, self._was_away = self._asked + 1, True
            raise
        self._asked, self._was_away = self._asked + 1, False
        self.confirm()

    async def _ask_readiness(self) -> None:
        """Ask the auth server whether it is there, by a short question within a slot that is held already."""
        with self._throttle.within_slot("authReadiness"):
            try:
                reply = await self._http.send("GET", READINESS_PATH, None, AUTH_TIMEOUT_SECONDS, token=None)
            except UpstreamUnavailableError as exc:
                raise auth_away() from exc
            # A proxy's words for a server that is away, unlike the server's own for its database.
            if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR and failure_code(reply) is None:
                raise auth_away()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count one request while it is under way, and on where Litmus may still have it.

        Whoever reads its answer tells by :meth:`confirm` whether that shows life.
        """
        sent = object()
        self._unconfirmed.add(sent)
        try:
            yield
        except UpstreamUnavailableError as exc:
            was_taken = isinstance(exc, UpstreamTimeoutError) or exc.__cause__ is not None
            if was_taken and not isinstance(exc.__cause__, NOT_SENT):
                self._unconfirmed.add(sent)  # Forgotten when others were answered, but it was not.
            else:
                self._unconfirmed.discard(sent)
            raise
        except asyncio.CancelledError:
            self._unconfirmed.add(sent)
            raise
        except BaseException:
            self._unconfirmed.discard(sent)
            raise
        else:
            self._unconfirmed.discard(sent)
