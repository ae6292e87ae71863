"""The composition root: the one module that names concrete classes and ties them together."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog
from aiohttp import web

from sidecar import __version__
from sidecar.catalog import FileCatalog
from sidecar.config import Config, Instance, display_uid
from sidecar.digests import Digests
from sidecar.errors import UpstreamError
from sidecar.identity.keys import KeyRing
from sidecar.insight.links import LitmusLinks
from sidecar.litmus.claims import token_claims
from sidecar.litmus.client import LitmusClient, open_litmus_client
from sidecar.litmus.documents import SERVER_VERSION
from sidecar.litmus.history import LitmusHistory
from sidecar.litmus.source import LitmusSource
from sidecar.metrics import Metrics, Reading
from sidecar.model import ProjectRef
from sidecar.ports import Catalogue, Clock, StoreHealth
from sidecar.replica import Replica
from sidecar.services import InstanceHealth, Phase, Services
from sidecar.store.store import open_store
from sidecar.supervision import Supervisor
from sidecar.sync.engine import SyncEngine
from sidecar.sync.history import HistoryWorker, retain
from sidecar.sync.pace import Intervals
from sidecar.sync.working import Bell
from sidecar.web.keys import SERVICES
from sidecar.web.middleware import around
from sidecar.web.routes import add_routes

DRAIN_SECONDS: Final = 5.0
"""Between saying "not ready" and not accepting any more: load balancers need to notice."""
HANDLERS_SECONDS: Final = 10.0
"""Longest that requests in progress may take to finish at the end."""
WAIT_SECONDS: Final = 15.0
"""Longest a reader waits for a first synchronisation."""

VERSION_TIMEOUT_SECONDS: Final = 15.0
VERSION_INTERVAL_SECONDS: Final = 3_600.0
VERSION_RETRY_SECONDS: Final = 60.0

ServicesContext = Callable[[Config], AbstractAsyncContextManager[Services]]

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Return the time; the only clock of the product."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_services(
    config: Config, *, clock: Clock = utc_now, wait_seconds: float = WAIT_SECONDS
) -> AsyncIterator[Services]:
    """Make the parts, set the root tasks going, and undo it all in reverse at the end.

    Raises:
        ConfigError: If a file that the configuration names cannot be used.
    """
    metrics = Metrics(__version__)
    replica = Replica()
    catalogue = FileCatalog(config.catalog.files, [instance.name for instance in config.instances])
    supervisor = Supervisor(lambda task: metrics.task_failures.labels(task).inc())
    phase = Phase(started_at=clock())
    async with AsyncExitStack() as stack:
        waiting = _Waiting()
        store = await stack.enter_async_context(
            open_store(
                config.store.url.get_secret_value(),
                clock=clock,
                on_change=waiting.announce,
            )
        )
        clients = {
            instance.name: await stack.enter_async_context(open_client(config, instance, metrics))
            for instance in config.instances
        }
        intervals = Intervals(
            fast=config.sync.interval, slow=config.sync.slow_interval, active=config.sync.active_interval
        )
        retention = timedelta(days=config.history.retention_days)
        bell = Bell()
        engine = SyncEngine(
            sources={name: LitmusSource(client, clock) for name, client in clients.items()},
            snapshots=store.snapshots,
            leases=store.leases,
            intervals=intervals,
            history_bell=bell,
            workers=config.sync.max_in_flight,
            wait_seconds=wait_seconds,
            metrics=metrics,
            clock=clock,
        )
        waiting.engine = engine
        metrics.observe_with(partial(_readings, catalogue, replica, clients, store.health))
        await stack.enter_async_context(supervisor.running("store", store.follow))
        past = HistoryWorker(
            sources={
                name: LitmusHistory(client, store.history, clock, retention=retention)
                for name, client in clients.items()
            },
            history=store.history,
            snapshots=store.snapshots,
            leases=store.leases,
            intervals=intervals,
            metrics=metrics,
            clock=clock,
            bell=bell,
        )
        for name in clients:
            await stack.enter_async_context(
                supervisor.running(f"synchronisation of {name}", partial(engine.work, name))
            )
            await stack.enter_async_context(
                supervisor.running(f"history of {name}", partial(past.work, name))
            )
        await stack.enter_async_context(
            supervisor.running("retention", partial(retain, store.history, retention, clock))
        )
        versions: dict[str, str] = {}
        for name, client in clients.items():
            await stack.enter_async_context(
                supervisor.running(f"version of {name}", partial(_follow_version, name, client, versions))
            )
        # Read once before anybody is served: an empty list would look like an empty catalog.
        await _read_catalog(catalogue, engine)
        await stack.enter_async_context(
            supervisor.running("catalog", partial(_follow_catalog, catalogue, engine, config))
        )
        digests = Digests(store.history)
        await stack.enter_async_context(
            supervisor.running("digests", partial(digests.keep_warm, lambda: engine.projects))
        )
        yield Services(
            config=config,
            clock=clock,
            catalogue=catalogue,
            snapshots=store.snapshots,
            history=store.history,
            digests=digests,
            sync=engine,
            replica=replica,
            keys=KeyRing((key.name, key.secret.get_secret_value(), key.scopes) for key in config.auth.keys),
            metrics=metrics,
            supervisor=supervisor,
            phase=phase,
            store_health=store.health,
            instances=partial(_instances_health, clients),
            links=partial(_links, {instance.name: instance for instance in config.instances}, config),
            litmus_version=versions.get,
        )


def create_app(config: Config, *, open_services: ServicesContext = open_services) -> web.Application:
    """Return the application; its services open and close with it."""

    async def services(app: web.Application) -> AsyncIterator[None]:
        async with open_services(config) as app[SERVICES]:
            yield

    app = web.Application(middlewares=[around])
    app.cleanup_ctx.append(services)
    add_routes(app)
    return app


async def serve(
    config: Config,
    *,
    announce: Callable[[str], None],
    drain_seconds: float = DRAIN_SECONDS,
    open_services: ServicesContext = open_services,
) -> int:
    """Serve until told to end; return the exit code.

    ``announce`` gets the address once it answers. The order at the end:
    not ready, drain, stop accepting, end waits, let handlers finish, stop
    synchronising.
    """
    app = create_app(config, open_services=open_services)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=HANDLERS_SECONDS)
    await runner.setup()
    services = app[SERVICES]
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    try:
        site = web.TCPSite(runner, config.listen.host, config.listen.port)
        await site.start()
        announce(_address(runner))
        if await _first_of(ending, services.supervisor.gave_up) is not ending:
            _log.error("service ends because a task failed too often", task=services.supervisor.dead)
            return 1
        _log.info("draining", seconds=drain_seconds)
        services.phase.draining.set()
        ending.clear()
        try:
            # A second signal ends the patience.
            async with asyncio.timeout(drain_seconds):
                await ending.wait()
        except TimeoutError:
            pass
        await site.stop()
        return 0
    finally:
        services.phase.draining.set()
        services.sync.drain()
        await runner.cleanup()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        _log.info("ended")


class _Waiting:
    """Passes on what other replicas wrote to those who wait for it; the store opens before the engine."""

    engine: SyncEngine | None = None

    def announce(self, project: ProjectRef) -> None:
        if self.engine is not None:
            self.engine.announce(project)


def open_client(
    config: Config, instance: Instance, metrics: Metrics
) -> AbstractAsyncContextManager[LitmusClient]:
    """Return the client of one instance, to be entered."""

    def observe(operation: str, code: str, seconds: float) -> None:
        metrics.upstream_requests.labels(instance.name, operation, code).inc()
        metrics.upstream_seconds.labels(instance.name, operation).observe(seconds)

    return open_litmus_client(
        base_url=instance.base_url,
        token=instance.token.get_secret_value,
        host_header=instance.host_header,
        ca_file=instance.ca_file,
        max_in_flight=config.sync.max_in_flight,
        max_requests_per_second=config.sync.max_requests_per_second,
        # When Litmus is back, everything is to be fresh within an interval.
        longest_pause_seconds=config.sync.interval.total_seconds() / 2,
        observe=observe,
    )


async def _follow_catalog(catalogue: FileCatalog, engine: SyncEngine, config: Config) -> None:
    """Read the catalog now and then, and plan what it names."""
    while True:
        await asyncio.sleep(config.catalog.interval.total_seconds())
        await _read_catalog(catalogue, engine)


async def _read_catalog(catalogue: FileCatalog, engine: SyncEngine) -> None:
    before = catalogue.current
    if not await catalogue.refresh():
        return
    current = catalogue.current
    await engine.plan({entity.project for entity in current.entities})
    _log.info("catalog read", entities=len(current.entities), problems=len(current.problems))
    for problem in current.problems:
        if problem not in before.problems:
            _log.warning("catalog problem", problem=problem)


async def _follow_version(name: str, client: LitmusClient, versions: dict[str, str]) -> None:
    """Ask an instance for its version now and then; only links depend on it, so failures are not told."""
    while True:
        with suppress(UpstreamError):
            versions[name] = await client.run(SERVER_VERSION, {}, VERSION_TIMEOUT_SECONDS)
        await asyncio.sleep(VERSION_INTERVAL_SECONDS if name in versions else VERSION_RETRY_SECONDS)


def _links(instances: Mapping[str, Instance], config: Config, project: ProjectRef) -> LitmusLinks:
    """Return the links of a project; the account in them is the token's, or that of the display token."""
    instance = instances[project.instance]
    claims = token_claims(instance.token.get_secret_value())
    account = claims.uid if claims is not None else None
    if account is None and config.display_token is not None:
        account = display_uid(config.display_token.get_secret_value())
    return LitmusLinks(base_url=instance.external_base_url, account_id=account, project_id=project.project_id)


def _instances_health(clients: Mapping[str, LitmusClient]) -> Mapping[str, InstanceHealth]:
    return {
        name: InstanceHealth(breaker=client.breaker.state.value, opened_at=client.breaker.opened_at)
        for name, client in clients.items()
    }


def _readings(
    catalogue: Catalogue, replica: Replica, clients: Mapping[str, LitmusClient], store: StoreHealth
) -> Mapping[str, Reading]:
    """Return the values that other parts keep, for a scrape."""
    stats = replica.stats
    return {
        "litmus_sidecar_catalog_entities": Reading(
            "Entities that name a Litmus project.", {(): len(catalogue.current.entities)}
        ),
        "litmus_sidecar_catalog_problems": Reading(
            "Catalog documents, annotations or files that could not be used.",
            {(): len(catalogue.current.problems)},
        ),
        "litmus_sidecar_breaker_open": Reading(
            "1 while an instance is left alone because it did not answer, else 0.",
            {(name,): float(client.breaker.state.value != "closed") for name, client in clients.items()},
            labels=("instance",),
        ),
        "litmus_sidecar_store_degraded": Reading(
            "1 while the database is away and the sidecar goes on in memory, else 0.",
            {(): float(store.state != "ok")},
        ),
        "litmus_sidecar_store_outages": Reading(
            "Times that the database was lost.", {(): store.outages}, counter=True
        ),
        "litmus_sidecar_graphql_plans_compiled": Reading(
            "GraphQL documents compiled into a plan.", {(): stats.plans_compiled}, counter=True
        ),
        "litmus_sidecar_graphql_answers_built": Reading(
            "GraphQL answers projected from a snapshot.", {(): stats.answers_built}, counter=True
        ),
        "litmus_sidecar_graphql_answer_hits": Reading(
            "GraphQL answers given from memory.", {(): stats.answer_hits}, counter=True
        ),
        "litmus_sidecar_graphql_refusals": Reading(
            "GraphQL requests refused by the served schema or its limits.",
            {(): stats.refusals},
            counter=True,
        ),
        "litmus_sidecar_graphql_cache_bytes": Reading(
            "Bytes that plans and answers hold in memory.", {(): replica.cached_bytes}
        ),
    }


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _first_of(*events: asyncio.Event) -> asyncio.Event:
    """Wait for the first of the events and return it."""
    waits = {asyncio.create_task(event.wait()): event for event in events}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return waits[done.pop()]
