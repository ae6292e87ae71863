"""A digest keeps the newest runs whole, so that an overview needs the store only for what is further back."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from sidecar.digests import LATEST_KEPT, Digests
from sidecar.errors import StoreError
from sidecar.model import HistoryState, KnownExperiment, Outcome, ProjectRef, Run
from sidecar.ports import HistoryChange, Lease, RunQuery
from tests.support.builders import NOW
from tests.support.histories import COMPLETE, run

SHOP = ProjectRef(instance="default", project_id="shop")
AT_MOST = 10
BUSY = [run(NOW - timedelta(minutes=number), experiment_id="busy") for number in range(LATEST_KEPT + 5)]
SELDOM = [run(NOW - timedelta(days=1 + number), experiment_id="seldom") for number in range(3)]


class Past:
    """A history of fixed runs that can be taken away, and counts what it is asked."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self.is_away = False
        self.asked = 0

    async def state(self, project: ProjectRef) -> HistoryState:
        return COMPLETE

    async def states(self) -> Mapping[ProjectRef, HistoryState]:
        return {SHOP: COMPLETE}

    async def record(self, lease: Lease, change: HistoryChange) -> HistoryState:
        raise NotImplementedError

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        self.asked += 1
        if self.is_away:
            raise StoreError("The database cannot be reached.")
        wanted = query.experiment_ids
        found = [one for one in self._runs if wanted is None or one.experiment_id in wanted]
        if query.after is not None:
            found = [one for one in found if one.created_at_ms < query.after[0]]
        return found[: query.limit]

    async def experiments(self, project: ProjectRef) -> Sequence[KnownExperiment]:
        return ()

    async def totals(self, project: ProjectRef) -> Mapping[str, Mapping[Outcome, int]]:
        return {}

    async def prune(self, before_ms: int, at_most: int) -> int:
        return 0


async def latest(past: Past, digests: Digests, *experiment_ids: str) -> list[Run]:
    """Return the newest runs as a second reader gets them, with only his questions counted."""
    digest = await digests.of(SHOP)
    past.asked = 0
    found = await digests.latest(SHOP, digest, experiment_ids=experiment_ids or None, at_most=AT_MOST)
    return list(found)


@pytest.mark.parametrize("experiment_ids", [(), ("busy",), ("busy", "seldom")])
async def test_the_newest_runs_are_told_without_the_store(experiment_ids: tuple[str, ...]) -> None:
    past = Past([*BUSY, *SELDOM])
    assert await latest(past, Digests(past), *experiment_ids) == BUSY[:AT_MOST]
    assert past.asked == 0


async def test_fewer_runs_than_a_digest_keeps_are_all_there_are() -> None:
    past = Past([*BUSY[:4], *SELDOM])
    assert await latest(past, Digests(past), "seldom") == SELDOM
    assert past.asked == 0


async def test_runs_further_back_are_asked_of_the_store() -> None:
    past = Past([*BUSY, *SELDOM])
    assert await latest(past, Digests(past), "seldom") == SELDOM
    assert past.asked == 1


async def test_while_the_store_is_away_the_runs_that_are_known_are_told() -> None:
    mixed = [*BUSY[:1], *SELDOM[:1], *BUSY[1:], *SELDOM[1:]]
    past = Past(mixed)
    digests = Digests(past)
    await digests.of(SHOP)
    past.is_away = True
    assert await latest(past, digests, "seldom") == SELDOM[:1]


async def test_without_a_digest_a_store_that_is_away_is_told() -> None:
    past = Past(BUSY)
    past.is_away = True
    with pytest.raises(StoreError):
        await Digests(past).of(SHOP)
