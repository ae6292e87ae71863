"""Requests that come together are let on a few in each pass of the event loop, everybody's in turn."""

import asyncio
from contextlib import suppress

from sidecar.runtime.door import Door


class Passes:
    """Counts the passes of the event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._tick()

    def _tick(self) -> None:
        self.count += 1
        self._handle = asyncio.get_running_loop().call_soon(self._tick)

    def stop(self) -> None:
        self._handle.cancel()


async def crowd(door: Door, *names: str) -> list[tuple[int, str]]:
    """Let these ask at once; return in which pass each was let on, and whom, in that order."""
    passes, seen = Passes(), []

    async def one(name: str) -> None:
        await door.pass_through(name)
        seen.append((passes.count, name))

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name))
    passes.stop()
    return seen


async def test_who_comes_alone_does_not_wait() -> None:
    door, passes = Door(), Passes()
    for _ in range(20):
        before = passes.count
        await door.pass_through("a")
        assert passes.count == before
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    passes.stop()


async def test_in_each_pass_a_few_are_let_on() -> None:
    seen = await crowd(Door(per_pass=4), *["a"] * 50)
    in_pass = [at for at, _ in seen]
    assert len(seen) == 50
    assert max(in_pass.count(at) for at in in_pass) == 4


async def test_nobody_waits_for_all_of_anothers() -> None:
    seen = await crowd(Door(per_pass=4), *["a"] * 50, "b", "c")
    assert {"b", "c"} <= {name for _, name in seen[:8]}


async def test_who_leaves_takes_nobodys_place() -> None:
    door = Door(per_pass=1)
    waiting = [asyncio.create_task(door.pass_through("a")) for _ in range(10)]
    await asyncio.sleep(0)
    for task in waiting[1:9]:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*waiting[1:9])
    await asyncio.gather(waiting[0], waiting[9])
    assert [at for at, _ in await crowd(door, "b")] != []
