"""How often one caller may ask and act, at once and in a minute; counted per replica."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from cachetools import LRUCache

from sidecar.domain.errors import TooManyRequestsError
from sidecar.identity.moving_window import MovingWindow

REMEMBERED_CALLERS: Final = 10_000
_MINUTE_SECONDS: Final = 60.0
ASIDE_PER_PLACE: Final = 10
"""Requests that may wait for what others do, for each that is worked on; one costs some kilobytes."""


class RequestRateLimit:
    """Moving windows of a minute per caller."""

    def __init__(
        self,
        *,
        person_per_minute: int,
        actions_per_minute: int,
        key_per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the limits, and a clock in seconds.

        ``key_per_minute`` ``None``: keys without a person are not limited.
        """
        self._person = MovingWindow(person_per_minute, clock=clock)
        self._action = MovingWindow(actions_per_minute, clock=clock)
        self._key = None if key_per_minute is None else MovingWindow(key_per_minute, clock=clock)

    def check_request(self, name: str, *, is_person: bool) -> None:
        """Count a request of the caller.

        Raises:
            TooManyRequestsError: If it is one too many.
        """
        limit = self._person if is_person else self._key
        if limit is not None:
            _count(limit, name, "Too many requests: slow down and try again.")

    def may_request(self, name: str, *, is_person: bool) -> bool:
        """Count a request of the caller, and return true; false, without counting, if it is one too many."""
        limit = self._person if is_person else self._key
        return limit is None or limit.hit(name)

    def check_action(self, name: str) -> None:
        """Count an action of the caller.

        Raises:
            TooManyRequestsError: If it is one too many.
        """
        _count(self._action, name, "Too many actions: wait a moment before the next.")


def _count(limit: MovingWindow, name: str, sentence: str) -> None:
    if not limit.hit(name):
        raise TooManyRequestsError(sentence, retry_after_seconds=limit.wait_seconds(name))


class ConcurrencyLimit:
    """How many requests of one caller are worked on at once; a few more wait for a moment."""

    def __init__(self, *, person_at_once: int, key_at_once: int, patience_seconds: float = 2.0) -> None:
        """Take the bounds; as many as are worked on may wait, each for ``patience_seconds`` at most."""
        self._person_at_once = person_at_once
        self._key_at_once = key_at_once
        self._patience_seconds = patience_seconds
        self._callers: dict[str, _Taken] = {}

    @asynccontextmanager
    async def place(self, name: str, *, is_person: bool) -> AsyncIterator["Place"]:
        """Hold a place of the caller.

        Raises:
            TooManyRequestsError: If none gets free in time.
        """
        at_once = self._person_at_once if is_person else self._key_at_once
        taken = self._callers.setdefault(name, _Taken(at_once))
        if taken.count >= 2 * at_once:
            raise _too_many_at_once(at_once)
        taken.count += 1
        place = Place(taken)
        try:
            try:
                async with asyncio.timeout(self._patience_seconds):
                    await taken.turns.acquire()
            except TimeoutError:
                raise _too_many_at_once(at_once) from None
            place.is_held = True
            try:
                yield place
            finally:
                if place.is_held:
                    taken.turns.release()
        finally:
            taken.count -= 1
            if not taken.count and not taken.aside:
                self._callers.pop(name, None)


class _Taken:
    """What one caller takes."""

    __slots__ = ("aside", "at_once", "count", "turns")

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.turns = asyncio.Semaphore(at_once)
        self.count = 0
        """Requests that are worked on or wait for it."""
        self.aside = 0
        """Requests that wait for what others do, and have left their places meanwhile."""


class Place:
    """A place of a caller that is held."""

    __slots__ = ("_taken", "is_held")

    def __init__(self, taken: _Taken) -> None:
        self._taken = taken
        self.is_held = False

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Leave the place to others for a wait that costs nothing, and take one again after it.

        So a crowd may wait for the same thing. Whoever would be one too many in it keeps the place.
        """
        taken = self._taken
        if not self.is_held or taken.aside >= ASIDE_PER_PLACE * taken.at_once:
            yield
            return
        self.is_held = False
        taken.turns.release()
        taken.count -= 1
        taken.aside += 1
        try:
            yield
        finally:
            taken.aside -= 1
            taken.count += 1
            # Nobody is refused who was let in before.
            await taken.turns.acquire()
            self.is_held = True


def _too_many_at_once(at_once: int) -> TooManyRequestsError:
    return TooManyRequestsError(
        f"Too many requests at the same time: {at_once} of one caller are worked on at once.",
        retry_after_seconds=1,
    )


class WorkBudget:
    """How much of the event loop's time each caller may use in a minute, in the long run.

    What was used is forgotten evenly; a request is refused while more than a
    minute's allowance is not yet forgotten, so no request is ever cut short.
    """

    def __init__(
        self,
        *,
        person_ms_per_minute: int,
        key_ms_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the allowances in milliseconds per minute, and a clock in seconds."""
        self._person_seconds = person_ms_per_minute / 1000
        self._key_seconds = key_ms_per_minute / 1000
        self._clock = clock
        self._used: LRUCache[str, tuple[float, float]] = LRUCache(REMEMBERED_CALLERS)
        """Seconds of work not yet forgotten, and as of when."""

    def check(self, name: str, *, is_person: bool) -> None:
        """Refuse a caller who used more than the allowance.

        Raises:
            TooManyRequestsError: Says when enough is forgotten.
        """
        allowed = self._allowed(is_person=is_person)
        excess = self._left_of(name, allowed) - allowed
        if excess >= 0:
            raise TooManyRequestsError(
                "Too much work: your requests of the last minute took too long to answer. Ask for less.",
                retry_after_seconds=max(1, math.ceil(excess * _MINUTE_SECONDS / allowed)),
            )

    def has_left(self, name: str, *, is_person: bool) -> bool:
        """Tell whether a caller has not used up the allowance."""
        allowed = self._allowed(is_person=is_person)
        return self._left_of(name, allowed) < allowed

    def spend(self, name: str, seconds: float, *, is_person: bool) -> None:
        """Count work that was done for a caller."""
        used = self._left_of(name, self._allowed(is_person=is_person)) + seconds
        self._used[name] = (used, self._clock())

    def _allowed(self, *, is_person: bool) -> float:
        return self._person_seconds if is_person else self._key_seconds

    def _left_of(self, name: str, allowed: float) -> float:
        used, at = self._used.get(name, (0.0, 0.0))
        return max(0.0, used - (self._clock() - at) * allowed / _MINUTE_SECONDS)
