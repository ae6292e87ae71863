"""The pace towards one Litmus instance: how many requests at once, how often, and when not at all.

The breaker is our own because purgatory's pause is fixed, counts wall-clock
time, counts a cancelled request as a failure and lets everybody through when
half open; here the pause grows, and one request at a time tries again. There
is one for each kind of request: answers of one kind do not hide that another
gets none.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Protocol

from aiolimiter import AsyncLimiter

from sidecar.domain.errors import (
    UpstreamAuthAwayError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamPausedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

FAILURES_TO_OPEN: Final = 5
FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 300.0
OK: Final = "ok"
CANCELLED: Final = "cancelled"


class Observe(Protocol):
    """Told of every request, and of every one that was not sent."""

    def __call__(self, operation: str, code: str, seconds: float) -> None:
        """Count a request: its root fields joined by ``+``, ``ok`` or an error's code, its duration.

        The code is ``cancelled`` where the caller left; the duration is 0 for
        what was not sent, and never includes the wait for a turn.
        """


class BreakerState(StrEnum):
    """Whether requests may pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Kind(StrEnum):
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
        self._trying = False
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

    def check(self) -> None:
        """Do nothing if a request may pass.

        Raises:
            UpstreamPausedError: If it may not.
        """
        state = self.state
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._trying):
            raise UpstreamPausedError(
                "Litmus did not answer several times in a row and is left alone for a while."
            )

    def admit(self) -> None:
        """Let a request pass, or raise as :meth:`check`; its end must be reported by one of the others."""
        self.check()
        self._trying = self.state is BreakerState.HALF_OPEN

    def succeeded(self) -> None:
        """Report an answer of any kind: Litmus is there."""
        self._failures = 0
        self._pause_seconds = 0.0
        self._retry_at = self._opened_at = None
        self._trying = False

    def failed(self, *, certain: bool = False) -> None:
        """Report that no answer came; one that is ``certain`` to go on needs no further ones to open it."""
        self._failures += 1
        tried, self._trying = self._trying, False
        if (
            tried
            or (self._retry_at is None and certain)
            or (self._retry_at is None and self._failures >= FAILURES_TO_OPEN)
        ):
            self._open()

    def abandoned(self) -> None:
        """Report an end that says nothing of Litmus, such as a cancelled request."""
        self._trying = False

    def another(self) -> "Breaker":
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


class Breakers:
    """The breakers of one instance, one for each kind of request."""

    def __init__(self, breaker: Breaker) -> None:
        """Take the one of the requests that most data comes with; the others are like it."""
        self._of: dict[Kind, Breaker] = {kind: breaker.another() for kind in Kind} | {Kind.CHECKED: breaker}

    def of(self, kind: Kind) -> Breaker:
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


class Turn:
    """One request's turn; whoever holds it notes an error that did not become an exception."""

    def __init__(self, *, is_trial: bool = False) -> None:
        """Note whether it is the one request that tries again what was left alone."""
        self.is_trial: Final = is_trial
        self.error: UpstreamError | None = None
        self.finished = False


class Gate:
    """Every request to one instance passes here."""

    def __init__(
        self,
        *,
        max_in_flight: int,
        max_requests_per_second: float,
        max_wait_seconds: float = 60.0,
        breaker: Breaker | None = None,
        observe: Observe | None = None,
    ) -> None:
        self.breakers: Final = Breakers(breaker or Breaker())
        self._slots = asyncio.Semaphore(max_in_flight)
        # One per period, not many per second: a burst would pass the limit within its first second.
        self._limiter = AsyncLimiter(1, 1 / max_requests_per_second)
        self._max_wait_seconds = max_wait_seconds
        self._observe = observe or _ignore

    @asynccontextmanager
    async def turn(
        self, operation: str, kind: Kind = Kind.CHECKED, *, timeout_counts: bool = True
    ) -> AsyncIterator[Turn]:
        """Wait for a turn and hold it; the wait is bounded and no part of the request's own time-out.

        ``kind`` chooses the breaker; ``timeout_counts`` tells whether a time-out means that Litmus is down.

        Raises:
            UpstreamPausedError: If the breaker of this kind is open.
            UpstreamBusyError: If no turn came within the bound.
        """
        breaker = self.breakers.of(kind)
        turn = await self._enter(operation, breaker)
        started = time.perf_counter()
        try:
            yield turn
            turn.finished = True
        except UpstreamError as exc:
            turn.error = exc
            turn.finished = True
            raise
        finally:
            self._slots.release()
            _settle(breaker, turn, timeout_counts=timeout_counts)
            self._observe(operation, _code(turn), time.perf_counter() - started)

    @contextmanager
    def aside(self, operation: str) -> Iterator[None]:
        """Count a short question that belongs to a turn which is held already."""
        turn = Turn()
        started = time.perf_counter()
        try:
            yield
            turn.finished = True
        except UpstreamError as exc:
            turn.error, turn.finished = exc, True
            raise
        finally:
            self._observe(operation, _code(turn), time.perf_counter() - started)

    async def _enter(self, operation: str, breaker: Breaker) -> Turn:
        try:
            breaker.check()
            await self._wait()
            try:
                breaker.admit()  # It may have opened meanwhile.
            except UpstreamPausedError:
                self._slots.release()
                raise
        except UpstreamError as exc:
            self._observe(operation, exc.code, 0.0)
            raise
        return Turn(is_trial=breaker.state is not BreakerState.CLOSED)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await self._slots.acquire()
                try:
                    await self._limiter.acquire()
                except BaseException:
                    self._slots.release()
                    raise
        except TimeoutError as exc:
            raise UpstreamBusyError(
                "Too many requests to this Litmus are waiting for their turn; "
                "raise sync.maxInFlight or sync.maxRequestsPerSecond, or lengthen the intervals."
            ) from exc


def _settle(breaker: Breaker, turn: Turn, *, timeout_counts: bool) -> None:
    ignored = isinstance(turn.error, UpstreamTimeoutError) and not timeout_counts
    if not turn.finished or ignored:
        breaker.abandoned()
    elif isinstance(turn.error, UpstreamUnavailableError):
        breaker.failed(certain=isinstance(turn.error, UpstreamAuthAwayError))
    else:
        breaker.succeeded()


def _code(turn: Turn) -> str:
    if not turn.finished:
        return CANCELLED
    return OK if turn.error is None else turn.error.code


def _ignore(operation: str, code: str, seconds: float) -> None:
    """Take no notice."""
