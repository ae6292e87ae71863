"""A history that is read from a simulated Litmus, step by step."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sidecar.domain.model import Lane, ProjectRef, Snapshot
from sidecar.domain.ports import Job, RunQuery
from sidecar.domain.runs import HistoryState, Run
from sidecar.litmus.reading.history import LitmusHistorySource
from sidecar.litmus.reading.source import LitmusSource
from sidecar.litmus.transport.client import LitmusClient, open_litmus_client
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import Experiment
from sidecar.store.local_leases import LocalLeases
from tests.support.memory_store.data import MemoryHistory, MemorySnapshots

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
VERSIONS = pytest.mark.parametrize("version", ["3.0.0", "3.17.0", "3.31.0"])


class HistoryBench:
    """A world with one project, and a history of it in memory. Time moves only by :meth:`wait`."""

    def __init__(self, version: str = "3.31.0") -> None:
        self.now = START
        self.world = World(name="history", version=version, clock=self._seconds)
        owner = self.world.add_user("alice")
        self.token = self.world.issue_token(owner, days=3_650)
        self.litmus_project = self.world.add_project("Shop", owner=owner)
        environment = self.world.add_environment(self.litmus_project, "production")
        self.infra = self.world.add_infra(self.litmus_project, environment, "gke")
        self.project = ProjectRef(instance="default", project_id=self.litmus_project.project_id)
        self.leases = LocalLeases(lease_time=10_000 * DAY)
        self.snapshots = MemorySnapshots(self.leases)
        self.history = MemoryHistory(self.leases)
        self.simulator: Simulator
        self.source: LitmusSource
        self.reader: LitmusHistorySource

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["HistoryBench"]:
        jobs = [Job(project=self.project, lane=lane) for lane in (Lane.FAST, Lane.HISTORY)]
        await self.leases.plan(jobs, self.now)
        async with (
            open_simulator(self.world) as self.simulator,
            open_litmus_client(
                base_url=self.simulator.url,
                token=lambda: LitmusToken(self.token),
                max_requests_per_second=10_000,
            ) as client,
        ):
            self.source = LitmusSource(client, lambda: self.now)
            self.reader = self.reader_over(client)
            yield self

    def reader_over(self, client: LitmusClient) -> LitmusHistorySource:
        return LitmusHistorySource(client, self.history, lambda: self.now, retention=400 * DAY)

    def _seconds(self) -> float:
        return self.now.timestamp()

    def wait(self, time: timedelta) -> None:
        self.now += time

    def add_experiment(self, name: str = "pod-delete") -> Experiment:
        return self.world.add_experiment(self.litmus_project, self.infra, name)

    def add_past(self, experiment: Experiment, count: int) -> None:
        """Add finished runs, an hour apart, the last one an hour ago."""
        for hours in range(count, 0, -1):
            at_ms = self.world.now_ms - hours * 3_600_000
            self.world.add_finished_run(experiment, started_at_ms=at_ms, ended_at_ms=at_ms + 60_000)

    async def look(self) -> Snapshot:
        """Synchronise the fast lane once."""
        lease = await self.leases.take("default", [Lane.FAST], self.now)
        assert lease is not None
        results = await self.source.collect(self.project, Lane.FAST, self.snapshots.get(self.project))
        snapshot = await self.snapshots.merge(lease, results)
        await self.leases.release(lease, self.now, failed=False)
        return snapshot

    async def step(self) -> bool:
        """Take one step and record it; tell whether more is due."""
        lease = await self.leases.take("default", [Lane.HISTORY], self.now)
        assert lease is not None
        try:
            state = await self.history.state(self.project)
            change, more = await self.reader.step(self.project, state, self.snapshots.get(self.project))
            await self.history.record(lease, change)
        finally:
            await self.leases.release(lease, self.now, failed=False)
        return more

    async def settle(self) -> None:
        """Synchronise, then take steps until nothing more is due."""
        await self.look()
        for _ in range(500):
            if not await self.step():
                return
        raise AssertionError("The history did not settle in 500 steps.")

    async def state(self) -> HistoryState:
        return await self.history.state(self.project)

    async def runs(self) -> Sequence[Run]:
        return await self.history.runs(self.project, RunQuery())

    @property
    def asked_for_runs(self) -> list[dict[str, Any]]:
        """The requests for runs so far."""
        return [
            sent.variables["runs"]
            for sent in self.simulator.requests
            if sent.root_fields == ("listExperimentRun",)
        ]
