"""Coroutines in whose pauses something else happens: races without a race."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from sidecar.store.store import Store
from tests.support.service import eventually

_Result = TypeVar("_Result")


class AtPause:
    """Awaits a coroutine, and does something when it waits for the so-many-th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], at: int, do: Callable[[], object]) -> None:
        self._coroutine = coroutine
        self._at = at
        self._do = do

    def __await__(self) -> Generator[Any, Any, None]:
        thrown: BaseException | None = None
        for pause in itertools.count():
            try:
                waiting = self._coroutine.throw(thrown) if thrown else self._coroutine.send(None)
            except StopIteration:
                return
            if pause == self._at:
                self._do()
            thrown = None
            try:
                yield waiting
            except BaseException as exc:  # noqa: BLE001 - whatever the task throws is the coroutine's
                thrown = exc


def without_waiting(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine that needs to wait for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: _Result = end.value
        return result
    raise AssertionError("it waits")


async def heal(store: Store, at: int, do: Callable[[], object]) -> bool:
    """Let a degraded store heal, and do something in its so-many-th pause; tell whether it came to that."""
    came_to_that = False

    def do_while_degraded() -> None:
        nonlocal came_to_that
        if store.health.state == "degraded":
            came_to_that = True
            do()

    async def follow() -> None:
        await AtPause(store.follow(), at, do_while_degraded)

    following = asyncio.create_task(follow())
    await eventually(lambda: store.health.state == "ok")
    following.cancel()
    await asyncio.wait([following])
    return came_to_that
