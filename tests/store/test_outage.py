"""A database that goes away, fills up or is not there yet: everything goes on, and heals."""

import random
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from sidecar.domain.errors import ConfigError, LeaseLostError, StoreError
from sidecar.domain.model import Lane, Section
from sidecar.domain.ports import AuditQuery, RunQuery
from sidecar.domain.runs import HistoryState, Outcome
from sidecar.store.store import Store, open_store
from tests.store.disks import fill, pages_limited, small_disk
from tests.store.material import (
    FAR,
    SHOP,
    all_jobs,
    change,
    clock,
    experiments_result,
    followed_store,
    hubs_result,
    job,
    known,
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


async def test_lease_of_a_lost_file_is_refused_by_the_one_after_it(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    url = f"sqlite:///{directory}/store.db"
    async with followed_store(url) as one, followed_store(url) as other:
        lease = await plan_and_take(one, lane=Lane.HISTORY)
        directory.rename(tmp_path / "away")
        for store in (one, other):
            await eventually(lambda store=store: store.health.state == "degraded")  # type: ignore[misc]
        directory.mkdir()
        for store in (one, other):
            await eventually(lambda store=store: store.health.state == "ok")  # type: ignore[misc]
        # As often as in the lost file.
        await plan_and_take(other, lane=Lane.HISTORY)

        state = HistoryState(is_complete=True, watermark_ms=1)
        with pytest.raises(LeaseLostError):
            await one.history.record(lease, change(run("alone"), state=state))


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


async def assert_read_while_not_written(store: Store, reason: str) -> None:
    """Lists of runs are read, writes go on in memory, and what must be written is refused."""
    assert (store.health.reason, store.health.is_readable) == (reason, True)
    assert store.history.refusal() is not None
    assert [one.experiment_run_id for one in await store.history.runs(SHOP, RunQuery())] == ["before"]
    assert [one.experiment_id for one in await store.history.experiments(SHOP)] == ["experiment-1"]
    assert await store.history.totals(SHOP) == {"experiment-1": {Outcome.PASSED: 1}}
    assert await store.audit.find(AuditQuery(limit=5)) == []
    assert await store.actions.get("unknown") is None
    assert await store.shares.of("component:default/cart") == []
    with pytest.raises(StoreError):
        await store.locks.take("turn", "us", FAR)
    # A replica that could not tell its token is no replica that uses none.
    with pytest.raises(StoreError):
        await store.token_uses.current(clock() - FAR)
    await assert_serves_on(store)


async def record_before(store: Store) -> None:
    fast = await plan_and_take(store)
    await store.snapshots.merge(fast, [experiments_result("before")])
    await store.leases.release(fast, clock() - FAR, failed=False)
    history = await take_job(store, lane=Lane.HISTORY)
    await store.history.record(history, change(run("before"), experiments=[known()]))
    await store.leases.release(history, clock() - FAR, failed=False)


@pytest.mark.service
async def test_sqlite_on_a_full_disk_is_read_and_heals(tmp_path: Path) -> None:
    with small_disk(tmp_path, 1_024) as disk:
        url = f"sqlite:///{disk}/store.db"
        failures: Counter[str] = Counter()

        def observe(operation: str, failure: str | None, seconds: float) -> None:
            del seconds
            failures[operation] += failure is not None

        async with followed_store(url, observe=observe) as store:
            await record_before(store)
            slow = await take_job(store, lane=Lane.SLOW)
            rest = fill(disk)
            names = [random.Random(7).randbytes(40).hex() for _ in range(500)]  # noqa: S311 - fills pages
            await store.snapshots.merge(slow, [hubs_result(*names)])
            await store.leases.release(slow, clock() - FAR, failed=False)
            await assert_read_while_not_written(store, "full")
            # Also after attempts to write again.
            failed = failures["write"]
            await eventually(lambda: failures["write"] >= failed + 2)
            assert [one.experiment_run_id for one in await store.history.runs(SHOP, RunQuery())] == ["before"]
            rest.unlink()

            await eventually(lambda: store.health.state == "ok")
            assert store.history.refusal() is None
        await assert_stored(url, "during")


@pytest.mark.service
async def test_sqlite_that_is_found_on_a_full_disk_is_served(tmp_path: Path) -> None:
    with small_disk(tmp_path, 1_024) as disk:
        url = f"sqlite:///{disk}/store.db"
        async with open_store(url, clock=clock) as store:
            await record_before(store)
            fill(disk)
            # As after a kill: the files beside the database are there already.
            async with open_store(url, clock=clock) as again:
                assert [one.experiment_run_id for one in await again.history.runs(SHOP, RunQuery())] == [
                    "before"
                ]


async def test_postgresql_that_only_reads_is_read_and_heals(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    name = make_url(url).database
    async with followed_store(url) as store:
        await record_before(store)
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        postgres.disconnect_all(str(name))

        async def is_read_only() -> bool:
            await store.leases.hurry(job(lane=Lane.SLOW), clock(), again=False)
            return store.health.reason == "read_only"

        await eventually(is_read_only)
        await assert_read_while_not_written(store, "read_only")
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        postgres.disconnect_all(str(name))

        await eventually(lambda: store.health.state == "ok")
    await assert_stored(url, "during")


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
