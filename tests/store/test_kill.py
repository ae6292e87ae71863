"""``kill -9`` during a synchronisation: whole before, whole after, nothing lost or doubled."""

import random
import sys
from pathlib import Path

import pytest

from sidecar.domain.model import Lane, Section
from sidecar.domain.ports import RunQuery
from sidecar.domain.runs import Outcome
from sidecar.store.store import open_store
from tests.store.forked import start
from tests.store.killed import EXPERIMENTS, POINTS, RUNS
from tests.store.material import SHOP, clock, take_job

SEED = 20_260_302

pytestmark = pytest.mark.service


async def acknowledged_before_kill(url: str, point: str, times: int, lines: int | None) -> dict[str, int]:
    """Let the child work until it kills itself, or until it said so many lines; return what it said last."""
    child = await start("tests.store.killed", url, point, str(times))
    said: list[str] = []
    while line := await child.stdout.readline():
        said.append(line.decode())
        if lines is not None and len(said) == lines:
            child.kill()
    assert await child.wait() == -9
    last = {"snapshot": -1, "runs": -1}
    for words in map(str.split, said):
        last[words[0]] = int(words[1])
    return last


async def assert_whole(url: str, last: dict[str, int]) -> None:
    async with open_store(url, clock=clock) as store:
        assert store.health.state == "ok"
        snapshot = store.snapshots.get(SHOP)
        generation = -1
        if snapshot is not None:
            ids = [one.experiment_id for one in snapshot.content.experiments or ()]
            generation = int(ids[0].partition("-")[0])
            assert ids == [f"{generation}-{one}" for one in range(EXPERIMENTS)]
            assert snapshot.restored == {Section.EXPERIMENTS}
        assert generation - last["snapshot"] in {0, 1}

        watermark = (await store.history.state(SHOP)).watermark_ms
        batch = -1 if watermark is None else watermark
        assert batch - last["runs"] in {0, 1}
        runs = await store.history.runs(SHOP, RunQuery())
        expected = [
            (number * 100 + one, f"{number}-{one}" if number < batch else "")
            for number in range(batch + 1)
            for one in range(RUNS)
        ]
        assert [(run.created_at_ms, run.experiment_run_id) for run in runs] == expected[::-1]
        # Every batch but the last is finished.
        finished = {"experiment-1": {Outcome.PASSED: RUNS * batch}} if batch > 0 else {}
        assert await store.history.totals(SHOP) == finished


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_a_named_point(tmp_path: Path, point: str, times: int) -> None:
    url = f"sqlite:///{tmp_path}/store.db"

    last = await acknowledged_before_kill(url, point, times, None)

    await assert_whole(url, last)


async def test_killed_at_random_moments(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - picks moments, guards nothing
    sys.stdout.write(f"seed {SEED}\n")
    for number in range(6):
        url = f"sqlite:///{tmp_path}/store-{number}.db"

        last = await acknowledged_before_kill(url, "", 0, chance.randrange(1, 30))

        await assert_whole(url, last)


async def test_work_goes_on_after_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    await acknowledged_before_kill(url, "", 0, 3)

    async with open_store(url, clock=clock) as store:
        slow = await take_job(store, lane=Lane.SLOW)

        assert slow.failures == 0
