"""Overview and portfolio over a filled store: 50 experiments with 100 runs each a project.

Prints time and memory at growing numbers of projects, and how much doubling
costs. The largest number is the argument; 1000 takes some minutes, most of
them for filling the store.
"""

import asyncio
import resource
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import HistoryChange, Job, RunQuery
from sidecar.domain.runs import HistoryState, KnownExperiment, Run
from sidecar.http.answers.cache import Answer
from sidecar.http.shapes.claims import ClaimShape
from sidecar.http.shapes.common import Age
from sidecar.http.shapes.overview import overview_shape
from sidecar.insight.digest_cache import Digests
from sidecar.insight.links import LitmusLinks
from sidecar.insight.portfolio import Part, portfolio
from sidecar.insight.rollup import Grouping
from sidecar.insight.windows import parse_window
from sidecar.store.store import Store, open_store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXPERIMENTS, RUNS = 50, 100
INTERVALS = {lane: timedelta(minutes=1) for lane in Lane}
PHASES = ("Completed", "Completed", "Completed", "Completed_With_Probe_Failure", "Error", "Stopped")


def project_of(number: int) -> ProjectRef:
    return ProjectRef(instance="default", project_id=f"project-{number:04}")


def entity_of(number: int) -> Entity:
    return Entity(
        ref=f"component:default/service-{number:04}",
        project=project_of(number),
        owner=f"group:default/team-{number % 40:02}",
    )


def change_of(number: int) -> HistoryChange:
    """A year of runs of one project."""
    now_ms = int(NOW.timestamp() * 1000)
    step_ms = int(timedelta(days=365) / timedelta(milliseconds=1)) // (EXPERIMENTS * RUNS)
    runs = [
        Run(
            experiment_id=f"experiment-{index % EXPERIMENTS}",
            experiment_name=f"Experiment {index % EXPERIMENTS}",
            experiment_run_id=f"run-{number}-{index}",
            phase=PHASES[(index * 7 + number) % len(PHASES)],
            resiliency_score=float((index * 13 + number) % 101),
            created_at_ms=now_ms - index * step_ms - number,
            updated_at_ms=now_ms - index * step_ms,
        )
        for index in range(EXPERIMENTS * RUNS)
    ]
    experiments = [
        KnownExperiment(
            experiment_id=f"experiment-{index}",
            name=f"Experiment {index}",
            infra_id="infra",
            first_seen_at=NOW,
        )
        for index in range(EXPERIMENTS)
    ]
    state = HistoryState(is_complete=True, synced_at=NOW, watermark_ms=now_ms)
    return HistoryChange(state=state, runs=runs, experiments=experiments)


async def fill(store: Store, numbers: Sequence[int]) -> None:
    for _ in numbers:
        lease = await store.leases.take("default", [Lane.HISTORY], NOW)
        if lease is None:
            raise RuntimeError("Every project was planned.")
        await store.history.record(lease, change_of(int(lease.job.project.project_id[-4:])))
        await store.leases.release(lease, NOW + timedelta(days=999), failed=False)


async def time_overview(store: Store, digests: Digests, number: int) -> float:
    """Seconds of one overview, its digest kept already: what a reader of changed data waits for."""
    entity = entity_of(number)
    started = perf_counter()
    window = parse_window(now=NOW, window="30d")
    shape = overview_shape(
        entity=entity,
        snapshot=None,
        digest=await digests.of(entity.project),
        latest=list(await store.history.runs(entity.project, RunQuery(limit=10))),
        window=window,
        links=LitmusLinks(base_url="https://litmus.example.com", account_id="u", project_id="p"),
        claim=ClaimShape(source="catalog", problem=None),
        age=Age(as_of=NOW, stale=False, intervals=INTERVALS),
    )
    Answer(shape, as_of=NOW)
    return perf_counter() - started


async def measure(store: Store, projects: int) -> tuple[float, float, float, float]:
    """Seconds of: all digests from the store, a first and a further portfolio, an overview."""
    digests = Digests(store.history)
    started = perf_counter()
    parts = [
        Part(
            project=project_of(number),
            entities=(entity_of(number),),
            snapshot=None,
            digest=await digests.of(project_of(number)),
        )
        for number in range(projects)
    ]
    reading = perf_counter() - started
    window = parse_window(now=NOW, window="30d")
    started = perf_counter()
    await asyncio.to_thread(portfolio, parts, Grouping.OWNER, window)
    month = perf_counter() - started
    window = parse_window(now=NOW, window="12mo")
    started = perf_counter()
    await asyncio.to_thread(portfolio, parts, Grouping.OWNER, window)
    year = perf_counter() - started
    overviews = [await time_overview(store, digests, number) for number in range(0, projects, 10)]
    return reading, month, year, sum(overviews) / len(overviews)


async def run(largest: int) -> None:
    sizes = [size for size in (largest // 4, largest // 2, largest) if size]
    before: tuple[float, ...] | None = None
    with tempfile.TemporaryDirectory() as directory:
        async with open_store(f"sqlite:///{Path(directory) / 'bench.db'}", clock=lambda: NOW) as store:
            filled = 0
            for size in sizes:
                jobs = [Job(project=project_of(number), lane=Lane.HISTORY) for number in range(size)]
                await store.leases.plan(jobs, NOW)
                started = perf_counter()
                await fill(store, range(filled, size))
                filling = perf_counter() - started
                figures = await measure(store, size)
                rate = (size - filled) * EXPERIMENTS * RUNS / filling
                filled = size
                peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(
                    f"{size:5} projects, {size * EXPERIMENTS * RUNS:9,} runs: "
                    f"stored {rate:8,.0f} runs/s, digests read {figures[0]:6.2f} s, "
                    f"portfolio 30d {figures[1]:5.2f} s, 12mo {figures[2]:5.2f} s, "
                    f"overview {figures[3] * 1000:5.1f} ms, peak RSS {peak_mb:5.0f} MB"
                )
                if before is not None:
                    ratios = ", ".join(
                        f"{after / earlier:.2f}" for after, earlier in zip(figures, before, strict=True)
                    )
                    print(f"      twice the projects cost (digests, 30d, 12mo, overview): {ratios} times")
                before = figures


def main() -> None:
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 40))


if __name__ == "__main__":
    main()
