"""The part of the composition root for synchronisation: sections, run history, roles of our tokens."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sidecar.actions import recent_starts
from sidecar.config import Config, SyncSettings
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import Clock
from sidecar.http.services import PlanHealth
from sidecar.litmus.reading.history import LitmusHistorySource
from sidecar.litmus.reading.history_plan import HistorySchedule
from sidecar.litmus.reading.project_tags import ProjectTags
from sidecar.litmus.reading.roles import RoleCache
from sidecar.litmus.reading.source import LitmusSource
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.transport.pace import FASTEST
from sidecar.runtime.supervision import RootTask, RootTasks
from sidecar.store.pruning import keep_pruning_history
from sidecar.store.store import Store
from sidecar.sync.engine import SyncEngine
from sidecar.sync.history import HistoryWorker
from sidecar.sync.planner import IntervalPlanner
from sidecar.sync.planning import first_demand, longest_interval, plan_intervals
from sidecar.sync.schedule import Intervals
from sidecar.sync.worker import Notifier
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import Tracer


@dataclass(frozen=True, kw_only=True)
class Synchronisation:
    """What keeps snapshots and history fresh."""

    engine: SyncEngine
    planner: IntervalPlanner
    """With which intervals each project is read."""
    roles: RoleCache
    tags: Mapping[str, ProjectTags]
    """By instance."""
    histories: Mapping[str, LitmusHistorySource]
    """By instance."""
    tasks: RootTasks
    """What has to run as long as the service."""

    def tags_of(self, project: ProjectRef) -> Collection[str] | None:
        """Return the tags of a project in Litmus; ``None``: not read yet."""
        # Somebody may be remembered to have named one in an instance that is configured no more.
        known = self.tags.get(project.instance)
        return known.of(project.project_id) if known is not None else None

    async def plan(self, projects: Collection[ProjectRef]) -> None:
        """Keep exactly these projects synchronised, their tags included.

        Raises:
            StoreError: If the store is away; then the projects are those of before.
        """
        await self.engine.plan(projects)
        for tags in self.tags.values():
            tags.look()

    async def retry(self, instance: str) -> None:
        """Ask again, at once, for what could not be read of an instance: a new token may be let in.

        Raises:
            StoreError: If the store is away; then sections are asked for when they fall due.
        """
        if instance in self.tags:
            self.tags[instance].retry()
        await self.engine.retry_failed(instance)

    def configure(self, settings: SyncSettings) -> None:
        """Read by other intervals, each project from its next reading on."""
        self.planner.configure(_configured_intervals(settings), longest_interval(settings.max_stale))
        self.roles.configure(settings.slow_interval)
        for tags in self.tags.values():
            tags.configure(settings.slow_interval)
        for history in self.histories.values():
            history.configure(_history_schedule(settings))


def open_sync(
    config: Config,
    store: Store,
    clients: Mapping[str, LitmusClient],
    *,
    metrics: Metrics,
    clock: Clock,
    tracer: Tracer,
    wait_seconds: float,
) -> Synchronisation:
    """Return the engine and the workers of the history, sharing notifier and pace; nothing runs yet.

    Args:
        config: The whole, for intervals and retention.
        store: Where snapshots, leases and history are.
        clients: Each instance's, by name.
        metrics: Counted into.
        clock: The time.
        tracer: Of each synchronisation.
        wait_seconds: Longest a reader waits for a first one.
    """
    sync, notifier = config.sync, Notifier()
    retention = timedelta(days=config.history.retention_days)
    planner = IntervalPlanner(
        configured=_configured_intervals(sync),
        longest=longest_interval(sync.max_stale),
        capacity_per_second=lambda name: clients[name].capacity_per_second,
        projects=lambda: engine.projects,
        clock=clock,
    )
    roles = RoleCache(
        clients,
        lambda: engine.projects,
        sync.slow_interval,
        is_read=lambda project: store.snapshots.head(project) is not None,
    )
    tags = {
        name: ProjectTags(name, client, lambda: engine.projects, sync.slow_interval)
        for name, client in clients.items()
    }
    starts = partial(recent_starts, store.audit, clock)
    engine = SyncEngine(
        sources={
            name: LitmusSource(client, clock, role=roles.current, starts=starts)
            for name, client in clients.items()
        },
        snapshots=store.snapshots,
        leases=store.leases,
        planner=planner,
        history_notifier=notifier,
        workers=sync.max_in_flight,
        wait_seconds=wait_seconds,
        metrics=metrics,
        clock=clock,
        tracer=tracer,
    )
    histories = {
        name: LitmusHistorySource(
            client, store.history, clock, retention=retention, schedule=_history_schedule(sync)
        )
        for name, client in clients.items()
    }
    worker = HistoryWorker(
        sources=histories,
        history=store.history,
        snapshots=store.snapshots,
        leases=store.leases,
        planner=planner,
        metrics=metrics,
        clock=clock,
        tracer=tracer,
        notifier=notifier,
    )
    pruning = partial(keep_pruning_history, store.history, retention, clock)
    return Synchronisation(
        engine=engine,
        planner=planner,
        roles=roles,
        tags=tags,
        histories=histories,
        tasks=_tasks(engine, worker, roles, tags) | {"retention": pruning},
    )


def _tasks(
    engine: SyncEngine, worker: HistoryWorker, roles: RoleCache, tags: Mapping[str, ProjectTags]
) -> dict[str, RootTask]:
    tasks: dict[str, RootTask] = {"roles of the tokens": roles.follow}
    for name, of_instance in tags.items():
        tasks[f"synchronisation of {name}"] = partial(engine.work, name)
        tasks[f"history of {name}"] = partial(worker.work, name)
        tasks[f"tags of projects of {name}"] = of_instance.follow
    return tasks


def unfitting(config: Config, projects: Iterable[ProjectRef]) -> Iterator[str]:
    """Say of each instance whose projects do not fit what that means, a sentence each."""
    numbers = Counter(project.instance for project in projects)
    pace = config.sync.max_requests_per_second
    for instance, number in sorted(numbers.items()):
        plan = plan_intervals(
            first_demand(number),
            capacity_per_second=FASTEST if pace is None else pace,
            configured=_configured_intervals(config.sync),
            longest=longest_interval(config.sync.max_stale),
        )
        if plan.fits:
            continue
        most = "auto, at most 50" if pace is None else f"{pace:g}"
        reached, wanted = plan.others.fast.total_seconds(), config.sync.interval.total_seconds()
        yield (
            f"Instance {instance}: its {number} projects need about {plan.needed_per_second:.0f} requests "
            f"per second, and litmusSidecar.sync.maxRequestsPerSecond is {most}; "
            f"what nobody looks at is read every {reached:.0f} s instead of {wanted:.0f} s"
        )


def _history_schedule(sync: SyncSettings) -> HistorySchedule:
    return HistorySchedule(increment_every=sync.slow_interval)


def _configured_intervals(sync: SyncSettings) -> Intervals:
    return Intervals(fast=sync.interval, slow=sync.slow_interval, active=sync.active_interval)


def plans_health(planner: IntervalPlanner, clients: Mapping[str, LitmusClient]) -> Mapping[str, PlanHealth]:
    """Return what of the configured intervals fits, by instance."""
    plans = {name: planner.plan(name) for name in clients}
    return {
        name: PlanHealth(
            requests_per_second=clients[name].pace_per_second,
            needed_per_second=plan.needed_per_second,
            asked={lane: plan.asked.of(lane) for lane in Lane},
            others={lane: plan.others.of(lane) for lane in Lane},
        )
        for name, plan in plans.items()
    }
