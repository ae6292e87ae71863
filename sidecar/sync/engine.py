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
from datetime import datetime, timedelta
from typing import Final

import structlog

from sidecar.domain.errors import DrainingError, LeaseLostError, NotReadyError, StoreError
from sidecar.domain.freshness import is_changing, was_attempted
from sidecar.domain.model import (
    LANE_OF_SECTION,
    SECTIONS_OF_LANE,
    Content,
    Experiment,
    Lane,
    ProjectRef,
    Section,
    SectionError,
    SectionResult,
    Snapshot,
)
from sidecar.domain.ports import Clock, Job, Lease, Leases, ProjectSource, SnapshotHead, Snapshots
from sidecar.runtime.demand import counted_requests
from sidecar.runtime.turns import Work, in_slices
from sidecar.sync.history import history_may_differ
from sidecar.sync.planner import IntervalPlanner
from sidecar.sync.schedule import pause_after
from sidecar.sync.worker import OK, Attempt, Notifier, Worker
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import NO_TRACER, Tracer

LANES: Final = (Lane.FAST, Lane.SLOW)
"""What the workers for sections take."""
EXPERIMENTS_AT_ONCE: Final = 200
"""Whose recent runs are looked through without a pause, a fifth of a millisecond."""

_log = structlog.get_logger(__name__)


class SyncEngine:
    """Implements :class:`ports.Sync` and runs the workers behind it."""

    def __init__(
        self,
        *,
        sources: Mapping[str, ProjectSource],
        snapshots: Snapshots,
        leases: Leases,
        planner: IntervalPlanner,
        workers: int,
        wait_seconds: float,
        metrics: Metrics,
        clock: Clock,
        tracer: Tracer = NO_TRACER,
        history_notifier: Notifier | None = None,
        chance: random.Random | None = None,
    ) -> None:
        """Take what it needs; nothing runs before :meth:`work`.

        Args:
            sources: One per instance, by name.
            snapshots: Where results are merged.
            leases: What is due.
            planner: With which intervals each project is read.
            workers: Jobs worked on at once per instance.
            wait_seconds: Longest a reader waits for a first attempt.
            metrics: Counted into.
            clock: The time.
            tracer: Begins a trace per job.
            history_notifier: Wakes the history's workers too. With it jobs of the history are planned, and
                hurried when a fast one brings news; ``None``: no history is kept.
            chance: Source of jitter; seeded by tests.
        """
        self._sources = sources
        self._snapshots = snapshots
        self._leases = leases
        self._planner = planner
        self._workers = workers
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._has_history = history_notifier is not None
        self._lanes = (*LANES, Lane.HISTORY) if self._has_history else LANES
        self._notifier = history_notifier or Notifier()
        self._worker = Worker(
            LANES,
            self._run,
            leases=leases,
            notifier=self._notifier,
            metrics=metrics,
            clock=clock,
            tracer=tracer,
        )
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._projects: frozenset[ProjectRef] = frozenset()
        self._draining = False
        self._preferred: set[Job] = set()
        """Those that a reader waits for, put before all others once."""
        self._catching_up: set[Job] = set()
        """Those that were scheduled late and that somebody asks for now."""
        self._waiting: defaultdict[ProjectRef, set[asyncio.Future[None]]] = defaultdict(set)

    @property
    def projects(self) -> frozenset[ProjectRef]:
        """The projects that are kept synchronised."""
        return self._projects

    async def plan(self, projects: Collection[ProjectRef]) -> None:
        """Keep exactly these projects synchronised; those of unknown instances are left out."""
        kept = frozenset(ref for ref in projects if ref.instance in self._sources)
        await self._leases.plan(
            [Job(project=ref, lane=lane) for ref in kept for lane in self._lanes],
            self._clock(),
            self._planner.patience(kept),
        )
        await self._snapshots.retain(kept)
        self._planner.retain(kept)
        # What was hurried before it was planned was not hurried.
        self._preferred = {job for job in self._preferred if job.project in kept & self._projects}
        self._catching_up = {job for job in self._catching_up if job.project in kept}
        self._projects = kept
        self._notifier.notify()

    async def work(self, instance: str) -> None:
        """Run the workers of one instance until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker.work(instance))

    async def ensure(self, project: ProjectRef, sections: Collection[Section]) -> Snapshot:
        """See :meth:`ports.Sync.ensure`."""
        is_late = self._planner.note_asked(project)
        snapshot = await self._snapshots.load(project)
        if snapshot is not None and was_attempted(snapshot, sections):
            if is_late and project in self._projects:
                await self._catch_up(project)
            return snapshot
        # Who asks for some of it will ask for the rest.
        for lane in self._lanes:
            await self._prefer(Job(project=project, lane=lane))
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._first_attempt(project, sections)
        except TimeoutError as exc:
            raise NotReadyError(
                "First synchronisation of this project is still running; try again in a few seconds."
            ) from exc

    async def hurry(self, project: ProjectRef) -> None:
        """See :meth:`ports.Sync.hurry`: the fast lane, whose news the history follows by itself."""
        await self._hurry(project, (Lane.FAST,), again=True)

    async def retry_failed(self, instance: str) -> None:
        """Ask again, at once, for what failed in an instance's projects: a new token may be let in."""
        for project in self._projects:
            head = self._snapshots.head(project) if project.instance == instance else None
            failed = {
                LANE_OF_SECTION[section]
                for section, freshness in (head.freshness.items() if head else ())
                if freshness.error is not None
            }
            if failed:
                history = {Lane.HISTORY} if self._has_history else set()
                await self._hurry(project, failed | history, again=True)

    def drain(self) -> None:
        """End all waits, present and future, with :class:`DrainingError`."""
        self._draining = True
        for waiting in self._waiting.values():
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def _catch_up(self, project: ProjectRef) -> None:
        """Read a project soon that nobody looked at till now; whoever asks gets what there is meanwhile."""
        planned, configured = self._planner.of(project), self._planner.configured
        head = self._snapshots.head(project)
        for lane in LANES:
            job = Job(project=project, lane=lane)
            if (
                planned[lane] > configured.of(lane)
                and job not in self._catching_up
                and head is not None
                and _age(head, lane, self._clock()) > configured.of(lane)
            ):
                self._catching_up.add(job)
                try:
                    await self._hurry(project, (lane,), again=False)
                except StoreError:
                    # The next reader tries again.
                    self._catching_up.discard(job)

    async def _prefer(self, job: Job) -> None:
        """Put a job before all others, once; the next reader tries again if it cannot be done."""
        if job in self._preferred:
            return
        self._preferred.add(job)
        try:
            await self._hurry(job.project, (job.lane,), again=False)
        except BaseException:
            self._preferred.discard(job)
            raise

    async def _hurry(self, project: ProjectRef, lanes: Collection[Lane], *, again: bool) -> None:
        for lane in lanes:
            await self._leases.hurry(Job(project=project, lane=lane), self._clock(), again=again)
        self._notifier.notify()

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
        """Take notice that another replica read the project: it goes by that one's plan now."""
        self._planner.forget(project)
        self._catching_up = {job for job in self._catching_up if job.project != project}
        self._wake(project)

    def _wake(self, project: ProjectRef) -> None:
        """Wake the readers that wait for the project: its snapshot changed."""
        for future in self._waiting.get(project, ()):
            if not future.done():
                future.set_result(None)

    async def _run(self, lease: Lease) -> None:
        async with self._worker.holding(lease) as attempt:
            with counted_requests() as requests:
                results = await self._collect(lease.job)
            codes = [result.error.code for result in results if result.error is not None]
            attempt.outcome = codes[0] if codes else OK
            snapshot = await self._record(lease, results, attempt)
            now = self._clock()
            self._catching_up.discard(lease.job)
            is_active = None
            if lease.job.lane is Lane.FAST:
                content = Content() if snapshot is None else snapshot.content
                is_active = await in_slices(_activity(content.experiments or (), now))
            self._planner.note_round(lease.job, requests.made, is_active=is_active)
            intervals = self._planner.schedule(lease.job)
            # What is read often is late soon: among thousands the projects that people look at go first.
            attempt.patience = intervals.of(lease.job.lane)
            pause = pause_after(
                lease.job.lane,
                is_active=is_active is True,
                failures=lease.failures + 1 if attempt.failed else 0,
                intervals=intervals,
                chance=self._chance,
            )
            # Counted from the start, so that a slow Litmus does not lengthen the interval.
            attempt.due_at = max(attempt.started_at + pause, now)

    async def _collect(self, job: Job) -> Sequence[SectionResult]:
        attempted_at = self._clock()
        previous = await self._snapshots.load(job.project)
        source = self._sources[job.project.instance]
        results = await self._worker.guarded(job, source.collect(job.project, job.lane, previous))
        if isinstance(results, SectionError):
            return _failed(job.lane, attempted_at, results)
        return results

    async def _record(
        self, lease: Lease, results: Sequence[SectionResult], attempt: Attempt
    ) -> Snapshot | None:
        project = lease.job.project
        before = self._snapshots.get(project)
        try:
            merged = await self._worker.contained(lease.job, self._snapshots.merge(lease, results))
            if isinstance(merged, SectionError):
                # What came cannot be kept; that it cannot is told in its place.
                attempt.outcome = merged.code
                results = _failed(lease.job.lane, attempt.started_at, merged)
                snapshot = await self._snapshots.merge(lease, results)
            else:
                snapshot = merged
        except LeaseLostError as exc:
            _log.warning("results dropped", project=str(project), lane=lease.job.lane, reason=str(exc))
            return None
        for result in results:
            known = before.freshness.get(result.section) if before else None
            _log_change(project, result, known.error if known else None)
        self._wake(project)
        if (
            self._has_history
            and lease.job.lane is Lane.FAST
            and await in_slices(history_may_differ.work(before.content if before else None, snapshot.content))
        ):
            await self._hurry(project, (Lane.HISTORY,), again=True)
        return snapshot


def _age(head: SnapshotHead, lane: Lane, now: datetime) -> timedelta:
    """Return how long ago the lane was attempted, its longest unattended part; none of it: for ever."""
    known = (head.freshness.get(section) for section in SECTIONS_OF_LANE[lane])
    attempts = [freshness.attempted_at for freshness in known if freshness is not None]
    return now - min(attempts) if attempts else timedelta.max


def _activity(experiments: Sequence[Experiment], now: datetime) -> Work[bool]:
    """Tell whether one of these is changing."""
    for start in range(0, len(experiments), EXPERIMENTS_AT_ONCE):
        if start:
            yield
        if is_changing(experiments[start : start + EXPERIMENTS_AT_ONCE], now):
            return True
    return False


def _failed(lane: Lane, attempted_at: datetime, error: SectionError) -> Sequence[SectionResult]:
    """Return the results of a lane of which nothing is to be had."""
    return [
        SectionResult(section=section, attempted_at=attempted_at, error=error)
        for section in SECTIONS_OF_LANE[lane]
    ]


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
