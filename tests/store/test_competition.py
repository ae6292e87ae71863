"""Several processes on one database."""

import asyncio
from collections import defaultdict

import pytest

from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import RunQuery
from sidecar.domain.runs import Outcome
from sidecar.store.store import open_store
from tests.store import counter
from tests.store.forked import start
from tests.store.material import SHOP, clock, job
from tests.support.service import CEILING_SECONDS

JOBS = 60
PROCESSES = 3

pytestmark = pytest.mark.service


async def said_at_once(module: str, url: str) -> list[str]:
    """Let several processes of the module begin at the same moment; return the lines that they print."""
    processes = [await start(module, url) for _ in range(PROCESSES)]
    async with asyncio.timeout(CEILING_SECONDS):
        for process in processes:
            assert await process.stdout.readline() == b"ready\n"
        for process in processes:
            process.say(b"go\n")
        answers = await asyncio.gather(*(process.stdout.read() for process in processes))
        assert [await process.wait() for process in processes] == [0] * PROCESSES
    return [line for answer in answers for line in answer.decode().splitlines()]


async def test_runs_that_several_processes_record_count_once(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        await store.leases.plan([job(SHOP, Lane.HISTORY)], clock())

    await said_at_once("tests.store.counter", url)

    async with open_store(url, clock=clock) as store:
        stored = await store.history.runs(SHOP, RunQuery())
        assert len(stored) >= counter.RUNS
        assert await store.history.totals(SHOP) == {"experiment-1": {Outcome.PASSED: len(stored)}}


async def test_processes_never_hold_a_job_twice(url: str) -> None:
    projects = [ProjectRef(instance="default", project_id=f"project-{number}") for number in range(JOBS)]
    async with open_store(url, clock=clock) as store:
        await store.leases.plan([job(project) for project in projects], clock())

    said = await said_at_once("tests.store.competitor", url)

    taken = [line.split() for line in said]
    fences: defaultdict[str, list[int]] = defaultdict(list)
    for project, fence in taken:
        fences[project].append(int(fence))
    # Every job was taken once, released, taken once more and kept: each fence went to one process only.
    assert fences.keys() == {project.project_id for project in projects}
    assert all(max(two) - min(two) == 1 == len(two) - 1 for two in fences.values())
