"""Keeps the run history growing: one step after another, behind the fast lane.

What a step reads is the source's business (``litmus.history``). Here: whose
turn it is, recording under the lease, and the pace.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

import structlog

from sidecar.domain.errors import LeaseLostError, StoreError
from sidecar.domain.freshness import has_data
from sidecar.domain.model import Content, Experiment, Lane, Section, SectionError, SectionResult
from sidecar.domain.ports import Clock, History, HistorySource, Lease, Leases, Snapshots
from sidecar.runtime.demand import counted_requests
from sidecar.runtime.turns import Work, interruptible
from sidecar.sync.planner import IntervalPlanner
from sidecar.sync.schedule import pause_after_step
from sidecar.sync.worker import Attempt, Notifier, Worker
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import NO_TRACER, Tracer

OTHERS_MAY_LAG: Final = timedelta(seconds=3)
"""While a job of another lane of the instance is overdue by more, the history waits."""
LONGEST_WAY: Final = timedelta(minutes=1)
"""The longest it waits: where they are always behind, history still grows, slowly."""
WAY_CHECKED_EVERY: Final = timedelta(seconds=1)

MOST_OF_A_ROUND: Final = 10
"""Requests that a step of a history counts as at most, in the plan of what fits."""

EXPERIMENTS_AT_ONCE: Final = 500
"""Compared with what was known of them without a pause, a few tenths of a millisecond."""

Sleep = Callable[[float], Awaitable[None]]

_log = structlog.get_logger(__name__)


class HistoryWorker:
    """Runs the jobs of :attr:`Lane.HISTORY`, one at a time per instance."""

    def __init__(
        self,
        *,
        sources: Mapping[str, HistorySource],
        history: History,
        snapshots: Snapshots,
        leases: Leases,
        planner: IntervalPlanner,
        metrics: Metrics,
        clock: Clock,
        tracer: Tracer = NO_TRACER,
        notifier: Notifier | None = None,
        chance: random.Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Take what it needs; nothing runs before :meth:`work`.

        Args:
            sources: One per instance, by name.
            history: Where steps are recorded.
            snapshots: What the source begins from, and where is told whether the history can be read.
            leases: What is due; jobs are planned by the engine.
            planner: With which intervals each project is read; steps follow at the slow one once all is.
            metrics: Counted into.
            clock: The time.
            tracer: Begins a trace per job.
            notifier: The engine's, so that a hurried job begins at once.
            chance: Source of jitter; seeded by tests.
            sleep: Waits for the other lanes.
        """
        self._sources = sources
        self._history = history
        self._snapshots = snapshots
        self._leases = leases
        self._planner = planner
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._sleep = sleep
        self._worker = Worker(
            (Lane.HISTORY,),
            self._run,
            leases=leases,
            notifier=notifier or Notifier(),
            metrics=metrics,
            clock=clock,
            tracer=tracer,
            give_way=self._give_way,
        )

    async def work(self, instance: str) -> None:
        """Work on one instance until cancelled."""
        await self._worker.work(instance)

    async def _give_way(self, instance: str) -> None:
        """Wait while the other lanes are behind; a history that is a minute older hurts nobody."""
        give_up_at = self._clock() + LONGEST_WAY
        while (now := self._clock()) < give_up_at:
            due = await self._leases.next_due(instance, (Lane.FAST, Lane.SLOW))
            if due is None or now - due <= OTHERS_MAY_LAG:
                return
            await self._sleep(WAY_CHECKED_EVERY.total_seconds())

    async def _run(self, lease: Lease) -> None:
        async with self._worker.holding(lease) as attempt:
            with counted_requests() as requests:
                more = await self._step(lease, attempt)
            if not more:
                # The steps of a long reading say nothing of what the next round takes.
                self._planner.note_round(lease.job, min(requests.made, MOST_OF_A_ROUND))
            intervals = self._planner.schedule(lease.job)
            attempt.patience = intervals.of(lease.job.lane)
            pause = pause_after_step(
                more=more,
                failures=lease.failures + 1 if attempt.failed else 0,
                intervals=intervals,
                chance=self._chance,
            )
            attempt.due_at = self._clock() + pause

    async def _step(self, lease: Lease, attempt: Attempt) -> bool:
        """Take one step and record it; tell whether more is due at once."""
        job = lease.job
        refusal = self._history.refusal()
        if refusal is not None:
            # What cannot be kept is not asked for.
            return await self._wait(lease, attempt, _unkept(refusal))
        state = await self._history.state(job.project)
        source = self._sources[job.project.instance]
        snapshot = await self._snapshots.load(job.project)
        found = await self._worker.guarded(job, source.step(job.project, state, snapshot))
        if isinstance(found, SectionError):
            return await self._wait(lease, attempt, found)
        change, more = found
        try:
            recorded = await self._worker.contained(job, self._history.record(lease, change))
        except LeaseLostError as exc:
            _log.warning("history step dropped", project=str(job.project), reason=str(exc))
            return more
        except StoreError as exc:
            return await self._wait(lease, attempt, _unkept(str(exc)))
        if isinstance(recorded, SectionError):
            return await self._wait(lease, attempt, recorded)
        if lease.failures:
            _log.info("history goes on", project=str(job.project))
        # Without a list of experiments nothing was asked.
        if has_data(snapshot, Section.EXPERIMENTS) and (not more or self._is_news(lease, attempt)):
            await self._tell(lease, attempt)
        return more

    async def _wait(self, lease: Lease, attempt: Attempt, error: SectionError) -> bool:
        """Tell readers of a failure, and that nothing more is due at once."""
        attempt.outcome = error.code
        await self._tell(lease, attempt, error=error)
        if not lease.failures:
            _log.warning(
                "history waits", project=str(lease.job.project), code=error.code, reason=error.message
            )
        return False

    def _is_news(self, lease: Lease, attempt: Attempt) -> bool:
        """Tell whether readers should learn of a success amid a long reading: not with every page."""
        head = self._snapshots.head(lease.job.project)
        known = head.freshness.get(Section.RUN_HISTORY) if head else None
        if known is None or known.error is not None or known.succeeded_at is None:
            return True
        return attempt.started_at - known.succeeded_at >= self._planner.configured.of(Lane.HISTORY)

    async def _tell(self, lease: Lease, attempt: Attempt, error: SectionError | None = None) -> None:
        """Merge how the attempt ended into what readers see of the project."""
        result = SectionResult(section=Section.RUN_HISTORY, attempted_at=attempt.started_at, error=error)
        try:
            await self._snapshots.merge(lease, [result])
        except LeaseLostError as exc:
            _log.warning(
                "results dropped", project=str(lease.job.project), lane=Lane.HISTORY, reason=str(exc)
            )


@interruptible
def history_may_differ(before: Content | None, after: Content) -> Work[bool]:
    """Tell whether a fast synchronisation shows news that the history should follow at once."""
    if before is None or before.run_stats != after.run_stats:
        return True
    # What was read as it was known is the same object.
    if before.experiments is after.experiments:
        return False
    known = {experiment.experiment_id: experiment for experiment in before.experiments or ()}
    for number, experiment in enumerate(after.experiments or ()):
        if number and number % EXPERIMENTS_AT_ONCE == 0:
            yield
        earlier = known.pop(experiment.experiment_id, None)
        if earlier is not experiment and (earlier is None or _trace(earlier) != _trace(experiment)):
            return True
    return bool(known)


def _trace(experiment: Experiment) -> tuple[object, ...]:
    """Return what of an experiment the history keeps or is led by."""
    return experiment.name, experiment.tags, experiment.recent_runs


def _unkept(reason: str) -> SectionError:
    """Return the error of a history that the store cannot keep."""
    return SectionError(code=StoreError.code, message=reason)
