"""Long work leaves the event loop to others, and is counted for whoever asked for it."""

import asyncio
from time import thread_time

from sidecar.slices import SLICE_SECONDS, Meter, Work, metered, metered_by_starter, run_in_slices, run_whole


def work(seconds: float, part_seconds: float = SLICE_SECONDS / 4) -> Work[str]:
    begun = thread_time()
    while thread_time() - begun < seconds:
        compute(part_seconds)
        yield
    return "done"


def compute(seconds: float) -> None:
    begun = thread_time()
    while thread_time() - begun < seconds:
        pass


async def test_others_have_their_turns_while_long_work_is_done() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert await run_in_slices(work(20 * SLICE_SECONDS)) == "done"
    task.cancel()
    assert turns >= 10


def test_work_can_be_done_whole() -> None:
    assert run_whole(work(0.001)) == "done"


async def test_what_is_computed_is_counted_and_not_what_is_waited_for() -> None:
    async def asked() -> str:
        await asyncio.sleep(0.5)
        compute(0.05)
        await asyncio.create_task(metered_by_starter(asked_of_another_task()))
        return "answer"

    async def asked_of_another_task() -> None:
        await asyncio.sleep(0)
        compute(0.05)

    meter = Meter()
    assert await metered(asked(), meter) == "answer"
    assert 0.1 <= meter.seconds < 0.5


async def test_a_metered_request_can_be_given_up() -> None:
    cleaned = []

    async def asked() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    task = asyncio.create_task(metered(asked(), Meter()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert cleaned
