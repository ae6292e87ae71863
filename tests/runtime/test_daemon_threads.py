"""What blocks without end keeps neither whoever asked nor the end of the loop."""

import asyncio
import threading

import pytest

from sidecar.runtime.daemon_threads import in_daemon_thread

CEILING_SECONDS = 60.0


def test_a_call_that_hangs_is_given_up_and_delays_no_end() -> None:
    release = threading.Event()
    # Lets a loop end that waits for the thread after all, so that the test fails and does not hang.
    watchdog = threading.Timer(CEILING_SECONDS, release.set)
    watchdog.start()
    hanging: list[threading.Thread] = []

    def hang() -> None:
        hanging.append(threading.current_thread())
        release.wait()

    try:
        with pytest.raises(TimeoutError):
            asyncio.run(in_daemon_thread(hang, timeout_seconds=0.05))
        assert not release.is_set()
    finally:
        release.set()
        watchdog.cancel()
    assert [thread.daemon for thread in hanging] == [True]
    # What it returns after all is nobody's business, and no error of a thread.
    hanging[0].join(CEILING_SECONDS)
    assert not hanging[0].is_alive()


async def test_what_is_returned_and_raised_arrives() -> None:
    assert await in_daemon_thread(lambda: "told", timeout_seconds=CEILING_SECONDS) == "told"
    with pytest.raises(ValueError, match="invalid literal"):
        await in_daemon_thread(lambda: int("x"), timeout_seconds=CEILING_SECONDS)
