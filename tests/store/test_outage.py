"""A database that goes away, fills up or is not there yet: everything goes on, and heals."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from sidecar.errors import ConfigError, LeaseLostError, StoreError
from sidecar.model import HistoryState, Lane, Section
from sidecar.ports import RunQuery
from sidecar.store.store import Store, open_store
from tests.store.material import (
    FAR,
    SHOP,
    all_jobs,
    change,
    clock,
    experiments_result,
    followed_store,
    hubs_result,
    plan_and_take,
    run,
    take_job,
)
from tests.store.postgres import PostgresServer
from tests.support.service import eventually


async def assert_serves_on(store: Store) -> None:
    """Without its database: sections are merged, hurried, released; the history says so at once."""
    lease = await take_job(store, lane=Lane.SLOW)
    merged = await store.snapshots.merge(lease, [hubs_result("during")])
    await store.leases.release(lease, clock() + FAR, failed=False)
    assert store.snapshots.get(SHOP) == merged
    assert [one.name for one in merged.content.hubs or ()] == ["during"]
    history = await take_job(store, lane=Lane.HISTORY)
    with pytest.raises(StoreError):
        await store.history.record(history, change(run("during")))
    await store.leases.release(history, clock() - FAR, failed=True)


async def assert_stored(url: str, *hubs: str) -> None:
    async with open_store(url, clock=clock) as after:
        snapshot = after.snapshots.get(SHOP)
        assert snapshot is not None
        assert [one.name for one in snapshot.content.hubs or ()] == list(hubs)
        assert [one.experiment_id for one in snapshot.content.experiments or ()] == ["before"]


async def test_postgresql_that_stops_is_done_without_and_heals(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    async with followed_store(url) as store:
        fast = await plan_and_take(store)
        await store.snapshots.merge(fast, [experiments_result("before")])
        history = await take_job(store, lane=Lane.HISTORY)
        await store.history.record(history, change(run("before")))
        state = await store.history.state(SHOP)
        await store.leases.release(history, clock() - FAR, failed=False)
        postgres.stop()
        try:
            await eventually(lambda: store.health.state == "degraded")
            assert store.health.reason == "unreachable"
            assert store.health.since is not None
            await assert_serves_on(store)
            assert await store.history.state(SHOP) == state
            await store.leases.release(fast, clock() - FAR, failed=False)
        finally:
            postgres.start()

        await eventually(lambda: store.health.state == "ok")

        assert [one.experiment_run_id for one in await store.history.runs(SHOP, RunQuery())] == ["before"]
        history = await take_job(store, lane=Lane.HISTORY)
        await store.history.record(history, change(run("after")))
        await take_job(store, lane=Lane.FAST)
    await assert_stored(url, "during")


async def test_start_without_postgresql_migrates_when_it_is_back(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    postgres.stop()
    try:
        opening = followed_store(url)
        store = await opening.__aenter__()
        assert store.health.state == "degraded"
        await store.leases.plan(all_jobs(), clock())
        lease = await take_job(store)
        await store.snapshots.merge(lease, [experiments_result("before")])
        await assert_serves_on(store)
    finally:
        postgres.start()

    await eventually(lambda: store.health.state == "ok")
    await opening.__aexit__(None, None, None)

    await assert_stored(url, "during")


async def test_lease_of_the_outage_is_refused_after_it(tmp_path: Path) -> None:
    directory = tmp_path / "later"
    async with followed_store(f"sqlite:///{directory}/store.db") as store:
        assert store.health.reason == "missing"
        lease = await plan_and_take(store, lane=Lane.SLOW)
        directory.mkdir()
        await eventually(lambda: store.health.state == "ok")

        with pytest.raises(LeaseLostError):
            await store.snapshots.merge(lease, [hubs_result("late")])


async def test_sqlite_file_that_is_lost_is_noticed_and_written_anew(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    url = f"sqlite:///{directory}/store.db"
    async with followed_store(url) as store:
        fast = await plan_and_take(store)
        await store.snapshots.merge(fast, [experiments_result("before")])
        directory.rename(tmp_path / "away")

        await eventually(lambda: store.health.state == "degraded")
        await assert_serves_on(store)
        directory.mkdir()

        await eventually(lambda: store.health.state == "ok")
    await assert_stored(url, "during")


async def test_history_of_a_new_file_counts_more_than_what_was_known(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    async with followed_store(f"sqlite:///{directory}/store.db") as store:
        lease = await plan_and_take(store, lane=Lane.HISTORY)
        for number in range(3):
            await store.history.record(lease, change(run(f"lost {number}")))
        directory.rename(tmp_path / "away")
        await eventually(lambda: store.health.state == "degraded")
        await store.leases.release(lease, clock() - FAR, failed=False)
        directory.mkdir()
        await eventually(lambda: store.health.state == "ok")

        assert await store.history.state(SHOP) == HistoryState()
        lease = await take_job(store, lane=Lane.HISTORY)
        written = await store.history.record(lease, change(run("new")))
        assert written.version == 1
        assert await store.history.state(SHOP) == written


async def test_full_sqlite_is_done_without_and_heals(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with pages_limited() as limit:
        async with followed_store(url) as store:
            fast = await plan_and_take(store)
            await store.snapshots.merge(fast, [experiments_result("before")])
            await store.leases.release(fast, clock() - FAR, failed=False)
            slow = await take_job(store, lane=Lane.SLOW)
            chance = random.Random(7)  # noqa: S311 - fills pages, guards nothing
            names = [chance.randbytes(40).hex() for _ in range(5_000)]
            limit.append(40)
            merged = await store.snapshots.merge(slow, [hubs_result(*names)])

            assert store.health.reason == "full"
            assert store.snapshots.get(SHOP) == merged
            limit.clear()

            await eventually(lambda: store.health.state == "ok")
        await assert_stored(url, *names)


@contextmanager
def pages_limited() -> Iterator[list[int]]:
    """Give SQLite files at most so many pages while the list names a number: a disk that is full."""
    limit: list[int] = []

    def apply(connection: Any, _record: Any, _proxy: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count={limit[0] if limit else 2**30}")
        cursor.close()

    event.listen(Pool, "checkout", apply)
    try:
        yield limit
    finally:
        event.remove(Pool, "checkout", apply)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:geheim@h/d",
        "sqlite://",
        "postgresql://u:geheim@h",
        "://geheim",
        "sqlite:///a?mode=geheim",
    ],
)
async def test_unknown_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        async with open_store(url, clock=clock):
            pass

    assert "geheim" not in str(caught.value)


def modes_in(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


async def test_new_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/store.db", clock=clock) as store:
        await plan_and_take(store)

        modes = modes_in(tmp_path)

    assert modes["store.db"] == 0o600
    assert set(modes.values()) == {0o600}


async def test_restored_sections_survive_an_outage_in_which_nobody_fetched_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with open_store(url, clock=clock) as store:
        lease = await plan_and_take(store, lane=Lane.SLOW)
        await store.snapshots.merge(lease, [hubs_result("a")])

    async with open_store(url, clock=clock) as store:
        fast = await plan_and_take(store)
        merged = await store.snapshots.merge(fast, [experiments_result("one")])

    assert merged.restored == {Section.HUBS}
