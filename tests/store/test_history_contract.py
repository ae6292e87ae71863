"""History of every store: see ``ports.History``."""

import asyncio
import hashlib
from datetime import timedelta

import msgspec
import pytest

from sidecar.domain.errors import StoreRefusedError
from sidecar.domain.model import Lane
from sidecar.domain.ports import HistoryChange, Lease, RunQuery
from sidecar.domain.runs import Faults, HistoryState, Run
from sidecar.store.store import Store, open_store
from tests.store.material import (
    BANK,
    SEEN_AT,
    SHOP,
    change,
    clock,
    experiments_result,
    known,
    plan_and_take,
    run,
)

ALL = RunQuery()
LOOKS = 40


async def take(store: Store) -> Lease:
    return await plan_and_take(store, lane=Lane.HISTORY)


async def recorded(store: Store, *changes: HistoryChange) -> list[Run]:
    """Record one change after the other; return all runs."""
    lease = await take(store)
    for one in changes:
        await store.history.record(lease, one)
    return list(await store.history.runs(SHOP, ALL))


def endless_id() -> str:
    """Return an id that no index of PostgreSQL takes: long, and nothing to compress."""
    return "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(256))


async def test_a_value_that_the_database_refuses_is_an_error_of_that_write_alone(
    store: Store, kind: str
) -> None:
    lease = await take(store)
    write = store.history.record(lease, change(run(experiment_id=endless_id())))
    if kind == "postgresql":
        with pytest.raises(StoreRefusedError):
            await write
    else:
        await write
    assert store.health.state == "ok"
    await store.history.record(lease, change(run()))
    assert run() in await store.history.runs(SHOP, ALL)


async def test_of_two_ids_that_no_engine_can_tell_apart_the_last_word_counts(url: str) -> None:
    told = [msgspec.structs.replace(known("a\x00"), name="first"), known("a\ufffd")]
    async with open_store(url, clock=clock) as store:
        await recorded(store, change(experiments=told))

        assert [one.name for one in await store.history.experiments(SHOP)] == [known("a").name]


class TestState:
    async def test_state_is_empty_before_anything_was_read(self, store: Store) -> None:
        assert await store.history.state(SHOP) == HistoryState()
        assert await store.history.states() == {}

    async def test_state_comes_back_as_recorded(self, store: Store) -> None:
        state = HistoryState(
            version=99,
            watermark_ms=2**53,
            is_complete=True,
            first_synced_at=SEEN_AT,
            synced_at=SEEN_AT + timedelta(milliseconds=7),
            reconciled_at=None,
            progress=b"\x00\xff",
        )
        lease = await take(store)

        written = await store.history.record(lease, change(run(), state=state))

        assert written == msgspec.structs.replace(state, version=1)
        assert await store.history.state(SHOP) == written
        assert await store.history.states() == {SHOP: written}

    async def test_reading_a_state_back_changes_nothing_of_it(self, url: str) -> None:
        """Answers carry the state; one that seemed to change would be sent to every reader again."""
        seen_at = SEEN_AT + timedelta(microseconds=123_456)
        state = HistoryState(first_synced_at=seen_at, synced_at=seen_at, reconciled_at=seen_at)
        async with open_store(url, clock=clock) as store:
            written = await store.history.record(await take(store), change(run(), state=state))
        async with open_store(url, clock=clock) as store:
            assert await store.history.state(SHOP) == written

    async def test_what_was_recorded_stays_while_the_states_are_read_anew(self, url: str) -> None:
        """A look at the database that began before a write tells what was before it."""
        async with open_store(url, clock=clock, poll_seconds=0) as store:
            following = asyncio.ensure_future(store.follow())
            lease = await take(store)
            for number in range(LOOKS):
                written = await store.history.record(lease, change(run(f"run-{number}")))
                for _ in range(LOOKS):
                    await asyncio.sleep(0)
                    assert await store.history.state(SHOP) == written
            following.cancel()
            await asyncio.wait([following])

    async def test_whoever_takes_a_history_knows_what_another_replica_brought(self, url: str) -> None:
        async with open_store(url, clock=clock) as one, open_store(url, clock=clock) as two:
            fast = await plan_and_take(one)
            brought = await one.snapshots.merge(fast, [experiments_result("before")])
            assert two.snapshots.get(SHOP) is None

            await take(two)

            assert two.snapshots.get(SHOP) == brought

    async def test_version_rises_only_when_a_run_or_experiment_changed(self, store: Store) -> None:
        lease = await take(store)
        changes = [
            change(run(), experiments=[known()]),
            change(run(), experiments=[known()]),
            change(run(phase="Error")),
            change(experiments=[known(removed_at=SEEN_AT)]),
            change(removed=[run()]),
            change(removed=[run()]),
            change(),
        ]

        versions = [(await store.history.record(lease, one)).version for one in changes]

        assert versions == [1, 1, 2, 3, 4, 4, 4]


class TestIdentity:
    async def test_run_that_gains_its_id_is_updated_not_doubled(self, store: Store) -> None:
        runs = await recorded(
            store, change(run("", phase="Queued")), change(run("run-1", updated_at_ms=2_000))
        )

        assert runs == [run("run-1", updated_at_ms=2_000)]

    async def test_id_and_queued_run_in_one_change_are_one_run_in_any_order(self, store: Store) -> None:
        runs = await recorded(store, change(run("run-1", updated_at_ms=2_000), run("", phase="Queued")))

        assert runs == [run("run-1", updated_at_ms=2_000)]

    async def test_late_word_of_the_queued_run_takes_no_id_away(self, store: Store) -> None:
        runs = await recorded(store, change(run("run-1")), change(run("", phase="Queued")))

        assert runs == [run("run-1")]

    async def test_runs_with_two_ids_are_two_even_at_the_same_time(self, store: Store) -> None:
        runs = await recorded(store, change(run("run-1"), run("run-2")))

        assert runs == [run("run-2"), run("run-1")]

    async def test_queued_runs_of_two_times_or_experiments_are_two(self, store: Store) -> None:
        queued = [
            run("", created_at_ms=2_000),
            run("", experiment_id="experiment-2"),
            run("", experiment_id="experiment-1"),
        ]

        assert await recorded(store, change(*queued), change(*queued)) == queued

    async def test_older_word_of_a_run_changes_nothing(self, store: Store) -> None:
        newer = run(updated_at_ms=3_000)

        assert await recorded(store, change(newer), change(run(phase="Running"))) == [newer]

    async def test_all_fields_come_back(self, store: Store) -> None:
        full = Run(
            experiment_id="experiment-1",
            experiment_name="Ünïcode",
            experiment_run_id="run-1",
            phase="Brand_New",
            resiliency_score=66.5,
            created_at_ms=1,
            updated_at_ms=2**53,
            run_sequence=3,
            updated_by="",
            faults=Faults(passed=1, failed=2, awaited=3, stopped=4, na=5, total=15),
            removed=True,
        )

        assert await recorded(store, change(full)) == [full]


class TestRemoval:
    async def test_removed_run_is_marked_and_kept(self, store: Store) -> None:
        runs = await recorded(store, change(run("a"), run("b")), change(removed=[run("a")]))

        assert runs == [run("b"), run("a", removed=True)]

    async def test_run_that_litmus_lists_again_is_no_longer_removed(self, store: Store) -> None:
        runs = await recorded(store, change(run()), change(removed=[run()]), change(run()))

        assert runs == [run()]

    async def test_removed_experiment_is_remembered(self, store: Store) -> None:
        await recorded(
            store,
            change(experiments=[known("b"), known("a")]),
            change(experiments=[known("a", removed_at=SEEN_AT)]),
        )

        assert list(await store.history.experiments(SHOP)) == [known("a", removed_at=SEEN_AT), known("b")]

    async def test_a_run_bears_the_name_that_its_experiment_has_now(self, store: Store) -> None:
        """Litmus renames old runs with it; one whose experiment was never listed keeps its own."""
        mine, others = run("a"), run("b", experiment_id="experiment-2")
        renamed = msgspec.structs.replace(known(mine.experiment_id), name="a new name")
        lease = await take(store)
        state = await store.history.record(
            lease, change(mine, others, experiments=[known(mine.experiment_id)])
        )

        after = await store.history.record(lease, change(experiments=[renamed]))

        assert after.version > state.version
        found = await store.history.runs(SHOP, ALL)
        assert {one.experiment_run_id: one.experiment_name for one in found} == {
            "a": "a new name",
            "b": others.experiment_name,
        }

    async def test_runs_are_counted_without_those_that_litmus_deleted(self, store: Store) -> None:
        others = [run("c", experiment_id="experiment-2"), run("d", experiment_id="experiment-3")]
        await recorded(store, change(run("a"), run("b"), *others, removed=[run("b")]))

        mine = run("a").experiment_id
        assert await store.history.count(SHOP, [mine]) == 1
        assert await store.history.count(SHOP, [mine, "experiment-2"]) == 2
        assert await store.history.count(SHOP, []) == 0
        assert await store.history.count(BANK, [mine]) == 0


class TestPruning:
    async def test_old_runs_go_in_steps_and_others_stay(self, store: Store) -> None:
        old = [run(str(n), created_at_ms=n) for n in range(5)]
        young = run("young", created_at_ms=100)
        await recorded(store, change(*old, young))
        before = await store.history.state(SHOP)

        counts = [await store.history.prune(100, 3) for _ in range(3)]

        assert counts == [3, 2, 0]
        assert await store.history.runs(SHOP, ALL) == [young]
        assert (await store.history.state(SHOP)).version > before.version

    async def test_bystander_projects_are_untouched(self, store: Store) -> None:
        bank = await plan_and_take(store, BANK, Lane.HISTORY)
        theirs = await store.history.record(
            bank, change(run("theirs", created_at_ms=100), experiments=[known()])
        )
        await recorded(store, change(run("ours", created_at_ms=1)), change(removed=[run("theirs")]))

        await store.history.prune(50, 10)
        await store.snapshots.retain([SHOP])

        assert await store.history.runs(SHOP, ALL) == []
        assert await store.history.runs(BANK, ALL) == [run("theirs", created_at_ms=100)]
        assert await store.history.experiments(BANK) == [known()]
        assert await store.history.state(BANK) == theirs


class TestQueries:
    @pytest.fixture
    async def runs(self, store: Store) -> list[Run]:
        """Newest first; some of the same moment."""
        return await recorded(
            store,
            change(
                run("a", created_at_ms=1_000, phase="Completed"),
                run("b", created_at_ms=2_000, phase="Error"),
                run("B", created_at_ms=2_000, phase="Brand_New"),
                run("c", created_at_ms=2_000, phase="Running", experiment_id="experiment-2"),
                run("", created_at_ms=3_000, phase="Queued", experiment_id="experiment-2"),
            ),
        )

    async def test_newest_come_first_and_ties_are_ordered_by_code_point(self, runs: list[Run]) -> None:
        assert [one.experiment_run_id for one in runs] == ["", "c", "b", "B", "a"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (RunQuery(since_ms=2_000), ["", "c", "b", "B"]),
            (RunQuery(until_ms=2_000), ["a"]),
            (RunQuery(since_ms=1_000, until_ms=3_000), ["c", "b", "B", "a"]),
            (RunQuery(experiment_ids={"experiment-2"}), ["", "c"]),
            (RunQuery(experiment_ids=()), []),
            (RunQuery(phases=["Error", "Running"]), ["c", "b"]),
            (RunQuery(phases=["Error"], other_phases=True), ["b", "B"]),
            (RunQuery(phases=(), other_phases=True), ["B"]),
            (RunQuery(phases=["Error"], experiment_ids=["experiment-2"]), []),
            (RunQuery(limit=2), ["", "c"]),
            (RunQuery(limit=0), []),
        ],
    )
    async def test_every_condition_narrows(
        self, store: Store, runs: list[Run], query: RunQuery, expected: list[str]
    ) -> None:
        assert len(runs) == 5

        assert [one.experiment_run_id for one in await store.history.runs(SHOP, query)] == expected

    async def test_pages_of_any_size_give_every_run_once(self, store: Store, runs: list[Run]) -> None:
        for size in (1, 2, 3):
            paged: list[Run] = []
            while True:
                after = None
                if paged:
                    after = (
                        paged[-1].created_at_ms,
                        paged[-1].experiment_id,
                        paged[-1].experiment_run_id,
                    )
                page = await store.history.runs(SHOP, RunQuery(after=after, limit=size))
                if not page:
                    break
                paged += page
            assert paged == runs

    async def test_unknown_project_has_no_runs(self, store: Store) -> None:
        assert await store.history.runs(SHOP, ALL) == []
        assert await store.history.experiments(SHOP) == []
