"""What several wait for is done once, and goes on whoever leaves."""

import asyncio

import pytest

from sidecar.runtime.shared_tasks import SharedTasks
from tests.support.service import eventually


class Work:
    """Ends when it is allowed to; counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def done(self) -> int:
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        return number


async def waiting(shared: SharedTasks[str, int], work: Work, *keys: str) -> list[asyncio.Task[int]]:
    readers = [asyncio.create_task(shared.result(key, work.done)) for key in keys]
    await eventually(lambda: work.begun == len(set(keys)))
    return readers


async def test_all_who_wait_under_one_key_get_what_one_task_brings() -> None:
    shared, work = SharedTasks[str, int](), Work()
    readers = await waiting(shared, work, "a", "a", "b")
    assert "a" in shared
    work.may_end.set()
    assert await asyncio.gather(*readers) == [1, 1, 2]
    assert "a" not in shared


async def test_the_next_who_asks_begins_anew() -> None:
    shared, work = SharedTasks[str, int](), Work()
    work.may_end.set()
    assert [await shared.result("a", work.done) for _ in range(2)] == [1, 2]


async def test_who_leaves_takes_nothing_from_the_others() -> None:
    shared, work = SharedTasks[str, int](), Work()
    first, second = await waiting(shared, work, "a", "a")
    first.cancel()
    await asyncio.wait([first])
    work.may_end.set()
    assert await second == 1


async def test_an_error_is_raised_to_all_who_wait_and_kept_for_nobody() -> None:
    shared = SharedTasks[str, int]()

    async def fail() -> int:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            await shared.result("a", fail)


async def test_nothing_runs_once_it_is_closed() -> None:
    shared, work = SharedTasks[str, int](), Work()
    (reader,) = await waiting(shared, work, "a")
    await shared.close()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert "a" not in shared


async def test_what_was_begun_before_anybody_asked_is_what_they_wait_for() -> None:
    shared, work = SharedTasks[str, int](), Work()
    shared.begin("a", work.done)
    shared.begin("a", work.done)
    readers = await waiting(shared, work, "a")
    work.may_end.set()
    assert await asyncio.gather(*readers) == [1]
    assert work.begun == 1
