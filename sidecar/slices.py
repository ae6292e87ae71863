"""Long work in slices: it never holds the event loop for longer than a moment, and is counted.

Work is a generator that yields wherever it may be interrupted, and returns its
result; it knows nothing of the event loop, so it can be run whole as well.
"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from time import perf_counter, thread_time
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
Work = Generator[None, None, Result]

SLICE_SECONDS: Final = 0.01
"""After so long, others have their turn at the next place where the work may be interrupted."""


def run_whole(work: Work[Result]) -> Result:
    """Return the result of work at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


async def run_in_slices(work: Work[Result]) -> Result:
    """Return the result of work; everything else on the event loop has its turns meanwhile."""
    begun = perf_counter()
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        if perf_counter() - begun >= SLICE_SECONDS:
            await asyncio.sleep(0)
            begun = perf_counter()


class Meter:
    """How much time of the event loop's thread something took."""

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
