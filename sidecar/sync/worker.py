"""How every worker takes a job, holds its lease and gives it back.

What is done with a job is its owner's business (``engine``, ``history``).
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog

from sidecar.domain.errors import SidecarError, StoreError, StoreRefusedError, UpstreamError
from sidecar.domain.model import Lane, SectionError
from sidecar.domain.ports import Clock, Job, Lease, Leases
from sidecar.runtime.backoff import exponential_backoff
from sidecar.runtime.supervision import UnitErrors
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import Tracer

T = TypeVar("T")

MIN_IDLE: Final = timedelta(milliseconds=20)
"""A worker to whom another one came first does not ask again at once, and again."""
MAX_IDLE: Final = timedelta(seconds=5)
"""A worker looks for work at least so often: another replica may have changed what is due."""
JOB_TIMEOUT_SECONDS: Final = 100.0
"""Longest a job may take; below the time of a lease."""
OK: Final = "ok"
INTERNAL: Final = SidecarError.code
ERROR_PAUSE: Final = timedelta(seconds=30)
"""First pause of a job whose outcome we could not even record; doubled each time."""
LONGEST_ERROR_PAUSE: Final = timedelta(minutes=15)

_log = structlog.get_logger(__name__)


class Notifier:
    """Wakes idle workers: something may have fallen due."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Wake all who wait."""
        rung, self._next = self._next, asyncio.Event()
        rung.set()

    def next_event(self) -> asyncio.Event:
        """Return what the next :meth:`notify` sets; take it before looking whether there is work."""
        return self._next


class Attempt:
    """One run of a job, to be filled in while its lease is held."""

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.due_at = started_at
        """When the job falls due again; at once if nobody said."""
        self.patience = timedelta(0)
        """How long it may wait then before it is late."""
        self.outcome = OK
        """``ok``, or the code of the first error."""

    @property
    def failed(self) -> bool:
        """Whether the attempt counts as a failure."""
        return self.outcome != OK


class Worker:
    """Runs due jobs of some lanes, one after the other."""

    def __init__(
        self,
        lanes: Collection[Lane],
        run: Callable[[Lease], Awaitable[None]],
        *,
        leases: Leases,
        notifier: Notifier,
        metrics: Metrics,
        clock: Clock,
        tracer: Tracer,
        give_way: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """Take what it needs; ``give_way`` is awaited, with the instance, before a job is taken."""
        self._lanes = lanes
        self._run = run
        self._leases = leases
        self._notifier = notifier
        self._metrics = metrics
        self._clock = clock
        self._tracer = tracer
        self._give_way = give_way
        self._unit_errors = UnitErrors("synchronisation")
        self._looking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held by the worker of an instance that looks for the next job."""
        self._is_timely = Lane.HISTORY not in lanes
        """Whether lag is measured: the past may wait."""

    async def work(self, instance: str) -> None:
        """Work on an instance's jobs until cancelled."""
        while True:
            try:
                if self._give_way is not None:
                    await self._give_way(instance)
                lease = await self._look(instance)
                if lease is not None:
                    await self._run(lease)
            except StoreError as exc:
                _log.warning(
                    "store could not be used for synchronisation", instance=instance, reason=str(exc)
                )
                await asyncio.sleep(MAX_IDLE.total_seconds())

    async def _look(self, instance: str) -> Lease | None:
        """Return a lease, or ``None`` after waiting for work; one worker looks for all, or each would ask."""
        async with self._looking[instance]:
            heard = self._notifier.next_event()
            lease = await self._take(instance)
            if lease is None:
                await self._idle(instance, heard)
            return lease

    async def _take(self, instance: str) -> Lease | None:
        """Take a lease; one that we get while being cancelled is given back, not left to expire."""
        taking = asyncio.ensure_future(self._leases.take(instance, self._lanes, self._clock()))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            lease = await taking
            if lease is not None:
                await self._leases.release(lease, self._clock(), failed=False)
            raise

    async def _idle(self, instance: str, heard: asyncio.Event) -> None:
        due = await self._leases.next_due(instance, self._lanes)
        if self._is_timely and (due is None or due >= self._clock()):
            # Nothing waits: how late the last job began says nothing of now.
            self._metrics.sync_lag_seconds.labels(instance).set(0)
        pause = MAX_IDLE if due is None else min(max(due - self._clock(), MIN_IDLE), MAX_IDLE)
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await heard.wait()
        except TimeoutError:
            return

    @asynccontextmanager
    async def holding(self, lease: Lease) -> AsyncIterator[Attempt]:
        """Run one job from lease to release; the lease is given back even if we are cancelled.

        A bug that the job meets ends the job alone: it is due again after a pause that grows.
        """
        job = lease.job
        attempt = Attempt(self._clock())
        if lease.due_at is not None and self._is_timely:
            self._metrics.sync_lag_seconds.labels(job.project.instance).set(
                (attempt.started_at - lease.due_at).total_seconds()
            )
        described = {"litmus.instance": job.project.instance, "sidecar.lane": job.lane.value}
        with self._tracer.job("synchronise", described) as span:
            try:
                yield attempt
                if attempt.failed:
                    span.fail(attempt.outcome)
                self._count(job, attempt)
            except StoreError as exc:
                if not isinstance(exc, StoreRefusedError):
                    raise
                self._unexpected(lease, attempt, exc)
            except Exception as exc:  # noqa: BLE001 - a bug met in one project's data must not stop the others
                self._unexpected(lease, attempt, exc)
            finally:
                await _uninterrupted(
                    self._leases.release(
                        lease, attempt.due_at, failed=attempt.failed, patience=attempt.patience
                    )
                )

    def _unexpected(self, lease: Lease, attempt: Attempt, error: Exception) -> None:
        self._unit_errors.record(_name(lease.job), error)
        attempt.outcome = INTERNAL
        pause = exponential_backoff(ERROR_PAUSE, lease.failures, LONGEST_ERROR_PAUSE)
        attempt.due_at = self._clock() + pause
        self._count(lease.job, attempt)

    async def contained(self, job: Job, work: Awaitable[T]) -> T | SectionError:
        """Return what the work on a project brought, or that we failed at it: the log says why, once.

        Raises:
            SidecarError: What was to be expected.
        """
        try:
            result = await work
        except StoreRefusedError as exc:
            error: Exception = exc
        except (SidecarError, TimeoutError):
            raise
        except Exception as exc:  # noqa: BLE001 - a bug met in one project's data must not stop the others
            error = exc
        else:
            self._unit_errors.clear(_name(job))
            return result
        self._unit_errors.record(_name(job), error)
        return SectionError(code=INTERNAL, message="The sidecar failed to read this; its log says why.")

    async def guarded(self, job: Job, reading: Awaitable[T]) -> T | SectionError:
        """Return what reading the project brought, or why it failed.

        Raises:
            StoreError: If our own store is to blame.
        """
        try:
            async with asyncio.timeout(JOB_TIMEOUT_SECONDS):
                return await self.contained(job, reading)
        except TimeoutError:
            return SectionError(code="upstream_timeout", message="Litmus took too long to answer.")
        except UpstreamError as exc:
            return SectionError(code=exc.code, message=str(exc))

    def _count(self, job: Job, attempt: Attempt) -> None:
        now = self._clock()
        labels = (job.project.instance, job.lane.value)
        self._metrics.sync_attempts.labels(*labels, attempt.outcome).inc()
        self._metrics.sync_seconds.labels(*labels).observe((now - attempt.started_at).total_seconds())
        if not attempt.failed:
            self._metrics.sync_success.labels(*labels).set(now.timestamp())


def _name(job: Job) -> str:
    return f"{job.project}, {job.lane} lane"


async def _uninterrupted(work: Awaitable[None]) -> None:
    """Await the work to its end even if we are cancelled meanwhile; the cancellation follows then."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
