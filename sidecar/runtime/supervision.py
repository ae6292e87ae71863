"""Root tasks that must not end: restarted with back-off, given up in the open.

A task that ends by itself is a bug; it is logged once with its traceback and
started again. After five ends in ten minutes the service is declared dead:
``/healthz`` says so and the process ends with an error. What a task does for
one project or instance among many is contained (:class:`UnitErrors`): foreign
data that brings out a bug there may cost that one, and never the others.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import structlog
from cachetools import LRUCache

from sidecar.domain.errors import SidecarError

MAX_FAILURES: Final = 5
WINDOW_SECONDS: Final = 600.0
FIRST_PAUSE_SECONDS: Final = 0.5
LAG_MEASURED_EVERY_SECONDS: Final = 0.5
ERROR_PAUSE_SECONDS: Final = 60.0
"""How long work that is dear rests after it went wrong; the same will mostly go wrong again."""
_UNITS_REMEMBERED: Final = 10_000

_log = structlog.get_logger(__name__)

RootTask = Callable[[], Coroutine[None, None, None]]
"""Runs until it is cancelled."""
RootTasks = Mapping[str, RootTask]
"""By name, as metrics and the log have it."""


async def measure_loop_lag(observe: Callable[[float], None]) -> None:
    """Tell, until cancelled, how many seconds later than asked for a short sleep ends.

    What holds the event loop delays every request by as much.
    """
    while True:
        asked = time.monotonic() + LAG_MEASURED_EVERY_SECONDS
        await asyncio.sleep(LAG_MEASURED_EVERY_SECONDS)
        # The loop may wake a timer early, by less than its clock's resolution.
        observe(max(time.monotonic() - asked, 0.0))


async def end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and wait for their ends: what outlives its resources would open them again."""
    left = set(tasks)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)


class UnitErrors:
    """Keeps a bug that one unit of work brought out from ending the work on the others.

    A unit is a project or an instance. Its error is logged with its traceback
    when it begins and when it becomes another one, not at every repetition.
    """

    def __init__(self, work: str) -> None:
        """Take the name of the work, for the log."""
        self._work = work
        self._known: LRUCache[str, tuple[type[Exception], float]] = LRUCache(_UNITS_REMEMBERED)

    def record(self, unit: str, error: Exception) -> None:
        """Remember what went wrong, and log it if that is news."""
        known = self._known.get(unit)
        self._known[unit] = (type(error), time.monotonic())
        if known is None or known[0] is not type(error):
            _log.error("failed unexpectedly", work=self._work, unit=unit, exc_info=error)

    def clear(self, unit: str) -> None:
        """Forget the unit's error: its work went well."""
        if self._known.pop(unit, None) is not None:
            _log.info("goes well again", work=self._work, unit=unit)

    def is_resting(self, unit: str) -> bool:
        """Tell whether the unit failed so lately that it is better left alone."""
        known = self._known.get(unit)
        return known is not None and time.monotonic() - known[1] < ERROR_PAUSE_SECONDS

    @contextmanager
    def contained(self, unit: str) -> Iterator[None]:
        """End the block, and nothing more, at an exception that nobody expected; expected ones pass."""
        try:
            yield
        except SidecarError:
            raise
        except Exception as exc:  # noqa: BLE001 - a bug met in one unit must not stop the others
            self.record(unit, exc)
        else:
            self.clear(unit)


class Supervisor:
    """Watches root tasks; ``dead`` names the one that was given up."""

    def __init__(
        self,
        on_failure: Callable[[str], None] = lambda _name: None,
        *,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._on_failure = on_failure
        self._first_pause_seconds = first_pause_seconds
        self.dead: str | None = None
        """Name of a task that failed too often; ``None`` while all is well."""
        self.gave_up = asyncio.Event()

    @asynccontextmanager
    async def running(self, name: str, task: RootTask) -> AsyncIterator[None]:
        """Keep the task running inside the block; it is cancelled, and awaited, at its end."""
        watched = asyncio.create_task(self._watch(name, task), name=name)
        try:
            yield
        finally:
            watched.cancel()
            await asyncio.wait([watched])

    async def _watch(self, name: str, task: RootTask) -> None:
        loop = asyncio.get_running_loop()
        failures: deque[float] = deque(maxlen=MAX_FAILURES)
        while True:
            try:
                await task()
                _log.error("task ended although it never should", task=name)
            except Exception:  # noqa: BLE001 - whatever ended it, the task must run again
                _log.exception("task failed", task=name)
            self._on_failure(name)
            failures.append(loop.time())
            if len(failures) == MAX_FAILURES and failures[-1] - failures[0] <= WINDOW_SECONDS:
                _log.error("task given up after repeated failures", task=name)
                self.dead = name
                self.gave_up.set()
                return
            await asyncio.sleep(self._first_pause_seconds * 2 ** (len(failures) - 1))
