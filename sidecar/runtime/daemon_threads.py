"""Calls that may block for longer than anybody waits, as a resolver's do."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(function: Callable[[], T], *, timeout_seconds: float) -> T:
    """Return what a function returns, called in a thread that is left to itself when the time is over.

    The end of the loop waits for ``asyncio.to_thread``, the end of the process for the loop's own
    resolver; for this thread neither does.

    Raises:
        TimeoutError: If the function has not returned in time.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()

    def call() -> None:
        try:
            done.set_result(function())
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            done.set_exception(error)

    Thread(target=call, daemon=True).start()
    async with asyncio.timeout(timeout_seconds):
        return await asyncio.wrap_future(done)
