"""Looks at the stored states that overlap with each other and with writes: memory never goes back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.config.store_url import parse_url
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import RunQuery
from sidecar.domain.runs import HistoryState
from sidecar.runtime.turns import turn
from sidecar.store.cached_history import CachedHistory
from sidecar.store.engine.database import Database
from sidecar.store.engine.health import StoreHealth
from sidecar.store.history import SqlHistory
from sidecar.store.history_rows import StoredState
from sidecar.store.store import open_store
from tests.store.material import SHOP, change, clock, plan_and_take, run
from tests.support.service import CEILING_SECONDS

Look = Callable[[CachedHistory], Awaitable[None]]


class HeldHistory(SqlHistory):
    """Holds what it has read until it is told to hand it over."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.has_read = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def state(self, project: ProjectRef) -> StoredState:
        read = await super().state(project)
        await self._hold()
        return read

    async def states(self, known: Mapping[ProjectRef, int]) -> Mapping[ProjectRef, StoredState]:
        read = await super().states(known)
        await self._hold()
        return read

    async def _hold(self) -> None:
        may_go_on = self.may_go_on
        self.has_read.set()
        await may_go_on.wait()

    async def held(self, look: Awaitable[None]) -> Callable[[], Awaitable[None]]:
        """Begin a look, and hold it once it has read; return what ends it."""
        self.has_read, self.may_go_on = asyncio.Event(), asyncio.Event()
        may_go_on = self.may_go_on
        looking = asyncio.ensure_future(look)
        await self.has_read.wait()

        async def end() -> None:
            may_go_on.set()
            await looking

        return end


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[HeldHistory]:
    database = Database(parse_url(url))
    await database.open()
    try:
        yield HeldHistory(database)
    finally:
        await database.close()


async def look_at_all(history: CachedHistory) -> None:
    await history.refresh()


async def look_at_one(history: CachedHistory) -> None:
    await history.refresh_one(SHOP)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("first", [look_at_all, look_at_one])
@pytest.mark.parametrize("second", [look_at_all, look_at_one])
async def test_what_was_read_later_stays_whichever_look_ends_last(
    tmp_path: Path, order: tuple[int, int], first: Look, second: Look
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with open_store(url, clock=clock) as other, opened(url) as stored:
        history = CachedHistory(stored, StoreHealth(clock, "sqlite"))
        lease = await plan_and_take(other, lane=Lane.HISTORY)
        await other.history.record(lease, change(run("one")))
        ends = [await stored.held(first(history))]
        written = await other.history.record(lease, change(run("two")))
        ends.append(await stored.held(second(history)))

        for place in order:
            await ends[place]()

        assert await history.state(SHOP) == written
        assert written != HistoryState()


async def test_a_look_reads_what_changed_and_nothing_else(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with open_store(url, clock=clock) as other, opened(url) as stored:
        lease = await plan_and_take(other, lane=Lane.HISTORY)
        await other.history.record(lease, change(run("one")))
        stored.may_go_on.set()
        first = await stored.states({})

        assert await stored.states({SHOP: first[SHOP].revision}) == {}
        assert await stored.states({SHOP: first[SHOP].revision - 1}) == first


async def test_who_waits_for_a_turn_to_read_many_runs_holds_no_connection(url: str) -> None:
    """Else a crowd of long work keeps all others from the database, until it counts as lost."""
    async with open_store(url, clock=clock) as store:
        lease = await plan_and_take(store, lane=Lane.HISTORY)
        await store.history.record(lease, change(*(run(f"run-{number}") for number in range(3_000))))
        async with turn():
            reading = [asyncio.create_task(store.history.runs(SHOP, RunQuery())) for _ in range(20)]
            async with asyncio.timeout(CEILING_SECONDS):
                for _ in range(20):
                    assert await store.history.totals(SHOP)
            assert not any(task.done() for task in reading)
        assert [len(found) for found in await asyncio.gather(*reading)] == [3_000] * 20
