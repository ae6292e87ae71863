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


class RequestObserver(Protocol):
    """Told of every request, and of every one that was not sent."""

    def __call__(self, operation: str, code: str, seconds: float) -> None:
        """Count a request: its root fields joined by ``+``, ``ok`` or an error's code, its duration.

        The code is ``cancelled`` where the caller left; the duration is 0 for
        what was not sent, and never includes the wait for a slot.
        """


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

    def check(self) -> None:
        """Do nothing if a request may pass.

        Raises:
            UpstreamPausedError: If it may not.
        """
        state = self.state
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._probing):
            raise UpstreamPausedError(
                "Litmus did not answer several times in a row and is left alone for a while."
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


class Slot:
    """One request's slot; whoever holds it notes an error that did not become an exception."""

    def __init__(self, *, is_probe: bool = False) -> None:
        """Note whether it is the one request that tries again what was left alone."""
        self.is_probe: Final = is_probe
        self.error: UpstreamError | None = None
        self.finished = False


class Throttle:
    """Every request to one instance passes here."""

    def __init__(
        self,
        *,
        max_in_flight: int,
        max_requests_per_second: float,
        max_wait_seconds: float = 60.0,
        breaker: Breaker | None = None,
        observe: RequestObserver | None = None,
    ) -> None:
        self.breakers: Final = BreakerSet(breaker or Breaker())
        self._slots = asyncio.Semaphore(max_in_flight)
        # One per period, not many per second: a burst would pass the limit within its first second.
        self._limiter = AsyncLimiter(1, 1 / max_requests_per_second)
        self._max_wait_seconds = max_wait_seconds
        self._observe = observe or _ignore

    @asynccontextmanager
    async def slot(
        self, operation: str, kind: RequestKind = RequestKind.CHECKED, *, timeout_counts: bool = True
    ) -> AsyncIterator[Slot]:
        """Wait for a slot and hold it; the wait is bounded and no part of the request's own time-out.

        ``kind`` chooses the breaker; ``timeout_counts`` tells whether a time-out means that Litmus is down.

        Raises:
            UpstreamPausedError: If the breaker of this kind is open.
            UpstreamBusyError: If no slot came within the bound.
        """
        breaker = self.breakers.of(kind)
        slot = await self._enter(operation, breaker)
        started = time.perf_counter()
        try:
            yield slot
            slot.finished = True
        except UpstreamError as exc:
            slot.error = exc
            slot.finished = True
            raise
        finally:
            self._slots.release()
            _settle(breaker, slot, timeout_counts=timeout_counts)
            self._observe(operation, _code(slot), time.perf_counter() - started)

    @contextmanager
    def aside(self, operation: str) -> Iterator[None]:
        """Count a short question that belongs to a slot which is held already."""
        slot = Slot()
        started = time.perf_counter()
        try:
            yield
            slot.finished = True
        except UpstreamError as exc:
            slot.error, slot.finished = exc, True
            raise
        finally:
            self._observe(operation, _code(slot), time.perf_counter() - started)

    async def _enter(self, operation: str, breaker: Breaker) -> Slot:
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
        return Slot(is_probe=breaker.state is not BreakerState.CLOSED)

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
                "Too many requests to this Litmus are waiting; "
                "raise sync.maxInFlight or sync.maxRequestsPerSecond, or lengthen the intervals."
            ) from exc


def _settle(breaker: Breaker, slot: Slot, *, timeout_counts: bool) -> None:
    ignored = isinstance(slot.error, UpstreamTimeoutError) and not timeout_counts
    if not slot.finished or ignored:
        breaker.abandoned()
    elif isinstance(slot.error, UpstreamUnavailableError):
        breaker.failed(certain=isinstance(slot.error, UpstreamAuthAwayError))
    else:
        breaker.succeeded()


def _code(slot: Slot) -> str:
    if not slot.finished:
        return CANCELLED
    return OK if slot.error is None else slot.error.code


def _ignore(operation: str, code: str, seconds: float) -> None:
    """Take no notice."""
