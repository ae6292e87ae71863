"""Large snapshots, merged in slices while others write: nothing is lost, mixed or undone by what is older."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy import text

from sidecar.domain.errors import LeaseLostError
from sidecar.domain.model import Content, Lane, SectionResult, Snapshot
from sidecar.domain.ports import Lease
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.store import Store, open_store
from tests.store.material import (
    BANK,
    SHOP,
    all_jobs,
    clock,
    experiments_result,
    followed_store,
    hubs_result,
    plan_and_take,
    take_job,
)
from tests.store.test_migrations import on_database
from tests.support.service import eventually

ROWS = 1_000
"""Of each section: decoding, comparing and encoding them takes many slices."""
ROUNDS = 6


def many_experiments(number: int) -> SectionResult:
    return experiments_result(*(f"{number}-{row}" for row in range(ROWS)))


def many_hubs(number: int) -> SectionResult:
    return hubs_result(*(f"{number}-{row}" for row in range(ROWS)))


def numbers(snapshot: Snapshot | None) -> tuple[int, int]:
    """Return of which rounds the experiments and the hubs are; all of a section's are of one."""
    assert snapshot is not None
    content = snapshot.content
    ids = [one.experiment_id for one in content.experiments or ()]
    names = [one.name for one in content.hubs or ()]
    return _number(ids), _number(names)


def _number(rows: Sequence[str]) -> int:
    number = int(rows[0].partition("-")[0]) if rows else -1
    assert rows in ([], [f"{number}-{row}" for row in range(ROWS)])
    return number


class Watched:
    """A store whose snapshot is looked at all the time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last = (-1, -1)
        self._contents: dict[int, Content] = {}

    def look(self) -> None:
        snapshot = self._store.snapshots.get(SHOP)
        if snapshot is None:
            return
        seen = numbers(snapshot)
        assert seen[0] >= self._last[0]
        assert seen[1] >= self._last[1]
        assert self._contents.setdefault(snapshot.version, snapshot.content) == snapshot.content
        self._last = seen

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0)


def shows_all(store: Store) -> bool:
    return numbers(store.snapshots.get(SHOP)) == (ROUNDS - 1, ROUNDS - 1)


async def merge_all(store: Store, lease: Lease, result: Callable[[int], SectionResult]) -> None:
    for number in range(ROUNDS):
        await store.snapshots.merge(lease, [result(number)])


@pytest.mark.service
async def test_two_replicas_that_merge_at_once_never_show_something_older(url: str) -> None:
    async with followed_store(url) as one, followed_store(url) as other:
        fast = await plan_and_take(one)
        slow = await take_job(other, lane=Lane.SLOW)
        watching = [asyncio.create_task(Watched(store).watch()) for store in (one, other)]
        await asyncio.gather(merge_all(one, fast, many_experiments), merge_all(other, slow, many_hubs))
        for store in (one, other):
            await eventually(partial(shows_all, store))
        assert not any(task.done() for task in watching)
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)
    async with open_store(url, clock=clock) as after:
        assert shows_all(after)


@pytest.mark.service
async def test_two_lanes_that_merge_while_the_database_comes_and_goes_never_show_something_older(
    url: str,
) -> None:
    async with followed_store(url) as store:
        fast = await plan_and_take(store)
        slow = await take_job(store, lane=Lane.SLOW)
        watched = Watched(store)

        async def come_and_go() -> None:
            while True:
                store.health.mark_lost(StoreUnavailableError("unreachable"))
                await eventually(lambda: store.health.state == "ok")
                for _ in range(20):
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(one) for one in (watched.watch(), come_and_go())]
        await asyncio.gather(merge_all(store, fast, many_experiments), merge_all(store, slow, many_hubs))
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert shows_all(store)
        await eventually(lambda: store.health.state == "ok")
    async with open_store(url, clock=clock) as after:
        assert shows_all(after)


async def test_a_row_that_was_lost_is_written_anew(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        slow = await plan_and_take(store, lane=Lane.SLOW)
        await store.snapshots.merge(slow, [hubs_result("a")])
        on_database(url, lambda connection: connection.execute(text("DELETE FROM snapshots")))
        fast = await take_job(store)

        await store.snapshots.merge(fast, [experiments_result("one")])

    async with open_store(url, clock=clock) as after:
        snapshot = after.snapshots.get(SHOP)
        assert snapshot is not None
        assert [one.name for one in snapshot.content.hubs or ()] == ["a"]
        assert [one.experiment_id for one in snapshot.content.experiments or ()] == ["one"]


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_project_that_leaves_while_it_is_merged_does_not_come_back(
    url: str, *, is_away: bool
) -> None:
    async with followed_store(url) as store:
        for passes in range(0, 60, 10):
            await store.leases.plan(all_jobs(SHOP, BANK), clock())
            await store.snapshots.retain([SHOP, BANK])
            lease = await take_job(store)
            if is_away:
                store.health.mark_lost(StoreUnavailableError("unreachable"))
            merging = asyncio.create_task(store.snapshots.merge(lease, [many_experiments(passes)]))
            for _ in range(passes):
                await asyncio.sleep(0)
            await store.leases.plan(all_jobs(BANK), clock())
            await store.snapshots.retain([BANK])
            with suppress(LeaseLostError):
                await merging
            await eventually(lambda: store.health.state == "ok")
            assert store.snapshots.get(SHOP) is None
