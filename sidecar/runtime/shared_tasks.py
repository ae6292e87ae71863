"""Work that is done once for all who wait for the same at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

from sidecar.runtime.supervision import end_all

K = TypeVar("K", bound=Hashable)
Result = TypeVar("Result")


class SharedTasks(Generic[K, Result]):
    """One task per key, as long as it runs."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[Result]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._running

    async def result(self, key: K, begin: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return, or raise, what comes of the task of this key; it is begun unless it runs already.

        Whoever leaves takes nothing from the others.
        """
        self.begin(key, begin)
        return await asyncio.shield(self._running[key])

    def begin(self, key: K, begin: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        """Begin the task of this key, unless it runs already; an error is told to who waits for it alone."""
        if key not in self._running:
            task = self._running[key] = asyncio.create_task(begin())
            task.add_done_callback(partial(self._done, key))

    async def close(self) -> None:
        """Give up what is being done; nobody waits for it any more."""
        await end_all(self._running.values())

    def _done(self, key: K, task: asyncio.Task[Result]) -> None:
        del self._running[key]
        if not task.cancelled():
            # Of an error that nobody waited for any more, nobody is to be told.
            task.exception()
