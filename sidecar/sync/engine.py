"""The engine: workers take due jobs, have them collected, and merge what came.

One project's failure touches no other: it is recorded in that project's
freshness, and the next attempt waits longer. Readers never cause upstream
work; they may wait for the first attempt (``ensure``) or ask for an earlier
one (``hurry``).
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog

from sidecar.errors import DrainingError, LeaseLostError, NotReadyError, StoreError
from sidecar.metrics import Metrics
from sidecar.model import (
    LANE_OF_SECTION,
    SECTIONS_OF_LANE,
    Lane,
    ProjectRef,
    Section,
    SectionError,
    SectionResult,
    Snapshot,
)
from sidecar.ports import Clock, Job, Lease, Leases, ProjectSource, Snapshots
from sidecar.snapshots import was_attempted
from sidecar.sync.pace import Intervals, pause_after

MAX_IDLE: Final = timedelta(seconds=5)
"""A worker looks for work at least so often: another replica may have changed what is due."""

LANES: Final = (Lane.FAST, Lane.SLOW)
"""What the workers for sections take."""

COLLECT_TIMEOUT_SECONDS: Final = 100.0
"""Longest a lane may take; below the time of a lease."""

_log = structlog.get_logger(__name__)


class SyncEngine:
    """Implements :class:`ports.Sync` and runs the workers behind it."""

    def __init__(
        self,
        *,
        sources: Mapping[str, ProjectSource],
        snapshots: Snapshots,
        leases: Leases,
        intervals: Intervals,
        workers: int,
        wait_seconds: float,
        metrics: Metrics,
        clock: Clock,
        chance: random.Random | None = None,
    ) -> None:
        """Take what it needs; nothing runs before :meth:`work`.

        Args:
            sources: One per instance, by name.
            snapshots: Where results are merged.
            leases: What is due.
            intervals: The pace.
            workers: Jobs worked on at once per instance.
            wait_seconds: Longest a reader waits for a first attempt.
            metrics: Counted into.
            clock: The time.
            chance: Source of jitter; seeded by tests.
        """
        self._sources = sources
        self._snapshots = snapshots
        self._leases = leases
        self._intervals = intervals
        self._workers = workers
        self._wait_seconds = wait_seconds
        self._metrics = metrics
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._projects: frozenset[ProjectRef] = frozenset()
        self._draining = False
        self._preferred: set[ProjectRef] = set()
        """Projects that a reader waits for, put before all others once."""
        self._wake: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._waiting: defaultdict[ProjectRef, set[asyncio.Future[None]]] = defaultdict(set)

    @property
    def projects(self) -> frozenset[ProjectRef]:
        """The projects that are kept synchronised."""
        return self._projects

    async def plan(self, projects: Collection[ProjectRef]) -> None:
        """Keep exactly these projects synchronised; those of unknown instances are left out."""
        kept = frozenset(ref for ref in projects if ref.instance in self._sources)
        await self._leases.plan(
            [Job(project=ref, lane=lane) for ref in kept for lane in LANES], self._clock()
        )
        await self._snapshots.retain(kept)
        self._projects = kept
        self._preferred &= kept
        self._wake_all()

    async def work(self, instance: str) -> None:
        """Run the workers of one instance until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(instance))

    async def ensure(self, project: ProjectRef, sections: Collection[Section]) -> Snapshot:
        """See :meth:`ports.Sync.ensure`."""
        snapshot = self._snapshots.get(project)
        if snapshot is not None and was_attempted(snapshot, sections):
            return snapshot
        if project not in self._preferred:
            self._preferred.add(project)
            await self._hurry(project, {LANE_OF_SECTION[section] for section in sections}, again=False)
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._first_attempt(project, sections)
        except TimeoutError as exc:
            raise NotReadyError(
                "First synchronisation of this project is still running; try again in a few seconds."
            ) from exc

    async def hurry(self, project: ProjectRef) -> None:
        """See :meth:`ports.Sync.hurry`."""
        await self._hurry(project, LANES, again=True)

    def drain(self) -> None:
        """End all waits, present and future, with :class:`DrainingError`."""
        self._draining = True
        for waiting in self._waiting.values():
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def _hurry(self, project: ProjectRef, lanes: Collection[Lane], *, again: bool) -> None:
        for lane in lanes:
            await self._leases.hurry(Job(project=project, lane=lane), self._clock(), again=again)
        self._wake_all()

    async def _first_attempt(self, project: ProjectRef, sections: Collection[Section]) -> Snapshot:
        """Wait until all sections were attempted; a waiter who leaves cancels nobody else."""
        while True:
            if self._draining:
                raise DrainingError("Shutting down; ask again in a moment.")
            snapshot = self._snapshots.get(project)
            if snapshot is not None and was_attempted(snapshot, sections):
                return snapshot
            future = asyncio.get_running_loop().create_future()
            self._waiting[project].add(future)
            try:
                await future
            finally:
                self._waiting[project].discard(future)
                if not self._waiting[project]:
                    del self._waiting[project]

    def announce(self, project: ProjectRef) -> None:
        """Wake the readers that wait for the project: its snapshot changed, here or on another replica."""
        for future in self._waiting.get(project, ()):
            if not future.done():
                future.set_result(None)

    def _wake_all(self) -> None:
        for instance in self._sources:
            self._wake.pop(instance, asyncio.Event()).set()

    async def _work(self, instance: str) -> None:
        while True:
            try:
                lease = await self._leases.take(instance, LANES, self._clock())
                if lease is None:
                    await self._idle(instance)
                else:
                    await self._run(lease)
            except StoreError as exc:
                _log.warning(
                    "store could not be used for synchronisation", instance=instance, reason=str(exc)
                )
                await asyncio.sleep(MAX_IDLE.total_seconds())

    async def _idle(self, instance: str) -> None:
        wake = self._wake[instance]
        due = await self._leases.next_due(instance, LANES)
        pause = MAX_IDLE if due is None else min(max(due - self._clock(), timedelta(0)), MAX_IDLE)
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await wake.wait()
        except TimeoutError:
            return

    async def _run(self, lease: Lease) -> None:
        """Run one job from lease to release; the lease is given back even if we are cancelled."""
        job = lease.job
        started = self._clock()
        if lease.due_at is not None:
            self._metrics.sync_lag_seconds.labels(job.project.instance).set(
                (started - lease.due_at).total_seconds()
            )
        due_at, failed = started, False
        try:
            results = await self._collect(job)
            codes = [result.error.code for result in results if result.error is not None]
            failed = bool(codes)
            snapshot = await self._record(lease, results)
            now = self._clock()
            pause = pause_after(
                job.lane,
                snapshot,
                failures=lease.failures + 1 if failed else 0,
                intervals=self._intervals,
                now=now,
                chance=self._chance,
            )
            # Counted from the start, so that a slow Litmus does not lengthen the interval.
            due_at = max(started + pause, now)
            self._count(job, codes[0] if codes else "ok", now - started)
        finally:
            await self._leases.release(lease, due_at, failed=failed)

    async def _collect(self, job: Job) -> Sequence[SectionResult]:
        attempted_at = self._clock()
        previous = self._snapshots.get(job.project)
        try:
            async with asyncio.timeout(COLLECT_TIMEOUT_SECONDS):
                return await self._sources[job.project.instance].collect(job.project, job.lane, previous)
        except TimeoutError:
            error = SectionError(code="upstream_timeout", message="Litmus took too long to answer.")
        except Exception:  # noqa: BLE001 - a bug met in one project's data must not stop the others
            _log.exception("synchronisation failed unexpectedly", project=str(job.project), lane=job.lane)
            error = SectionError(
                code="internal", message="The sidecar failed to read this; its log says why."
            )
        return [
            SectionResult(section=section, attempted_at=attempted_at, error=error)
            for section in SECTIONS_OF_LANE[job.lane]
        ]

    async def _record(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot | None:
        project = lease.job.project
        before = self._snapshots.get(project)
        try:
            snapshot = await self._snapshots.merge(lease, results)
        except LeaseLostError as exc:
            _log.warning("results dropped", project=str(project), lane=lease.job.lane, reason=str(exc))
            return None
        for result in results:
            known = before.freshness.get(result.section) if before else None
            _log_change(project, result, known.error if known else None)
        self.announce(project)
        return snapshot

    def _count(self, job: Job, outcome: str, took: timedelta) -> None:
        labels = (job.project.instance, job.lane.value)
        self._metrics.sync_attempts.labels(*labels, outcome).inc()
        self._metrics.sync_seconds.labels(*labels).observe(took.total_seconds())


def _log_change(project: ProjectRef, result: SectionResult, error_before: SectionError | None) -> None:
    """Log when a section begins or ends to fail, not every time it fails."""
    code_before = error_before.code if error_before else None
    code = result.error.code if result.error else None
    if code == code_before:
        return
    if result.error is not None:
        _log.warning(
            "section kept its old data",
            project=str(project),
            section=result.section,
            code=code,
            reason=result.error.message,
        )
    else:
        _log.info("section is fresh again", project=str(project), section=result.section)
