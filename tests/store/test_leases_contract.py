"""Leases of every store: see ``ports.Leases``."""

from datetime import timedelta

import pytest

from sidecar.domain.errors import LeaseLostError
from sidecar.domain.model import Lane
from sidecar.store.store import Store
from tests.store.conftest import OpenAny
from tests.store.material import (
    BANK,
    FAR,
    SHOP,
    all_jobs,
    change,
    clock,
    hubs_result,
    job,
    plan_and_take,
    run,
    take_job,
)

FAST = [Lane.FAST]


class TestLeases:
    async def test_new_jobs_are_due_at_once_and_each_is_leased_once(self, store: Store) -> None:
        await store.leases.plan(all_jobs(), clock())

        taken = [await store.leases.take("default", list(Lane), clock()) for _ in range(7)]

        assert [lease.job for lease in taken if lease] != []
        assert {lease.job for lease in taken if lease} == set(all_jobs())
        assert taken[-1] is None

    async def test_only_the_lanes_and_the_instance_asked_for_are_leased(self, store: Store) -> None:
        await store.leases.plan([job(lane=Lane.SLOW)], clock())

        assert await store.leases.take("default", FAST, clock()) is None
        assert await store.leases.take("other", [Lane.SLOW], clock()) is None

    async def test_of_new_jobs_the_experiments_of_all_projects_go_first_and_histories_last(
        self, store: Store
    ) -> None:
        await store.leases.plan(all_jobs(), clock())
        await store.leases.plan([], clock())
        await store.leases.plan(all_jobs(), clock())

        taken = [await store.leases.take("default", list(Lane), clock()) for _ in all_jobs()]

        lanes = [lease.job.lane for lease in taken if lease]
        assert lanes == sorted(lanes, key=[Lane.FAST, Lane.SLOW, Lane.HISTORY].index)
        assert len(lanes) == len(all_jobs())

    async def test_new_jobs_wait_as_long_as_they_are_given(self, store: Store) -> None:
        waits = {job(SHOP, Lane.SLOW): 1, job(BANK): 2, job(SHOP): 3, job(BANK, Lane.SLOW): 4}
        await store.leases.plan(waits, clock(), lambda one: timedelta(minutes=waits[one]))

        taken = [await store.leases.take("default", list(Lane), clock()) for _ in waits]

        assert [lease.job for lease in taken if lease] == list(waits)

    async def test_of_what_is_due_the_job_that_is_late_first_is_leased(self, store: Store) -> None:
        for project, minutes in ((SHOP, 60), (BANK, 1)):
            lease = await plan_and_take(store, project)
            ago, patience = timedelta(minutes=2 if project is SHOP else 1), timedelta(minutes=minutes)
            await store.leases.release(lease, clock() - ago, failed=False, patience=patience)

        taken = [await store.leases.take("default", FAST, clock()) for _ in range(2)]

        assert [lease.job.project for lease in taken if lease] == [BANK, SHOP]

    async def test_job_that_is_not_due_is_not_leased_however_soon_it_is_late(self, store: Store) -> None:
        await store.leases.plan([job(SHOP), job(BANK)], clock(), lambda _job: FAR)
        first = await store.leases.take("default", FAST, clock())
        assert first is not None
        await store.leases.release(first, clock() + timedelta(minutes=1), failed=False)

        second = await store.leases.take("default", FAST, clock())

        assert second is not None
        assert second.job != first.job
        assert await store.leases.take("default", FAST, clock()) is None

    async def test_job_due_longest_is_leased_first(self, store: Store) -> None:
        for project in (SHOP, BANK):
            lease = await plan_and_take(store, project)
            ago = timedelta(minutes=2 if project is SHOP else 1)
            await store.leases.release(lease, clock() - ago, failed=False)

        lease_ = await store.leases.take("default", FAST, clock())

        assert lease_ is not None
        assert lease_.job.project == SHOP

    async def test_released_job_waits_until_it_is_due(self, store: Store) -> None:
        await store.leases.plan([job()], clock())
        lease = await take_job(store)
        due_at = clock() + FAR
        await store.leases.release(lease, due_at, failed=False)

        next_due = await store.leases.next_due("default", FAST)

        assert await store.leases.take("default", FAST, clock()) is None
        assert next_due is not None
        assert abs(next_due - due_at) < timedelta(seconds=5)

    async def test_leased_job_may_be_taken_again_when_the_lease_expires(self, store: Store) -> None:
        await store.leases.plan([job()], clock())
        lease = await take_job(store)

        next_due = await store.leases.next_due("default", FAST)

        assert next_due is not None
        assert abs(next_due - lease.expires_at) < timedelta(seconds=5)

    async def test_failures_are_counted_until_a_success(self, store: Store) -> None:
        lease = await plan_and_take(store)
        await store.leases.release(lease, clock() - FAR, failed=True)
        second = await take_job(store)
        await store.leases.release(second, clock() - FAR, failed=True)
        third = await take_job(store)
        await store.leases.release(third, clock() - FAR, failed=False)
        fourth = await take_job(store)

        assert [one.failures for one in (lease, second, third, fourth)] == [0, 1, 2, 0]

    async def test_fence_rises_with_every_lease(self, store: Store) -> None:
        first = await plan_and_take(store)
        await store.leases.release(first, clock() - FAR, failed=False)

        assert (await take_job(store)).fence > first.fence

    async def test_hurried_job_is_due_at_once_without_a_moment(self, store: Store) -> None:
        lease = await plan_and_take(store)
        await store.leases.release(lease, clock() + FAR, failed=False)

        await store.leases.hurry(job(), clock(), again=False)
        hurried = await store.leases.take("default", FAST, clock())

        assert hurried is not None
        assert (hurried.job, hurried.due_at) == (job(), None)

    async def test_hurried_job_goes_before_those_due_longer(self, store: Store) -> None:
        for project in (SHOP, BANK):
            lease = await plan_and_take(store, project)
            await store.leases.release(lease, clock() - FAR, failed=False)
        await store.leases.hurry(job(SHOP), clock(), again=False)

        lease_ = await store.leases.take("default", FAST, clock())

        assert lease_ is not None
        assert lease_.job.project == SHOP

    async def test_of_hurried_jobs_what_people_see_of_all_projects_goes_first(self, store: Store) -> None:
        await store.leases.plan(all_jobs(), clock())
        for one in all_jobs():
            await store.leases.hurry(one, clock(), again=False)

        taken = [await store.leases.take("default", list(Lane), clock()) for _ in all_jobs()]

        lanes = [lease.job.lane for lease in taken if lease]
        fast = lanes.count(Lane.FAST)
        assert fast > 1
        assert lanes[:fast] == [Lane.FAST] * fast

    async def test_hurry_again_asks_for_one_more_run_after_the_present_one(self, store: Store) -> None:
        await store.leases.plan([job()], clock())
        lease = await take_job(store)
        await store.leases.hurry(job(), clock(), again=True)
        assert await store.leases.take("default", FAST, clock()) is None

        await store.leases.release(lease, clock() + FAR, failed=False)

        assert await store.leases.take("default", FAST, clock()) is not None

    async def test_hurry_without_again_is_answered_by_the_present_run(self, store: Store) -> None:
        await store.leases.plan([job()], clock())
        lease = await take_job(store)
        await store.leases.hurry(job(), clock(), again=False)

        await store.leases.release(lease, clock() + FAR, failed=False)

        assert await store.leases.take("default", FAST, clock()) is None

    async def test_hurrying_an_unknown_job_does_nothing(self, store: Store) -> None:
        await store.leases.hurry(job(), clock(), again=True)

        assert await store.leases.take("default", FAST, clock()) is None

    async def test_forgotten_job_is_not_leased(self, store: Store) -> None:
        await store.leases.plan(all_jobs(SHOP, BANK), clock())
        await store.leases.plan(all_jobs(BANK), clock())

        lease = await store.leases.take("default", FAST, clock())

        assert lease is not None
        assert lease.job.project == BANK
        assert await store.leases.take("default", FAST, clock()) is None

    async def test_job_that_returns_is_due_and_refuses_its_old_lease(self, store: Store) -> None:
        old = await plan_and_take(store, lane=Lane.SLOW)
        await store.leases.plan([], clock())
        await store.leases.plan(all_jobs(), clock())

        new = await take_job(store, lane=Lane.SLOW)

        assert new.fence != old.fence
        with pytest.raises(LeaseLostError):
            await store.snapshots.merge(old, [hubs_result("a")])

    async def test_planning_again_changes_nothing_for_jobs_that_stay(self, store: Store) -> None:
        await store.leases.plan([job()], clock())
        await take_job(store)

        await store.leases.plan([job()], clock())

        assert await store.leases.take("default", FAST, clock()) is None

    async def test_nothing_planned_is_never_due(self, store: Store) -> None:
        assert await store.leases.next_due("default", list(Lane)) is None


class TestPausedWriter:
    """A worker that slept past its lease, while another took the job."""

    async def test_its_snapshot_is_refused(self, open_any: OpenAny) -> None:
        async with open_any(lease_time=timedelta(0)) as store:
            paused = await plan_and_take(store)
            current = await take_job(store)
            await store.snapshots.merge(current, [hubs_result("new")])

            with pytest.raises(LeaseLostError):
                await store.snapshots.merge(paused, [hubs_result("old")])

            snapshot = store.snapshots.get(SHOP)
            assert snapshot is not None
            assert [hub.name for hub in snapshot.content.hubs or ()] == ["new"]

    async def test_its_runs_are_refused(self, open_any: OpenAny) -> None:
        async with open_any(lease_time=timedelta(0)) as store:
            paused = await plan_and_take(store, lane=Lane.HISTORY)
            await take_job(store, lane=Lane.HISTORY)

            with pytest.raises(LeaseLostError):
                await store.history.record(paused, change(run()))

            assert (await store.history.state(SHOP)).version == 0

    async def test_its_release_has_no_effect(self, open_any: OpenAny) -> None:
        async with open_any(lease_time=timedelta(0)) as store:
            paused = await plan_and_take(store)
            current = await take_job(store)

            await store.leases.release(paused, clock() + FAR, failed=True)
            await store.leases.release(current, clock() - FAR, failed=False)

            assert (await take_job(store)).failures == 0
