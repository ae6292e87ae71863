"""Long work leaves the event loop to others, and is counted for whoever asked for it."""

import asyncio
from time import thread_time

import pytest

from sidecar.runtime.turns import (
    JOINED_AT_ONCE_BYTES,
    LONG_AT_ONCE,
    SLICE_SECONDS,
    Meter,
    Turns,
    Work,
    metered,
    metered_by_starter,
    run_whole,
)


def work(seconds: float, part_seconds: float = SLICE_SECONDS / 4) -> Work[str]:
    # Counted in parts: what others compute on this thread meanwhile is no work of this one.
    for _ in range(round(seconds / part_seconds)):
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
    assert await Turns().run("key", work(20 * SLICE_SECONDS)) == "done"
    task.cancel()
    assert turns >= 10


@pytest.mark.service
async def test_a_crowd_that_asks_for_much_has_one_slice_in_each_pass_of_the_loop() -> None:
    longest = 0.0
    turns = Turns()

    async def other() -> None:
        nonlocal longest
        while True:
            begun = thread_time()
            await asyncio.sleep(0)
            longest = max(longest, thread_time() - begun)

    crowd = [asyncio.create_task(turns.run(number, work(3 * SLICE_SECONDS))) for number in range(100)]
    await asyncio.sleep(0)
    task = asyncio.create_task(other())
    assert await asyncio.gather(*crowd) == ["done"] * 100
    task.cancel()
    # A slice of one of them, not of all hundred.
    assert longest < 0.1


@pytest.mark.service
async def test_of_many_who_ask_for_much_few_are_half_done_and_who_asks_for_less_is_not_last() -> None:
    turns, half_done, most = Turns(), 0, 0
    ended: list[str] = []

    def long() -> Work[None]:
        nonlocal half_done, most
        yield from work(3 * SLICE_SECONDS)
        half_done += 1
        most = max(most, half_done)
        yield from work(3 * SLICE_SECONDS)
        half_done -= 1
        ended.append("long")

    def short() -> Work[None]:
        # More than a moment, and then nothing: it ends in its first slice, however slow the machine.
        compute(SLICE_SECONDS / 2)
        yield
        ended.append("short")

    crowd = [asyncio.create_task(turns.run(number, long())) for number in range(20)]
    await asyncio.sleep(0)
    await asyncio.gather(turns.run("short", short()), *crowd)
    assert most <= LONG_AT_ONCE
    assert "short" in ended[: 2 * LONG_AT_ONCE]


async def test_what_many_ask_for_at_once_is_done_once_and_whoever_leaves_takes_it_from_nobody() -> None:
    turns, begun = Turns(), 0

    def counted() -> Work[str]:
        nonlocal begun
        yield from work(SLICE_SECONDS)
        begun += 1
        result = yield from work(3 * SLICE_SECONDS)
        return result

    crowd = [asyncio.create_task(turns.run("key", counted())) for _ in range(20)]
    await asyncio.sleep(0)
    crowd[0].cancel()
    answers = await asyncio.gather(*crowd, return_exceptions=True)
    assert answers[1:] == ["done"] * 19
    assert begun == 1


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


@pytest.mark.parametrize("length", [0, 1, JOINED_AT_ONCE_BYTES])
async def test_pieces_are_joined_in_their_order_however_long(length: int) -> None:
    pieces = [b"a" * length, b"b", b"c" * length]
    assert await Turns().join(pieces) == b"".join(pieces)
