"""Totals of finished runs of every store: see ``ports.History.totals``."""

from collections.abc import Mapping

import pytest

from sidecar.domain.model import Lane
from sidecar.domain.ports import HistoryChange, Lease, RunQuery
from sidecar.domain.runs import HistoryState, Outcome, Run
from sidecar.store.store import Store
from tests.store.material import BANK, FAR, SHOP, change, clock, known, plan_and_take, run

PASSED, ERROR, STOPPED = Outcome.PASSED, Outcome.ERROR, Outcome.STOPPED


async def take(store: Store) -> Lease:
    return await plan_and_take(store, lane=Lane.HISTORY)


async def totals_after(store: Store, *changes: HistoryChange) -> Mapping[str, Mapping[Outcome, int]]:
    """Record one change after the other; return the totals."""
    lease = await take(store)
    for one in changes:
        await store.history.record(lease, one)
    await store.leases.release(lease, clock() + FAR, failed=False)
    return await store.history.totals(SHOP)


async def test_there_are_no_totals_before_anything_was_read(store: Store) -> None:
    assert await store.history.totals(SHOP) == {}


async def test_finished_runs_count_by_experiment_and_outcome(store: Store) -> None:
    runs = [
        run("a"),
        run("b", phase="Succeeded"),
        run("c", phase="Error"),
        run("d", phase="Brand_New"),
        run("e", experiment_id="experiment-2", phase="Stopped"),
    ]

    assert await totals_after(store, change(*runs)) == {
        "experiment-1": {PASSED: 2, ERROR: 1, Outcome.OTHER: 1},
        "experiment-2": {STOPPED: 1},
    }


@pytest.mark.parametrize("phase", ["Running", "Queued", "Pending"])
async def test_unfinished_run_does_not_count(store: Store, phase: str) -> None:
    assert await totals_after(store, change(run(phase=phase))) == {}


async def test_run_counts_once_however_often_it_is_told(store: Store) -> None:
    told = [change(run()), change(run()), change(run(updated_at_ms=2_000, score=50.0)), change(run(), run())]

    assert await totals_after(store, *told) == {"experiment-1": {PASSED: 1}}


async def test_run_counts_when_it_is_first_seen_finished(store: Store) -> None:
    told = [change(run("", phase="Queued")), change(run(phase="Running", updated_at_ms=1_500))]
    assert await totals_after(store, *told) == {}

    assert await totals_after(store, change(run(phase="Error", updated_at_ms=2_000))) == {
        "experiment-1": {ERROR: 1}
    }


async def test_finished_run_that_gains_its_id_later_counts_once(store: Store) -> None:
    told = [change(run("", phase="Stopped")), change(run("run-1", phase="Stopped", updated_at_ms=2_000))]

    assert await totals_after(store, *told) == {"experiment-1": {STOPPED: 1}}


@pytest.mark.parametrize("phase", ["Error", "Running"])
async def test_correction_neither_moves_nor_lowers_a_total(store: Store, phase: str) -> None:
    told = [
        change(run()),
        change(run(phase=phase, updated_at_ms=2_000)),
        change(run(phase="Error", updated_at_ms=3_000)),
    ]

    assert await totals_after(store, *told) == {"experiment-1": {PASSED: 1}}


async def test_deletion_and_return_change_no_total(store: Store) -> None:
    told = [change(run("a"), run("b")), change(removed=[run("a")]), change(run("a"))]

    assert await totals_after(store, *told) == {"experiment-1": {PASSED: 2}}


class TestPruning:
    async def test_totals_outlive_the_runs(self, store: Store) -> None:
        before = await totals_after(store, change(run("old", created_at_ms=1), run("young")))

        assert await store.history.prune(100, 10) == 1

        assert await store.history.totals(SHOP) == before == {"experiment-1": {PASSED: 2}}

    async def test_pruned_run_that_is_told_anew_is_kept_and_not_counted_again(self, store: Store) -> None:
        old = run("old", created_at_ms=1)
        await totals_after(store, change(old, run("young")))
        await store.history.prune(100, 10)
        await store.history.prune(50, 10)

        assert await totals_after(store, change(old), change(old, state=HistoryState(watermark_ms=1))) == {
            "experiment-1": {PASSED: 2}
        }
        assert old in await store.history.runs(SHOP, RunQuery())

    async def test_run_that_outlived_a_step_of_pruning_counts_when_it_finishes(self, store: Store) -> None:
        late = run("late", created_at_ms=2, phase="Running")
        await totals_after(store, change(run("old", created_at_ms=1), late))
        await store.history.prune(100, 1)

        assert await totals_after(store, change(run("late", created_at_ms=2, updated_at_ms=9))) == {
            "experiment-1": {PASSED: 2}
        }


async def test_version_rises_whenever_a_total_does(store: Store) -> None:
    lease = await take(store)
    changes: list[list[Run]] = [[run(phase="Running")], [run(updated_at_ms=2_000)], [run("b")], [run("b")]]
    seen = []

    for runs in changes:
        state = await store.history.record(lease, change(*runs))
        totals = await store.history.totals(SHOP)
        seen.append((state.version, sum(totals.get("experiment-1", {}).values())))

    assert seen == [(1, 0), (2, 1), (3, 2), (3, 2)]


async def test_projects_do_not_share_totals(store: Store) -> None:
    bank = await plan_and_take(store, BANK, Lane.HISTORY)
    await store.history.record(bank, change(run(phase="Error"), experiments=[known()]))

    assert await totals_after(store, change(run())) == {"experiment-1": {PASSED: 1}}
    assert await store.history.totals(BANK) == {"experiment-1": {ERROR: 1}}
