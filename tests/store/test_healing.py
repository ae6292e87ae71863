"""What comes in while a lost database is brought up to date, at whatever moment: nothing is lost."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from sidecar.domain.model import Content, Lane, Snapshot
from sidecar.domain.ports import Lease
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.store import Store, open_store
from tests.store.material import (
    BANK,
    FAR,
    SHOP,
    all_jobs,
    change,
    clock,
    experiments_result,
    followed_store,
    hubs_result,
    job,
    plan_and_take,
    run,
    take_job,
)
from tests.store.pausing import heal, without_waiting
from tests.support.service import eventually

pytestmark = pytest.mark.service

AWAY = StoreUnavailableError("unreachable")
PAUSES = 5
"""A heal has more; a test that did nothing in them would show nothing."""


def shown(snapshot: Snapshot | None) -> tuple[Sequence[str], Sequence[str]]:
    """Return the experiments and the hubs."""
    assert snapshot is not None
    content = snapshot.content
    return [one.experiment_id for one in content.experiments or ()], [one.name for one in content.hubs or ()]


class Versions:
    """The content that was seen under every version."""

    def __init__(self) -> None:
        self._contents: dict[int, Content] = {}

    def see(self, snapshot: Snapshot | None) -> None:
        assert snapshot is not None
        assert self._contents.setdefault(snapshot.version, snapshot.content) == snapshot.content


@pytest.mark.parametrize("other_went_on", [False, True])
async def test_result_of_that_moment_is_kept_under_a_version_of_its_own(
    tmp_path: Path, *, other_went_on: bool
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with open_store(url, clock=clock, poll_seconds=0) as store, open_store(url, clock=clock) as other:
        slow = await plan_and_take(store, lane=Lane.SLOW)
        fast = await take_job(other if other_went_on else store)
        versions = Versions()
        for at in itertools.count():
            store.health.mark_lost(AWAY)
            versions.see(await store.snapshots.merge(slow, [hubs_result(f"before {at}")]))
            await (other if other_went_on else store).snapshots.merge(fast, [experiments_result(f"{at}")])

            def merge_another(at: int = at) -> None:
                versions.see(without_waiting(store.snapshots.merge(slow, [hubs_result(f"during {at}")])))

            if not await heal(store, at, merge_another):
                break
            expected = ([f"{at}"], [f"during {at}"])
            assert shown(store.snapshots.get(SHOP)) == expected
            versions.see(store.snapshots.get(SHOP))
            async with open_store(url, clock=clock) as after:
                assert shown(after.snapshots.get(SHOP)) == expected
        assert at >= PAUSES


async def test_first_result_is_not_undone_by_what_was_stored_before_the_start(tmp_path: Path) -> None:
    directory, away = tmp_path / "data", tmp_path / "away"
    directory.mkdir()
    url = f"sqlite:///{directory}/store.db"
    async with open_store(url, clock=clock) as store:
        await store.snapshots.merge(await plan_and_take(store), [experiments_result("old")])
    for at in itertools.count():
        directory.rename(away)
        async with open_store(url, clock=clock, poll_seconds=0) as store:
            lease = await plan_and_take(store)
            away.rename(directory)

            def merge_first(at: int = at, store: Store = store, lease: Lease = lease) -> None:
                without_waiting(store.snapshots.merge(lease, [experiments_result(f"new {at}")]))

            if not await heal(store, at, merge_first):
                break
            assert shown(store.snapshots.get(SHOP)) == ([f"new {at}"], [])
        async with open_store(url, clock=clock) as after:
            assert shown(after.snapshots.get(SHOP)) == ([f"new {at}"], [])
    assert at >= PAUSES


async def test_project_that_leaves_at_that_moment_does_not_come_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with open_store(url, clock=clock, poll_seconds=0) as store:
        for at in itertools.count():
            await store.leases.plan(all_jobs(SHOP, BANK), clock())
            await store.snapshots.retain([SHOP, BANK])
            lease = await take_job(store)
            store.health.mark_lost(AWAY)
            await store.snapshots.merge(lease, [experiments_result(f"{at}")])

            def leave() -> None:
                without_waiting(store.leases.plan(all_jobs(BANK), clock()))
                without_waiting(store.snapshots.retain([BANK]))

            if not await heal(store, at, leave):
                break
            assert store.snapshots.get(SHOP) is None
        assert at >= PAUSES


async def test_plan_and_release_of_that_moment_reach_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with open_store(url, clock=clock, poll_seconds=0) as store, open_store(url, clock=clock) as other:
        for at in itertools.count():
            await store.leases.plan(all_jobs(SHOP), clock())
            lease = await take_job(store, lane=Lane.SLOW)
            store.health.mark_lost(AWAY)

            def plan_and_release(lease: Lease = lease) -> None:
                without_waiting(store.leases.plan(all_jobs(SHOP, BANK), clock()))
                without_waiting(store.leases.release(lease, clock() - FAR, failed=False))

            if not await heal(store, at, plan_and_release):
                break
            taken = [await other.leases.take("default", [Lane.SLOW], clock()) for _ in range(2)]
            assert {one.job for one in taken if one} == {job(SHOP, Lane.SLOW), job(BANK, Lane.SLOW)}
            for one in taken:
                assert one is not None
                await other.leases.release(one, clock(), failed=False)
        assert at >= PAUSES


async def test_a_database_in_memory_keeps_everything_while_it_is_opened_anew() -> None:
    async with followed_store("memory:") as store, open_store("memory:", clock=clock) as other:
        lease = await plan_and_take(store, lane=Lane.HISTORY)
        await store.history.record(lease, change(run()))
        store.health.mark_lost(StoreUnavailableError("timeout"))

        await eventually(lambda: store.health.state == "ok")

        assert await store.history.count(SHOP, ["experiment-1"]) == 1
        assert await other.history.count(SHOP, ["experiment-1"]) == 0
