"""The token that one instance is asked with, and what Litmus thinks of it.

State alone: it decides nothing and asks nobody. The client tells it what
became of requests, whoever looks after the source gives it new tokens, and
everybody else reads its status, which has no value in it.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from sidecar.domain.errors import TokenRejectedError, UpstreamPausedError
from sidecar.domain.ports import Clock, TokenState, TokenStatus
from sidecar.litmus.transport.breaker import LONGEST_PAUSE_SECONDS, Breaker
from sidecar.litmus.wire.token import LitmusToken

WARNINGS: Final = (timedelta(days=1), timedelta(days=3), timedelta(days=14))
"""Remaining lifetimes at which the log warns, the gravest first."""

_log = structlog.get_logger(__name__)


class TokenHolder:
    """Holds the token of an instance; implements :class:`client.TokenObserver`."""

    def __init__(
        self,
        instance: str,
        source: str,
        clock: Clock,
        token: LitmusToken | None = None,
        *,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        """Take where the token comes from (``token``, ``tokenFile``, ``credentials``) and the first one.

        A rejected one is tried again after a growing pause, so long at most.
        """
        self.instance: Final = instance
        self.source: Final = source
        self._clock = clock
        self._token = token
        self._state = TokenState.MISSING if token is None else TokenState.UNPROVEN
        self._rejection: TokenRejectedError | None = None
        self._retries = Breaker(longest_pause_seconds=longest_pause_seconds)
        self._problem: str | None = None
        self._changed_at: datetime | None = None
        self._warned: timedelta | None = None
        self._rejected_event = asyncio.Event()

    def configure(self, longest_pause_seconds: float) -> None:
        """Take another bound for the pauses to come before a rejected token is tried again."""
        self._retries.configure(longest_pause_seconds)

    def __repr__(self) -> str:
        return f"TokenHolder({self.instance}, {self._state.value})"

    @property
    def token(self) -> LitmusToken | None:
        """The token in use; ``None``: there is none."""
        return self._token

    @property
    def state(self) -> TokenState:
        """What is known of it."""
        return self._state

    @property
    def status(self) -> TokenStatus:
        """See :class:`ports.Tokens`."""
        claims = self._token.claims if self._token is not None else None
        return TokenStatus(
            source=self.source,
            state=self._state,
            token_id=self._token.id if self._token is not None else None,
            username=claims.username if claims is not None else None,
            user_id=claims.uid if claims is not None else None,
            account_role=claims.role if claims is not None else None,
            expires_at=claims.expires_at if claims is not None else None,
            problem=self._problem or (str(self._rejection) if self._rejection is not None else None),
            changed_at=self._changed_at,
        )

    def current(self) -> LitmusToken:
        """Return the token to send.

        Raises:
            TokenRejectedError: If there is none; Litmus is not asked then.
        """
        if self._token is None:
            raise TokenRejectedError(
                self._problem or "There is no token for this Litmus yet; the sidecar is getting one."
            )
        return self._token

    def use(self, token: LitmusToken) -> None:
        """Take a token into use that was proven; requests already sent keep theirs."""
        self._token = token
        self._state = TokenState.GOOD
        self._rejection = self._problem = None
        self._changed_at = self._clock()
        self._warned = None
        self._retries.succeeded()
        self._rejected_event.clear()
        _log.info("token taken into use", instance=self.instance, source=self.source, token=token.id)

    def admit(self, token: LitmusToken) -> None:
        """See :class:`client.TokenObserver`."""
        if token != self._token or self._rejection is None:
            return
        try:
            self._retries.admit()
        except UpstreamPausedError:
            # A new one: an error that is raised twice collects where it was.
            raise type(self._rejection)(str(self._rejection)) from None

    def inconclusive(self, token: LitmusToken) -> None:
        """See :class:`client.TokenObserver`."""
        if token == self._token:
            self._retries.abandoned()

    def accepted(self, token: LitmusToken) -> None:
        """See :class:`client.TokenObserver`."""
        if token != self._token or self._state is TokenState.GOOD:
            return
        if self._state is TokenState.REJECTED:
            _log.info("token is accepted again", instance=self.instance, token=token.id)
        self._state = TokenState.GOOD
        self._rejection = None
        self._retries.succeeded()
        self._rejected_event.clear()

    def rejected(self, token: LitmusToken, error: TokenRejectedError) -> None:
        """See :class:`client.TokenObserver`; what is said of a token that is not in use any more is over."""
        if token != self._token:
            return
        self._rejected_event.set()
        if self._state is not TokenState.REJECTED:
            self._state = TokenState.REJECTED
            _log.warning("token is rejected", instance=self.instance, token=token.id, reason=str(error))
        self._rejection = error
        self._retries.failed(certain=True)

    def report(self, problem: str | None) -> None:
        """Note why no new token could be taken, and log it once; ``None``: all is well again."""
        if problem is not None and problem != self._problem:
            _log.warning("no new token", instance=self.instance, source=self.source, reason=problem)
        self._problem = problem

    def warn_of_expiry(self) -> None:
        """Log that the token expires soon, once for each of the lifetimes of :data:`WARNINGS`.

        One that is renewed by itself always comes so far; it is told of only while that fails.
        """
        expires_at = self.status.expires_at
        if expires_at is None or (self.source == "credentials" and self._problem is None):
            return
        left = expires_at - self._clock()
        reached = next((limit for limit in WARNINGS if left <= limit), None)
        if reached is None or (self._warned is not None and reached >= self._warned):
            return
        self._warned = reached
        _log.warning(
            "token has expired" if left <= timedelta(0) else "token expires soon",
            instance=self.instance,
            source=self.source,
            token=self.status.token_id,
            expires_at=expires_at.isoformat(),
        )

    async def wait_for_rejection(self, longest: timedelta) -> None:
        """Wait until the token is rejected, or so long at most."""
        try:
            async with asyncio.timeout(longest.total_seconds()):
                await self._rejected_event.wait()
        except TimeoutError:
            return
        self._rejected_event.clear()
