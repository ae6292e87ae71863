"""What does not end is asked for ever more seldom, and at once again when it changed."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sidecar.litmus.reading.history_patience import LONGEST, PATIENCE, pause_after_looks
from tests.litmus.history_bench import MINUTE, HistoryBench

EVERY = timedelta(minutes=10)


@given(times=st.integers(0, 10_000))
def test_pauses_only_grow_and_end_at_a_day(times: int) -> None:
    pause = pause_after_looks(times, EVERY)

    assert pause <= pause_after_looks(times + 1, EVERY) <= LONGEST
    assert (pause == timedelta(0)) == (times < PATIENCE)


async def test_a_stuck_run_is_asked_for_ever_more_seldom() -> None:
    bench = HistoryBench()
    bench.world.start_run(bench.add_experiment("stuck"))
    # So long ago that reading what changed since the last run does not meet it.
    bench.wait(3 * EVERY)
    bench.world.add_finished_run(
        bench.add_experiment("sound"), started_at_ms=bench.world.now_ms, ended_at_ms=bench.world.now_ms
    )
    async with bench.opened():
        await bench.settle()
        rounds = []
        for number in range(48):
            bench.wait(11 * MINUTE)
            before = len(bench.asked_for_runs)
            await bench.settle()
            # Neither what changed since the last time, nor the counting of a single row.
            if any(
                "filter" not in one and one["pagination"]["limit"] > 1
                for one in bench.asked_for_runs[before:]
            ):
                rounds.append(number)

    assert rounds[:PATIENCE] == [*range(PATIENCE)]
    gaps = [later - sooner for sooner, later in pairwise(rounds[PATIENCE - 1 :])]
    assert len(gaps) >= 3
    assert all(longer >= 1.5 * shorter for shorter, longer in pairwise(gaps))
