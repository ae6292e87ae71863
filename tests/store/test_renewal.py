"""A lease lasts while its work goes on, and no other."""

from datetime import datetime, timedelta

from sidecar.domain.model import Lane
from sidecar.store.leases import SHARED_LEASE_TIME
from sidecar.store.local_leases import LEASE_TIME
from sidecar.store.store import Store, open_store
from tests.store.material import FAR, clock, job, take_job
from tests.support.service import eventually

FAST = [Lane.FAST]


async def take_only(store: Store) -> None:
    await store.leases.plan([job()], clock())
    await take_job(store)


async def free_at(store: Store) -> datetime:
    """Return when the only job may be taken by others."""
    due = await store.leases.next_due("default", FAST)
    assert due is not None
    return due


async def test_lease_of_work_that_goes_on_is_prolonged(url: str) -> None:
    async with open_store(url, clock=clock, lease_time=timedelta(0)) as brief:
        await take_only(brief)
    async with open_store(url, clock=clock) as store:
        await take_only(store)
        before = await free_at(store)

        async def lasts_longer() -> bool:
            await store.leases.renew(clock())
            # More than the two readings of the clock can differ by.
            return await free_at(store) > before + timedelta(milliseconds=200)

        await eventually(lasts_longer)


async def test_job_that_was_given_back_is_not_leased_again(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        await store.leases.plan([job()], clock())
        lease = await take_job(store)
        await store.leases.release(lease, clock() - FAR, failed=False)

        await store.leases.renew(clock())

        assert await store.leases.take("default", FAST, clock()) is not None


async def test_lease_that_another_replica_took_over_is_left_to_it(url: str) -> None:
    async with (
        open_store(url, clock=clock, lease_time=10 * LEASE_TIME) as paused,
        open_store(url, clock=clock) as other,
    ):
        await paused.leases.plan([job()], clock())
        await take_job(paused)
        for jobs in ([], [job()]):
            await other.leases.plan(jobs, clock())
        await take_job(other)

        await paused.leases.renew(clock())

        assert await free_at(other) <= clock() + LEASE_TIME


async def test_work_that_lasts_longer_than_any_may_is_given_up(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        await take_only(store)
        before = await free_at(store)

        await store.leases.renew(clock() + LEASE_TIME)

        assert await free_at(store) < before + LEASE_TIME / 2


async def test_lease_in_a_shared_database_is_short(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        await take_only(store)

        longest = LEASE_TIME if url.startswith("sqlite") else SHARED_LEASE_TIME
        assert clock() + longest / 2 < await free_at(store) <= clock() + longest
