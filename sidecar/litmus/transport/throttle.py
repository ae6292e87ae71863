"""How many requests one Litmus instance gets at once, how often, and, by its breakers, when none at all."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol

from sidecar.domain.errors import (
    UpstreamAuthAwayError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamOverloadedError,
    UpstreamPausedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from sidecar.litmus.transport.breaker import Breaker, BreakerSet, BreakerState, RequestKind
from sidecar.litmus.transport.pace import Pace, pace_after_answer, pace_after_failure, usual_after
from sidecar.runtime.demand import count_request

OK: Final = "ok"
RECENT_WEIGHT: Final = 0.1
"""Of the last answer in how long answers take lately."""
CANCELLED: Final = "cancelled"


class RequestObserver(Protocol):
    """Told of every request, and of every one that was not sent."""

    def __call__(self, operation: str, code: str, seconds: float) -> None:
        """Count a request: its root fields joined by ``+``, ``ok`` or an error's code, its duration.

        The code is ``cancelled`` where the caller left; the duration is 0 for
        what was not sent, and never includes the wait for a slot.
        """


class Slot:
    """One request's slot; whoever holds it notes an error that did not become an exception."""

    def __init__(self, *, is_probe: bool = False) -> None:
        """Note whether it is the one request that tries again what was left alone."""
        self.is_probe: Final = is_probe
        self.error: UpstreamError | None = None
        self.finished = False
        self.answered_at: float | None = None
        """When the answer was here, by :func:`time.perf_counter`; reading it says nothing of Litmus."""

    def answered(self) -> None:
        """Note that the answer is here."""
        self.answered_at = time.perf_counter()


class _Spacing:
    """Lets one pass after the other, each a distance after the one before.

    One per period, not many per second: a burst would pass the limit within its first second.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._last = -math.inf

    async def wait(self, per_second: Callable[[], float]) -> None:
        """Wait for the next turn at the pace that holds when it begins."""
        async with self._turn:
            distance = 1 / per_second()
            due = self._last + distance
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            # Waking late by a little does not slow the pace down; nobody catches up on more.
            self._last = due if now - due < distance else now


class Throttle:
    """Every request to one instance passes here."""

    def __init__(
        self,
        *,
        max_in_flight: int,
        max_requests_per_second: float | None,
        max_wait_seconds: float = 60.0,
        breaker: Breaker | None = None,
        observe: RequestObserver | None = None,
    ) -> None:
        """Take the bounds; without ``max_requests_per_second`` the pace follows how Litmus answers."""
        self.breakers: Final = BreakerSet(breaker or Breaker())
        self._at_once = max_in_flight
        self._recent_seconds = 0.0
        """How long answers took lately; 0 before the first."""
        self._slots = asyncio.Semaphore(max_in_flight)
        self._spacing = _Spacing()
        self._fixed = max_requests_per_second
        self._pace = Pace()
        self._usual_seconds: dict[tuple[str, RequestKind], float] = {}
        """By what was asked: a list takes longer than a count."""
        self._max_wait_seconds = max_wait_seconds
        self._observe = observe or _ignore

    def configure(self, *, max_requests_per_second: float | None, longest_pause_seconds: float) -> None:
        """Take other bounds; the pace without one follows how Litmus answers, from where that has got to."""
        self._fixed = max_requests_per_second
        self.breakers.configure(longest_pause_seconds)

    @property
    def per_second(self) -> float:
        """How many requests per second pass at most now."""
        return self._pace.per_second if self._fixed is None else self._fixed

    @property
    def capacity_per_second(self) -> float:
        """How many requests per second can be answered now: by the pace, and by how long answers take."""
        if not self._recent_seconds:
            return self.per_second
        return min(self.per_second, self._at_once / self._recent_seconds)

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
            seconds = (slot.answered_at or time.perf_counter()) - started
            self._judge((operation, kind), slot, seconds, timeout_counts=timeout_counts)
            self._observe(operation, _code(slot), seconds)

    def _judge(
        self, asked: tuple[str, RequestKind], slot: Slot, seconds: float, *, timeout_counts: bool
    ) -> None:
        """Let the pace follow how a request ended; a refusal, quick as it is, says nothing of load."""
        if not slot.finished or (isinstance(slot.error, UpstreamTimeoutError) and not timeout_counts):
            return
        now = time.monotonic()
        if isinstance(slot.error, UpstreamUnavailableError | UpstreamOverloadedError):
            self._pace = pace_after_failure(self._pace, now=now)
        elif slot.error is None:
            recent = self._recent_seconds or seconds
            self._recent_seconds = recent + RECENT_WEIGHT * (seconds - recent)
            usual = self._usual_seconds.get(asked)
            self._pace = pace_after_answer(self._pace, seconds=seconds, usual_seconds=usual, now=now)
            self._usual_seconds[asked] = usual_after(usual, seconds)

    @contextmanager
    def within_slot(self, operation: str) -> Iterator[None]:
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
        count_request()
        return Slot(is_probe=breaker.state is not BreakerState.CLOSED)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await self._slots.acquire()
                try:
                    await self._spacing.wait(lambda: self.per_second)
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
