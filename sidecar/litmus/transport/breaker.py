"""Circuit breakers: a Litmus that does not answer is left alone for a while.

The breaker is our own because purgatory's pause is fixed, counts wall-clock
time, counts a cancelled request as a failure and lets everybody through when
half open; here the pause grows, and one request at a time tries again. There
is one for each kind of request: answers of one kind do not hide that another
gets none.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sidecar.domain.errors import UpstreamPausedError

FAILURES_TO_OPEN: Final = 5
FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 300.0


class BreakerState(StrEnum):
    """Whether requests may pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class RequestKind(StrEnum):
    """What a request needs of Litmus; each kind fails, and is left alone, for itself."""

    CHECKED = "checked"
    """GraphQL with a role check: the GraphQL server, and the auth server behind it."""
    UNCHECKED = "unchecked"
    """GraphQL that no auth server is asked for, such as hubs: its answers say nothing of the others."""
    REST = "rest"
    """The auth server itself."""


class Breaker:
    """Stops asking a Litmus that does not answer; tries again after a growing pause."""

    def __init__(
        self,
        *,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._longest_pause_seconds = longest_pause_seconds
        self._monotonic = monotonic
        self._jitter = jitter
        self._failures = 0
        self._pause_seconds = 0.0
        self._retry_at: float | None = None
        self._probing = False
        self._opened_at: datetime | None = None

    @property
    def state(self) -> BreakerState:
        """The state now; an open breaker is half open once its pause has passed."""
        if self._retry_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._monotonic() < self._retry_at else BreakerState.HALF_OPEN

    @property
    def opened_at(self) -> datetime | None:
        """When the present outage opened the breaker, UTC; ``None`` while it is closed."""
        return self._opened_at

    def configure(self, longest_pause_seconds: float) -> None:
        """Take another bound for the pauses to come."""
        self._longest_pause_seconds = longest_pause_seconds

    def check(self) -> None:
        """Do nothing if a request may pass.

        Raises:
            UpstreamPausedError: If it may not.
        """
        state = self.state
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._probing):
            raise UpstreamPausedError(
                "Litmus did not answer several times in a row and is not asked for a while."
            )

    def admit(self) -> None:
        """Let a request pass, or raise as :meth:`check`; its end must be reported by one of the others."""
        self.check()
        self._probing = self.state is BreakerState.HALF_OPEN

    def succeeded(self) -> None:
        """Report an answer of any kind: Litmus is there."""
        self._failures = 0
        self._pause_seconds = 0.0
        self._retry_at = self._opened_at = None
        self._probing = False

    def failed(self, *, certain: bool = False) -> None:
        """Report that no answer came; one that is ``certain`` to go on needs no further ones to open it."""
        self._failures += 1
        tried, self._probing = self._probing, False
        if (
            tried
            or (self._retry_at is None and certain)
            or (self._retry_at is None and self._failures >= FAILURES_TO_OPEN)
        ):
            self._open()

    def abandoned(self) -> None:
        """Report an end that says nothing of Litmus, such as a cancelled request."""
        self._probing = False

    def copy(self) -> "Breaker":
        """Return a closed one of the same pace."""
        return Breaker(
            longest_pause_seconds=self._longest_pause_seconds, monotonic=self._monotonic, jitter=self._jitter
        )

    def _open(self) -> None:
        doubled = self._pause_seconds * 2 or FIRST_PAUSE_SECONDS
        self._pause_seconds = min(doubled, self._longest_pause_seconds)
        # Replicas that lost the same Litmus should not all come back at the same moment.
        self._retry_at = self._monotonic() + self._pause_seconds * (1 - 0.2 * self._jitter())
        self._opened_at = self._opened_at or datetime.now(UTC)


class BreakerSet:
    """The breakers of one instance, one for each kind of request."""

    def __init__(self, breaker: Breaker) -> None:
        """Take the one of the requests that most data comes with; the others are like it."""
        self._of: dict[RequestKind, Breaker] = {kind: breaker.copy() for kind in RequestKind} | {
            RequestKind.CHECKED: breaker
        }

    def configure(self, longest_pause_seconds: float) -> None:
        """Take another bound for the pauses to come, of all kinds."""
        for breaker in self._of.values():
            breaker.configure(longest_pause_seconds)

    def of(self, kind: RequestKind) -> Breaker:
        """Return the breaker of one kind."""
        return self._of[kind]

    @property
    def state(self) -> BreakerState:
        """The gravest state of all."""
        states = {breaker.state for breaker in self._of.values()}
        gravest_first = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)
        return next(state for state in gravest_first if state in states)

    @property
    def opened_at(self) -> datetime | None:
        """When the first that is not closed was opened, UTC; ``None``: all are closed."""
        opened = [breaker.opened_at for breaker in self._of.values() if breaker.opened_at is not None]
        return min(opened, default=None)
