"""What is older than the retention is forgotten, in small steps, and nothing else is."""

import asyncio
from datetime import timedelta

import pytest

from sidecar.domain.errors import StoreError
from sidecar.domain.model import Lane
from sidecar.domain.ports import HistoryChange, Job, RunQuery
from sidecar.domain.runs import HistoryState, Run
from sidecar.store.local_leases import LocalLeases
from sidecar.store.pruning import STEP, keep_pruning_history
from tests.support.builders import NOW, project
from tests.support.histories import ms, run
from tests.support.memory_store.data import MemoryHistory

SHOP = project("shop")
HOUR = timedelta(hours=1)


class Pauses:
    """Remembers how long was slept, and ends the loop after some."""

    def __init__(self, count: int) -> None:
        self.slept: list[float] = []
        self._count = count

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._count:
            raise asyncio.CancelledError


async def history_with(runs: list[Run]) -> MemoryHistory:
    leases = LocalLeases()
    await leases.plan([Job(project=SHOP, lane=Lane.HISTORY)], NOW)
    lease = await leases.take("default", [Lane.HISTORY], NOW)
    assert lease is not None
    history = MemoryHistory(leases)
    await history.record(lease, HistoryChange(state=HistoryState(), runs=runs))
    return history


async def test_retention_forgets_old_runs_in_small_steps_and_keeps_the_rest() -> None:
    old = [run(NOW - timedelta(days=401, seconds=number)) for number in range(STEP + 1)]
    kept = run(NOW - timedelta(days=399))
    history = await history_with([*old, kept])
    pauses = Pauses(2)
    with pytest.raises(asyncio.CancelledError):
        await keep_pruning_history(history, timedelta(days=400), lambda: NOW, sleep=pauses)

    assert [one.created_at_ms for one in await history.runs(SHOP, RunQuery())] == [
        ms(NOW - timedelta(days=399))
    ]
    assert pauses.slept[0] < 1 < pauses.slept[1]


async def test_a_store_that_is_away_does_not_end_retention() -> None:
    class Away(MemoryHistory):
        async def prune(self, before_ms: int, at_most: int) -> int:
            del before_ms, at_most
            raise StoreError("away")

    pauses = Pauses(3)
    with pytest.raises(asyncio.CancelledError):
        await keep_pruning_history(Away(LocalLeases()), HOUR, lambda: NOW, sleep=pauses)

    assert len(pauses.slept) == 3
