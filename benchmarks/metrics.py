"""A scrape and the rendering behind it: 1,000 projects with 50 experiments, with and without the limit.

Prints the size of a scrape, its time over HTTP (the client's in the same
process included), and the longest time that the event loop was held meanwhile
and while projects are rendered: by the clock, which other processes and threads
lengthen, and by its own work, which they do not. The argument is the number of
projects.
"""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time, thread_time
from zlib import decompressobj

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.config.model import MetricsSettings
from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.model import Experiment, Lane, ProjectRef, Schedule, Section, SectionResult
from sidecar.domain.ports import HistoryChange, Job
from sidecar.domain.runs import HistoryState, KnownExperiment, Run
from sidecar.http.metrics.domain import DomainMetrics
from sidecar.http.metrics.scrape import scrape_response
from sidecar.insight.digest_cache import Digests
from sidecar.store.local_leases import LocalLeases
from sidecar.telemetry.metrics import Metrics
from tests.support.memory_store.data import MemoryHistory, MemorySnapshots

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXPERIMENTS, RUNS = 50, 10
PHASES = ("Completed", "Completed", "Completed_With_Probe_Failure", "Error", "Stopped")
SETTLING_SECONDS = 0.2
TURN_SECONDS = 0.001
CHANGED = 20
"""Projects that change between two looks."""


class World:
    """Stores in memory, a fixed clock, and a catalog of one entity per project."""

    def __init__(self, projects: int) -> None:
        self.current = Catalog(entities=tuple(entity_of(number) for number in range(projects)))
        self.leases = LocalLeases()
        self.snapshots = MemorySnapshots(self.leases)
        self.history = MemoryHistory(self.leases)

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        """See :meth:`ports.Catalogue.projects_with_id`."""
        return tuple(one.project for one in self.current.entities if one.project.project_id == project_id)

    def metrics(self, max_experiments: int) -> DomainMetrics:
        """Return metrics that were not rendered yet."""
        return DomainMetrics(
            catalogue=self,
            snapshots=self.snapshots,
            history=self.history,
            digests=Digests(self.history),
            clock=lambda: NOW,
            max_experiments=max_experiments,
            rest=0,
        )


def entity_of(number: int) -> Entity:
    project_id = f"3f2504e0-4f89-41d3-9a0c-{number:012}"
    return Entity(
        ref=f"component:default/service-{number:04}",
        project=ProjectRef(instance="default", project_id=project_id),
        owner=f"group:default/team-{number % 40:02}",
        system=f"system:default/system-{number % 100:02}",
    )


def experiment_id(index: int) -> str:
    return f"9b2c1d7e-55aa-4c1f-8e21-{index:012}"


async def fill(world: World) -> None:
    projects = [entity.project for entity in world.current.entities]
    await world.leases.plan([Job(project=one, lane=lane) for one in projects for lane in Lane], NOW)
    for project in projects:
        # The only due jobs are this project's: the plan before it is worked off in order.
        fast = await world.leases.take("default", [Lane.FAST], NOW)
        past = await world.leases.take("default", [Lane.HISTORY], NOW)
        if fast is None or past is None:
            raise RuntimeError(f"No lease for {project}.")
        await world.snapshots.merge(fast, sections())
        await world.history.record(past, change())
        await world.leases.release(past, NOW + timedelta(days=1), failed=False)
        await asyncio.sleep(0)


async def touch(world: World, moment: datetime) -> None:
    """Let a run of some projects finish."""
    for entity in world.current.entities[:CHANGED]:
        job = Job(project=entity.project, lane=Lane.HISTORY)
        await world.leases.hurry(job, NOW, again=False)
        lease = await world.leases.take("default", [Lane.HISTORY], NOW)
        if lease is None:
            raise RuntimeError(f"No lease for {entity.project}.")
        await world.history.record(lease, change(moment))
        await world.leases.release(lease, NOW + timedelta(days=1), failed=False)


def sections() -> list[SectionResult]:
    experiments = tuple(
        Experiment(experiment_id=experiment_id(index), name=f"Service survives fault {index}", cron_syntax="")
        for index in range(EXPERIMENTS)
    )
    schedules = tuple(
        Schedule(
            experiment_id=experiment_id(index),
            cron_syntax=f"{index} 2 * * *",
            suspended=False,
            timezone="Europe/Berlin",
            experiment_updated_at_ms=None,
            since=NOW - timedelta(days=30),
        )
        for index in range(0, EXPERIMENTS, 5)
    )
    return [
        SectionResult(section=Section.EXPERIMENTS, attempted_at=NOW, value=experiments),
        SectionResult(section=Section.SCHEDULES, attempted_at=NOW, value=schedules),
    ]


def change(moment: datetime = NOW) -> HistoryChange:
    now_ms = int(NOW.timestamp() * 1000)
    changed_ms = int(moment.timestamp() * 1000)
    runs = [
        Run(
            experiment_id=experiment_id(index % EXPERIMENTS),
            experiment_name=f"Service survives fault {index % EXPERIMENTS}",
            experiment_run_id=f"run-{index}",
            phase=PHASES[index * 7 % len(PHASES)],
            resiliency_score=float(index * 13 % 101),
            created_at_ms=now_ms - index * 60_000,
            updated_at_ms=changed_ms - index * 60_000,
        )
        for index in range(EXPERIMENTS * RUNS)
    ]
    experiments = [
        KnownExperiment(experiment_id=experiment_id(index), name="", infra_id="infra", first_seen_at=NOW)
        for index in range(EXPERIMENTS)
    ]
    state = HistoryState(is_complete=True, synced_at=NOW, watermark_ms=now_ms)
    return HistoryChange(state=state, runs=runs, experiments=experiments)


class Held:
    """How long the event loop was held at most between two turns."""

    def __init__(self) -> None:
        self.waited_seconds = 0.0
        """By the clock."""
        self.worked_seconds = 0.0
        """By the processor time of its thread."""

    def __str__(self) -> str:
        return (
            f"held {self.waited_seconds * 1000:6.1f} ms, by its own work {self.worked_seconds * 1000:5.1f} ms"
        )


@asynccontextmanager
async def watching() -> AsyncIterator[Held]:
    """Let a task ask for its turn every millisecond; how late it came at most is what others wait."""
    held = Held()

    async def watch() -> None:
        while True:
            asked, worked = perf_counter(), thread_time()
            await asyncio.sleep(TURN_SECONDS)
            held.waited_seconds = max(held.waited_seconds, perf_counter() - asked - TURN_SECONDS)
            held.worked_seconds = max(held.worked_seconds, thread_time() - worked)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(SETTLING_SECONDS)
    held.waited_seconds = held.worked_seconds = 0.0
    try:
        yield held
    finally:
        watcher.cancel()


def reckon(ending: threading.Event) -> None:
    while not ending.is_set():
        sum(range(10_000))


async def beside_a_thread() -> Held:
    """The longest hold while a thread only reckons: what the interpreter itself costs here."""
    ending = threading.Event()
    async with watching() as held:
        reckoning = asyncio.create_task(asyncio.to_thread(reckon, ending))
        await asyncio.sleep(10 * SETTLING_SECONDS)
        ending.set()
        await reckoning
    return held


@asynccontextmanager
async def served(domain: DomainMetrics) -> AsyncIterator[str]:
    """Serve scrapes as the service does, in this process."""
    registry = Metrics("benchmark").registry

    async def metrics(request: web.Request) -> web.Response:
        return await scrape_response(request, registry, domain)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/metrics"))
    finally:
        await server.close()


async def scrape(url: str, encoding: str) -> tuple[int, int, float, Held]:
    """Bytes on the wire, bytes of text, seconds, and the longest hold; the client's share included."""
    sent = text = 0
    unpack = decompressobj(wbits=31)
    async with aiohttp.ClientSession(auto_decompress=False) as session, watching() as held:
        started = perf_counter()
        async with session.get(url, headers={"Accept-Encoding": encoding}) as response:
            async for chunk in response.content.iter_any():
                sent += len(chunk)
                text += (
                    len(await asyncio.to_thread(unpack.decompress, chunk))
                    if encoding == "gzip"
                    else len(chunk)
                )
        seconds = perf_counter() - started
    return sent, text, seconds, held


async def looks(title: str, domain: DomainMetrics) -> None:
    """Let it look at all projects; print what that took and held."""
    async with watching() as held:
        started, reckoned = perf_counter(), process_time()
        await domain.update()
        seconds, of_processor = perf_counter() - started, process_time() - reckoned
    print(f"   {title:20}: {seconds:7.3f} s, {of_processor:7.3f} s of processor, {held}")


async def run(projects: int) -> None:
    world = World(projects)
    await fill(world)
    # The service has its runs in a database; here they would make the collector's pauses long.
    gc.collect()
    gc.freeze()
    alone = await beside_a_thread()
    print(f"{projects:,} projects with {EXPERIMENTS} experiments and {EXPERIMENTS * RUNS} runs each")
    print(f"beside a thread that reckons the loop is {alone} anyway\n")
    sizes: list[int] = []
    for title, limit in (
        ("without limit", projects * EXPERIMENTS),
        ("with the default limit", MetricsSettings().max_experiments),
    ):
        domain = world.metrics(limit)
        print(f"{title}:")
        await looks("rendering all", domain)
        await domain.update()
        await looks("nothing changed", domain)
        await touch(world, NOW + timedelta(seconds=1 + len(sizes)))
        await looks(f"{CHANGED} projects changed", domain)
        async with served(domain) as url:
            for encoding in ("identity", "gzip"):
                sent, text, seconds, held = await scrape(url, encoding)
                print(
                    f"   scrape, {encoding:8}: {text / 1e6:7.2f} MB of text, {sent / 1e6:6.2f} MB sent, "
                    f"{seconds:6.3f} s, {held}"
                )
                sizes.append(text)
    print(f"\nthe limit makes a scrape {sizes[0] / sizes[-1]:.0f} times smaller")


def main() -> None:
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))


if __name__ == "__main__":
    main()
