"""Root tasks are restarted, and given up in the open."""

import asyncio

from sidecar.supervision import MAX_FAILURES, Supervisor
from tests.support.service import eventually


async def test_a_task_that_fails_is_started_again() -> None:
    starts = 0
    failures: list[str] = []

    async def fail_twice() -> None:
        nonlocal starts
        starts += 1
        if starts <= 2:
            raise RuntimeError("bug")
        await asyncio.Event().wait()

    supervisor = Supervisor(failures.append, first_pause_seconds=0.001)
    async with supervisor.running("work", fail_twice):
        await eventually(lambda: starts == 3)
    assert failures == ["work", "work"]
    assert supervisor.dead is None


async def test_a_task_that_ends_without_an_error_is_started_again_too() -> None:
    starts = 0

    async def end() -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            await asyncio.Event().wait()

    async with Supervisor(first_pause_seconds=0.001).running("work", end):
        await eventually(lambda: starts == 2)


async def test_a_task_that_keeps_failing_is_given_up_and_named() -> None:
    starts = 0

    async def fail() -> None:
        nonlocal starts
        starts += 1
        raise RuntimeError("bug")

    supervisor = Supervisor(first_pause_seconds=0.001)
    async with supervisor.running("work", fail):
        await supervisor.gave_up.wait()
    assert starts == MAX_FAILURES
    assert supervisor.dead == "work"


async def test_the_task_ends_with_the_block() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Supervisor().running("work", work):
        await asyncio.sleep(0)
    assert ended.is_set()
