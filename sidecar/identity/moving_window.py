"""How often each of many did something within the last minute, exact at any moment.

Counted at once, without a task or a thread: every request of a person is.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_SECONDS: Final = 60.0
_KEPT_AT_LEAST: Final = 1_000


class MovingWindow:
    """Counts by name, up to a number within any minute; what is one too many is refused, and not counted."""

    def __init__(self, at_most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how often each may within a minute, and a clock in seconds."""
        self._at_most = at_most
        self._clock = clock
        self._moments: dict[str, deque[float]] = {}
        """When each was counted within the last minute, the oldest first."""
        self._look_through_at = _KEPT_AT_LEAST
        """From so many names on they are looked through for those that did nothing for a minute."""

    @property
    def names(self) -> int:
        """Of how many something is remembered."""
        return len(self._moments)

    def hit(self, name: str) -> bool:
        """Count one, unless it is one too many; tell whether it was counted."""
        now = self._clock()
        moments = self._moments.get(name)
        if moments is None:
            if len(self._moments) >= self._look_through_at:
                self._forget_idle(now)
            moments = self._moments[name] = deque()
        else:
            _forget(moments, now)
        if len(moments) >= self._at_most:
            return False
        moments.append(now)
        return True

    def left(self, name: str) -> int:
        """Return how many more would be counted now."""
        moments = self._moments.get(name)
        if moments is None:
            return self._at_most
        _forget(moments, self._clock())
        return self._at_most - len(moments)

    def wait_seconds(self, name: str) -> int:
        """Return whole seconds, at least one, after which somebody who was refused is so no more."""
        moments = self._moments.get(name)
        if not moments:
            return 1
        return max(1, math.ceil(moments[0] + WINDOW_SECONDS - self._clock()))

    def _forget_idle(self, now: float) -> None:
        since = now - WINDOW_SECONDS
        self._moments = {name: kept for name, kept in self._moments.items() if kept and kept[-1] >= since}
        # So that each newcomer costs the same in the long run, however many there are.
        self._look_through_at = max(_KEPT_AT_LEAST, 2 * len(self._moments))


def _forget(moments: deque[float], now: float) -> None:
    """Forget what is longer ago than a minute."""
    since = now - WINDOW_SECONDS
    while moments and moments[0] < since:
        moments.popleft()
