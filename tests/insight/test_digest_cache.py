"""A digest keeps the newest runs whole, so that an overview needs the store only for what is further back."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from sidecar.domain.errors import StoreError
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import HistoryChange, Job, RunQuery
from sidecar.domain.runs import Run
from sidecar.insight.digest_cache import LATEST_KEPT, Digests
from sidecar.store.local_leases import LocalLeases
from tests.support.builders import NOW
from tests.support.histories import COMPLETE, run
from tests.support.memory_store.data import MemoryHistory
from tests.support.service import eventually

SHOP = ProjectRef(instance="default", project_id="shop")
AT_MOST = 10
BUSY = [run(NOW - timedelta(minutes=number), experiment_id="busy") for number in range(LATEST_KEPT + 5)]
SELDOM = [run(NOW - timedelta(days=1 + number), experiment_id="seldom") for number in range(3)]


class Past(MemoryHistory):
    """A history of one project that can be taken away, and counts how often runs are asked for."""

    def __init__(self, leases: LocalLeases) -> None:
        super().__init__(leases)
        self.is_away = self.never_answers = False
        self.asked = 0

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        self.asked += 1
        if self.never_answers:
            await asyncio.Event().wait()
        if self.is_away:
            raise StoreError("The database cannot be reached.")
        return await super().runs(project, query)


async def past_of(runs: Sequence[Run]) -> Past:
    leases = LocalLeases()
    past = Past(leases)
    job = Job(project=SHOP, lane=Lane.HISTORY)
    await leases.plan([job], NOW)
    lease = await leases.take(SHOP.instance, [Lane.HISTORY], NOW)
    assert lease is not None
    await past.record(lease, HistoryChange(state=COMPLETE, runs=runs))
    return past


async def latest(past: Past, digests: Digests, *experiment_ids: str) -> list[Run]:
    """Return the newest runs as a second reader gets them, with only his questions counted."""
    digest = await digests.of(SHOP)
    past.asked = 0
    found = await digests.latest(SHOP, digest, experiment_ids=experiment_ids or None, at_most=AT_MOST)
    return list(found)


@pytest.mark.parametrize("experiment_ids", [(), ("busy",), ("busy", "seldom")])
async def test_the_newest_runs_are_told_without_the_store(experiment_ids: tuple[str, ...]) -> None:
    past = await past_of([*BUSY, *SELDOM])
    assert await latest(past, Digests(past), *experiment_ids) == BUSY[:AT_MOST]
    assert past.asked == 0


async def test_fewer_runs_than_a_digest_keeps_are_all_there_are() -> None:
    past = await past_of([*BUSY[:4], *SELDOM])
    assert await latest(past, Digests(past), "seldom") == SELDOM
    assert past.asked == 0


async def test_runs_further_back_are_asked_of_the_store() -> None:
    past = await past_of([*BUSY, *SELDOM])
    assert await latest(past, Digests(past), "seldom") == SELDOM
    assert past.asked == 1


async def test_while_the_store_is_away_the_runs_that_are_known_are_told() -> None:
    recent = run(NOW, experiment_id="seldom")
    past = await past_of([*BUSY[:1], recent, *BUSY[1:], *SELDOM])
    digests = Digests(past)
    await digests.of(SHOP)
    past.is_away = True
    assert await latest(past, digests, "seldom") == [recent]


async def test_without_a_digest_a_store_that_is_away_is_told() -> None:
    past = await past_of(BUSY)
    past.is_away = True
    with pytest.raises(StoreError):
        await Digests(past).of(SHOP)


async def test_what_is_being_made_at_the_end_does_not_outlive_it() -> None:
    """Else it would open the store anew after that was closed."""
    past = await past_of(SELDOM)
    digests = Digests(past)
    past.never_answers = True
    asked = asyncio.create_task(digests.of(SHOP))
    await eventually(lambda: past.asked > 0)

    await digests.close()

    assert asyncio.all_tasks() <= {asked, asyncio.current_task()}
    with pytest.raises(asyncio.CancelledError):
        await asked
