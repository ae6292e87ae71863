"""Long work in slices: it never holds the event loop for longer than a moment, and is counted.

Work is a generator that yields wherever it may be interrupted, and returns its
result; it knows nothing of the event loop, so it can be run whole as well. What is
one pure function of values is left to a thread, a few at once.
"""

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Hashable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial, update_wrapper
from time import perf_counter, thread_time
from typing import Any, Final, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sidecar.runtime.shared_tasks import SharedTasks

Given = ParamSpec("Given")
Result = TypeVar("Result")
Work = Generator[None, None, Result]

SLICE_SECONDS: Final = 0.0015
"""After so long, others have their turn at the next place where the work may be interrupted."""
MOMENT_SECONDS: Final = 0.0005
"""Work that takes no longer waits for no turn."""
ASIDE_AT_ONCE: Final = 2
"""Threads that compute beside the event loop, which waits for each when it wakes: 0.5 ms in ``serve``."""
JOINED_AT_ONCE_BYTES: Final = 1024 * 1024
"""From here on the interpreter is free while bytes are joined (CPython's ``bytes.join``)."""
LONG_AT_ONCE: Final = 4
"""Of work that one slice does not end; what waits half done holds memory."""


def run_whole(work: Work[Result]) -> Result:
    """Return the result of work at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


class interruptible(Generic[Given, Result]):  # noqa: N801 - a decorator
    """A function that may be done in pieces: called, it returns its result; ``work`` is the same as work."""

    def __init__(self, work: Callable[Given, Work[Result]]) -> None:
        self.work: Final = work
        update_wrapper(self, work)

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Do it whole."""
        return run_whole(self.work(*args, **kwargs))


_LOCKS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """Wait for a turn on this event loop, and let everything else have its own after it.

    In each pass of the loop one slice of long work is done, however much waits: else a hundred who ask for
    much at the same time would each have a slice before anybody else is heard. Who waits longest is next.
    """
    loop = asyncio.get_running_loop()
    lock = _LOCKS.get(loop)
    if lock is None:
        lock = _LOCKS[loop] = asyncio.Lock()
    async with lock:
        yield
        await asyncio.sleep(0)


async def in_slices(work: Work[Result]) -> Result:
    """Return the result of work that only its caller waits for, such as a synchronisation.

    It waits for its turns as all long work does, and takes no place from what readers wait for. What ends
    within a moment is done at once.
    """
    if (end := _slice(work, MOMENT_SECONDS)) is not None:
        return end[0]
    while True:
        async with turn():
            if (end := _slice(work)) is not None:
                return end[0]


class Turns:
    """What readers wait for: done once for all who ask for the same at the same time, in turns.

    What one slice does not end goes on when one of a few places is free, so that
    a hundred long answers are not all half built in memory, and short ones do
    not wait for them.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(LONG_AT_ONCE)
        self._shared: SharedTasks[Hashable, Any] = SharedTasks()
        self._aside = asyncio.Semaphore(ASIDE_AT_ONCE)

    async def run(self, key: Hashable, work: Work[Result]) -> Result:
        """Return the result of work, done once for all who ask under the same key at the same time.

        What ends within a moment is done at once. Whoever leaves takes nothing from the others.
        """
        if (end := _slice(work, MOMENT_SECONDS)) is not None:
            return end[0]
        if key in self._shared:
            work.close()
        result: Result = await self._shared.result(key, lambda: metered_by_starter(self._rest(work)))
        return result

    async def aside(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Return what a pure function returns, worked out in a thread, and count its CPU time.

        Nothing in it may hold the interpreter for long in one call, as a codec of megabytes does.
        """
        async with self._aside:
            result, seconds = await asyncio.to_thread(_clocked, partial(function, *args, **kwargs))
        meter = _METER.get()
        if meter is not None:
            meter.seconds += seconds
        return result

    async def join(self, pieces: Sequence[bytes]) -> bytes:
        """Return all pieces as one; megabytes are copied in a thread, without the interpreter."""
        if sum(map(len, pieces)) < JOINED_AT_ONCE_BYTES:
            return b"".join(pieces)
        return await self.aside(b"".join, pieces)

    async def close(self) -> None:
        """Give up what is being done; nobody waits for it any more."""
        await self._shared.close()

    async def _rest(self, work: Work[Result]) -> Result:
        async with turn():
            if (end := _slice(work)) is not None:
                return end[0]
        async with self._places:
            while True:
                async with turn():
                    if (end := _slice(work)) is not None:
                        return end[0]


def _clocked(function: Callable[[], Result]) -> tuple[Result, float]:
    begun = thread_time()
    return function(), thread_time() - begun


def _slice(work: Work[Result], seconds: float = SLICE_SECONDS) -> tuple[Result] | None:
    """Do one slice of work; return its result if that was the end of it."""
    begun = perf_counter()
    while perf_counter() - begun < seconds:
        try:
            next(work)
        except StopIteration as end:
            return (end.value,)
    return None


class Meter:
    """How much CPU time something took, of the event loop's thread or of one beside it."""

    def __init__(self) -> None:
        self.seconds = 0.0


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


async def metered(coroutine: Coroutine[Any, Any, Result], meter: Meter) -> Result:
    """Run a coroutine and count its CPU time, without what it waits for."""
    token = _METER.set(meter)
    try:
        return await _timed(coroutine, meter)
    finally:
        _METER.reset(token)


async def metered_by_starter(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run the coroutine of a new task, counted for whoever started the task."""
    meter = _METER.get()
    return await (coroutine if meter is None else _timed(coroutine, meter))


@types.coroutine
def _timed(coroutine: Coroutine[Any, Any, Result], meter: Meter) -> Generator[Any, Any, Result]:
    error: BaseException | None = None
    value = None
    while True:
        begun = thread_time()
        try:
            waits_for = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            meter.seconds += thread_time() - begun
        value, error = None, None
        try:
            value = yield waits_for
        except BaseException as exc:  # noqa: BLE001 - handed on, cancellation included
            error = exc
