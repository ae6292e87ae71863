"""Snapshots of every store: see ``ports.Snapshots``."""

import asyncio
from collections.abc import Callable

import pytest

from sidecar.domain.model import Lane, Section, SectionResult
from sidecar.domain.ports import Lease
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.store import Store, open_store
from tests.store.material import (
    BANK,
    DOWN,
    FAR,
    SHOP,
    all_jobs,
    clock,
    experiments_result,
    failed_result,
    hubs_result,
    plan_and_take,
    take_job,
)
from tests.support.service import CEILING_SECONDS


class TestSnapshots:
    async def test_there_is_none_before_the_first_attempt(self, store: Store) -> None:
        assert store.snapshots.get(SHOP) is None
        assert store.snapshots.head(SHOP) is None

    async def test_what_was_merged_is_served(self, store: Store) -> None:
        lease = await plan_and_take(store, lane=Lane.SLOW)

        merged = await store.snapshots.merge(lease, [hubs_result("a")])

        assert store.snapshots.get(SHOP) == merged
        assert [hub.name for hub in merged.content.hubs or ()] == ["a"]

    async def test_version_rises_only_when_content_changes(self, store: Store) -> None:
        lease = await plan_and_take(store, lane=Lane.SLOW)

        versions = [
            (await store.snapshots.merge(lease, [hubs_result(*names)])).version
            for names in (("a",), ("a",), ("a", "b"), ("a", "b"))
        ]

        assert versions == [1, 1, 2, 2]

    async def test_head_follows_the_snapshot(self, store: Store) -> None:
        lease = await plan_and_take(store, lane=Lane.SLOW)

        for result in (hubs_result("a"), failed_result(), hubs_result("b")):
            merged = await store.snapshots.merge(lease, [result])
            head, again = store.snapshots.head(SHOP), store.snapshots.head(SHOP)
            assert head is not None
            assert again is not None
            assert (head.version, head.freshness) == (merged.version, merged.freshness)
            assert again.freshness is head.freshness

    async def test_failed_section_keeps_its_data_and_gets_its_error(self, store: Store) -> None:
        lease = await plan_and_take(store, lane=Lane.SLOW)
        before = await store.snapshots.merge(lease, [hubs_result("a")])

        after = await store.snapshots.merge(lease, [failed_result()])

        assert (after.content, after.version) == (before.content, before.version)
        assert after.freshness[Section.HUBS].error == DOWN

    async def test_two_lanes_at_once_lose_nothing_of_each_other(self, store: Store) -> None:
        fast = await plan_and_take(store, lane=Lane.FAST)
        slow = await take_job(store, lane=Lane.SLOW)

        async def merge_five(lease: Lease, result: Callable[[str], SectionResult]) -> None:
            for number in range(5):
                await store.snapshots.merge(lease, [result(str(number))])

        await asyncio.gather(merge_five(fast, experiments_result), merge_five(slow, hubs_result))

        snapshot = store.snapshots.get(SHOP)
        assert snapshot is not None
        assert [one.experiment_id for one in snapshot.content.experiments or ()] == ["4"]
        assert [one.name for one in snapshot.content.hubs or ()] == ["4"]
        assert snapshot.version == 10

    async def test_projects_that_left_are_forgotten_and_others_kept(self, store: Store) -> None:
        for project in (SHOP, BANK):
            lease = await plan_and_take(store, project, Lane.SLOW)
            await store.snapshots.merge(lease, [hubs_result("a")])

        await store.snapshots.retain([BANK])

        assert store.snapshots.get(SHOP) is None
        assert store.snapshots.get(BANK) is not None

    @pytest.mark.parametrize("is_away", [False, True])
    async def test_project_that_comes_back_repeats_no_version(self, store: Store, *, is_away: bool) -> None:
        """Readers keep answers by version: those of its first life must not be given again."""
        lease = await plan_and_take(store, lane=Lane.SLOW)
        first = [await store.snapshots.merge(lease, [hubs_result(name)]) for name in ("a", "b")]
        if is_away:
            # Without its database a store does not find what it had of the project.
            store.health.mark_lost(StoreUnavailableError("unreachable"))
        for projects in ([], [SHOP]):
            await store.leases.plan(all_jobs(*projects) if projects else [], clock())
            await store.snapshots.retain(projects)
        lease = await take_job(store, lane=Lane.SLOW)

        second = [await store.snapshots.merge(lease, [one]) for one in (failed_result(), hubs_result("c"))]

        seen = {snapshot.version: snapshot.content for snapshot in first}
        for snapshot in second:
            assert seen.setdefault(snapshot.version, snapshot.content) == snapshot.content


class TestRestart:
    async def test_last_snapshots_are_served_at_once_as_restored(self, url: str) -> None:
        async with open_store(url, clock=clock) as store:
            lease = await plan_and_take(store, lane=Lane.SLOW)
            before = await store.snapshots.merge(lease, [hubs_result("a")])
            await store.leases.release(lease, clock() - FAR, failed=False)

        async with open_store(url, clock=clock) as store:
            restored = store.snapshots.get(SHOP)

            assert restored is not None
            assert (restored.content, restored.version) == (before.content, before.version)
            assert restored.freshness == before.freshness
            assert restored.restored == {Section.HUBS}

            lease = await plan_and_take(store, lane=Lane.SLOW)
            fetched = await store.snapshots.merge(lease, [hubs_result("a")])
            assert (fetched.restored, fetched.version) == (frozenset(), before.version)

    async def test_project_that_comes_back_has_its_last_data(self, url: str) -> None:
        async with open_store(url, clock=clock) as store:
            lease = await plan_and_take(store, lane=Lane.SLOW)
            before = await store.snapshots.merge(lease, [hubs_result("a")])
            await store.snapshots.retain([BANK])

            await store.snapshots.retain([BANK, SHOP])

            back = store.snapshots.get(SHOP)
            assert back is not None
            assert (back.content, back.restored) == (before.content, frozenset({Section.HUBS}))


class TestTwoReplicas:
    async def test_one_serves_what_the_other_wrote_and_wakes_who_waits(self, url: str) -> None:
        told = asyncio.Event()
        async with (
            open_store(url, clock=clock) as first,
            open_store(url, clock=clock, on_change=lambda _: told.set(), poll_seconds=0.02) as second,
        ):
            following = asyncio.ensure_future(second.follow())
            lease = await plan_and_take(first, lane=Lane.SLOW)
            written = await first.snapshots.merge(lease, [hubs_result("a")])

            async with asyncio.timeout(CEILING_SECONDS):
                await told.wait()

            assert second.snapshots.get(SHOP) == written
            following.cancel()
            await asyncio.wait([following])

    async def test_merges_of_both_lose_nothing(self, url: str) -> None:
        async with open_store(url, clock=clock) as first, open_store(url, clock=clock) as second:
            slow = await plan_and_take(first, lane=Lane.SLOW)
            fast = await take_job(second, lane=Lane.FAST)
            await first.snapshots.merge(slow, [hubs_result("a")])

            merged = await second.snapshots.merge(fast, [experiments_result("one")])

            assert [one.name for one in merged.content.hubs or ()] == ["a"]
            assert [one.experiment_id for one in merged.content.experiments or ()] == ["one"]
            assert merged.version == 2
