"""The composition root: the one module that names concrete classes and ties them together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from sidecar import __version__
from sidecar.actions import ActionService
from sidecar.app.acting import open_acting
from sidecar.app.catalog import OpenedCatalog, catalog_signer, configured_claims, open_catalogue
from sidecar.app.gauges import (
    catalog_gauges,
    configuration_gauges,
    graphql_gauges,
    instance_gauges,
    pace_gauges,
    renewal_leads,
    store_gauges,
)
from sidecar.app.people import litmus_sessions, open_people, sign_in_pace
from sidecar.app.reconfiguring import (
    OpenedParts,
    caller_places,
    enforced_visibility,
    key_ring,
    offered_sessions,
    proxy_settings,
    request_rates,
    work_budget,
)
from sidecar.app.sync import Synchronisation, open_sync, plans_health
from sidecar.app.tokens import (
    DEFAULT_PACE,
    OpenedInstance,
    TokenPace,
    instances_health,
    new_replica,
    open_instance,
)
from sidecar.catalog.claims import Claims, NamingMemory
from sidecar.config import Config, Instance, display_uid
from sidecar.config.proxies import require_proxies
from sidecar.domain.errors import ConfigError, StoreError, UpstreamError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Clock, Tokens
from sidecar.http.services import Phase, Services
from sidecar.identity.service_sessions import ServiceSessionStore
from sidecar.identity.sign_in_limit import REFUSAL_DELAY, RefusalDelay
from sidecar.identity.signing import SigningKeys
from sidecar.insight.digest_cache import Digests
from sidecar.insight.links import LitmusLinks
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.wire.documents import SERVER_VERSION
from sidecar.replica import QueryEngine
from sidecar.runtime.supervision import RootTask, RootTasks, Supervisor, UnitErrors, measure_loop_lag
from sidecar.runtime.turns import Turns
from sidecar.store.pruning import keep_pruning_over
from sidecar.store.store import Store, open_store
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import NO_TRACER, Tracer, open_tracer, record, tracing_problems

WAIT_SECONDS: Final = 15.0
"""Longest a reader waits for a first synchronisation."""
VERSION_TIMEOUT_SECONDS: Final = 15.0
VERSION_INTERVAL_SECONDS: Final = 3_600.0
VERSION_RETRY_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Return the time; the only clock of the product."""
    return datetime.now(UTC)


def require_usable(config: Config) -> None:
    """Refuse a valid configuration that no service can be opened with, before anything is opened.

    Raises:
        ConfigError: With every problem: a library, a key or a proxy that is needed and cannot be used.
    """
    problems = list(tracing_problems(config.tracing))
    settings = config.catalog.backstage
    if settings is not None and settings.token is None:
        try:
            catalog_signer(settings, utc_now)
        except ConfigError as error:
            problems += error.problems
    try:
        require_proxies(config)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(tuple(problems))


@asynccontextmanager
async def open_services(
    config: Config,
    *,
    clock: Clock = utc_now,
    wait_seconds: float = WAIT_SECONDS,
    token_pace: TokenPace = DEFAULT_PACE,
    refusal_pace: RefusalDelay = REFUSAL_DELAY,
) -> AsyncIterator[Services]:
    """Make the parts, set the root tasks going, and undo it all in reverse at the end.

    Raises:
        ConfigError: If something that the configuration names cannot be used.
    """
    require_usable(config)
    async with AsyncExitStack() as stack:
        composition = _Composition(config, clock, stack, token_pace=token_pace, refusal_pace=refusal_pace)
        yield await composition.services(wait_seconds)


class _Composition:
    """Opens one part after the other; each is closed by the stack, the last one first."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        stack: AsyncExitStack,
        *,
        token_pace: TokenPace,
        refusal_pace: RefusalDelay,
    ) -> None:
        self._config = config
        self._token_pace = token_pace
        self._refusal_pace = refusal_pace
        self._clock = clock
        self._stack = stack
        self._metrics = Metrics(__version__)
        self._tracer: Tracer = NO_TRACER
        self._replica_name = new_replica()
        self._supervisor = Supervisor(lambda task: self._metrics.task_failures.labels(task).inc())

    async def services(self, wait_seconds: float) -> Services:
        """Open everything, in the order of who needs whom."""
        config, clock = self._config, self._clock
        self._tracer = await self._stack.enter_async_context(open_tracer(config.tracing, __version__))
        await self._supervise("event loop", partial(measure_loop_lag, self._metrics.loop_lag_seconds.observe))
        announcements = _Announcements()
        store = await self._open_store(announcements)
        signing = SigningKeys([key.get_secret_value() for key in config.auth.signing_keys], store.secrets)
        instances = {
            instance.name: await self._open_instance(instance, store, signing, announcements)
            for instance in config.instances
        }
        clients = {name: opened.client for name, opened in instances.items()}
        await asyncio.gather(*(opened.begin() for opened in instances.values()))
        syncing = await self._open_sync(store, clients, announcements, wait_seconds)
        people = await self._stack.enter_async_context(open_people(config, clock))
        catalog, claims = await self._open_catalog(store, syncing)
        actions = await self._open_actions(store, instances, claims, syncing)
        digests = Digests(store.history, retention=timedelta(days=config.history.retention_days))
        self._stack.push_async_callback(digests.close)
        await self._supervise("digests", partial(digests.keep_warm, lambda: syncing.engine.projects))
        versions = await self._follow_instances(instances)
        tokens = {name: opened.tokens for name, opened in instances.items()}
        sessions = litmus_sessions(config, store, signing, clients, clock)
        # What is left of sessions, our own included, is revoked even if nobody can sign in.
        await self._supervise("sessions", sessions.follow)
        query_engine, turns, phase = QueryEngine(), Turns(), Phase(started_at=clock())
        self._stack.push_async_callback(turns.close)
        self._metrics.initialise(instances)
        self._metrics.export(
            partial(catalog_gauges, catalog.catalogue, actions.token_role),
            partial(instance_gauges, clients, tokens, renewal_leads(config)),
            partial(store_gauges, store.health),
            partial(graphql_gauges, query_engine),
            partial(pace_gauges, syncing.planner, clients),
            partial(configuration_gauges, phase),
        )
        return Services(
            config=config,
            clock=clock,
            catalogue=catalog.catalogue,
            claims=claims,
            snapshots=store.snapshots,
            history=store.history,
            digests=digests,
            sync=syncing.engine,
            query_engine=query_engine,
            turns=turns,
            keys=key_ring(config),
            users=people.users,
            visibility=enforced_visibility(config, people),
            proxy=proxy_settings(config),
            catalog_keys=catalog.public_keys,
            actions=actions,
            audit=store.audit,
            signing=signing,
            shares=store.shares,
            sessions=offered_sessions(config, sessions),
            sign_in_pace=sign_in_pace(config),
            refusal_pace=self._refusal_pace,
            tokens=tokens,
            pace=request_rates(config.limits),
            places=caller_places(config.limits),
            work_pace=work_budget(config.limits),
            metrics=self._metrics,
            tracer=self._tracer,
            supervisor=self._supervisor,
            phase=phase,
            store_health=store.health,
            instances=partial(instances_health, instances),
            links=partial(_links, {instance.name: instance for instance in config.instances}, tokens, config),
            litmus_version=versions.get,
            intervals=syncing.planner.of,
            plans=partial(plans_health, syncing.planner, clients),
            reconfiguring=OpenedParts(
                people=people,
                sessions=sessions,
                claims=claims,
                actions=actions,
                catalog=catalog,
                syncing=syncing,
                instances=tuple(instances.values()),
            ),
        )

    async def _open_store(self, announcements: "_Announcements") -> Store:
        store = await self._stack.enter_async_context(
            open_store(
                self._config.store.url.get_secret_value(),
                clock=self._clock,
                serves=True,
                on_change=announcements.announce,
                observe=partial(_observe_store, self._metrics),
            )
        )
        await self._supervise("store", store.follow)
        await self._supervise("leases", store.keep_leases)
        await self._supervise("store pruning", partial(keep_pruning_over, store, self._clock))
        return store

    async def _open_instance(
        self, instance: Instance, store: Store, signing: SigningKeys, announcements: "_Announcements"
    ) -> OpenedInstance:
        return await self._stack.enter_async_context(
            open_instance(
                self._config,
                instance,
                self._metrics,
                locks=store.locks,
                uses=store.token_uses,
                sessions=ServiceSessionStore(store.sessions, signing, self._clock),
                replica=self._replica_name,
                clock=self._clock,
                on_new_token=partial(announcements.retry, instance.name),
                pace=self._token_pace,
            )
        )

    async def _open_sync(
        self,
        store: Store,
        clients: Mapping[str, LitmusClient],
        announcements: "_Announcements",
        wait_seconds: float,
    ) -> Synchronisation:
        syncing = open_sync(
            self._config,
            store,
            clients,
            metrics=self._metrics,
            clock=self._clock,
            tracer=self._tracer,
            wait_seconds=wait_seconds,
        )
        await self._supervise_all(syncing.tasks)
        announcements.syncing = syncing
        return syncing

    async def _open_catalog(self, store: Store, syncing: Synchronisation) -> tuple[OpenedCatalog, Claims]:
        memory = NamingMemory(store.namings, self._clock)
        # Backstage may be away for long, and what files name is acted on meanwhile.
        await memory.load()
        catalog = await self._stack.enter_async_context(
            open_catalogue(self._config, syncing.plan, self._clock, memory.learn)
        )
        await self._supervise_all(catalog.tasks)
        claims = Claims(
            configured=configured_claims(self._config),
            memory=memory,
            catalogue=catalog.catalogue,
            snapshot_of=store.snapshots.get,
            project_tags=syncing.tags_of,
            clock=self._clock,
        )
        return catalog, claims

    async def _open_actions(
        self,
        store: Store,
        instances: Mapping[str, OpenedInstance],
        claims: Claims,
        syncing: Synchronisation,
    ) -> ActionService:
        acting = await self._stack.enter_async_context(
            open_acting(
                self._config,
                store,
                instances,
                claims=claims,
                engine=syncing.engine,
                roles=syncing.roles,
                metrics=self._metrics,
                clock=self._clock,
            )
        )
        await self._supervise_all(acting.tasks)
        return acting.service

    async def _follow_instances(self, instances: Mapping[str, OpenedInstance]) -> Mapping[str, str]:
        """Look after each instance; return what grows to hold its version, by name."""
        versions: dict[str, str] = {}
        for name, opened in instances.items():
            follow_version = partial(_follow_version, name, opened.client, versions)
            await self._supervise(f"version of {name}", follow_version)
            await self._supervise_all(opened.tasks)
        return versions

    async def _supervise(self, name: str, task: RootTask) -> None:
        # From 0 on: what is first told when it is 1 never increases.
        self._metrics.task_failures.labels(name)
        await self._stack.enter_async_context(self._supervisor.running(name, task))

    async def _supervise_all(self, tasks: RootTasks) -> None:
        for name, task in tasks.items():
            await self._supervise(name, task)


class _Announcements:
    """Passes on what other replicas wrote to those who wait for it; the store opens before the engine."""

    syncing: Synchronisation | None = None

    def announce(self, project: ProjectRef) -> None:
        if self.syncing is not None:
            self.syncing.engine.announce(project)

    async def retry(self, instance: str) -> None:
        """Ask again for what failed with the token before; that is nothing before the engine runs."""
        if self.syncing is None:
            return
        with suppress(StoreError):  # Then it is asked again when it falls due.
            await self.syncing.retry(instance)


def _observe_store(metrics: Metrics, operation: str, failure: str | None, seconds: float) -> None:
    metrics.store_seconds.labels(operation).observe(seconds)
    record(f"store {operation}", seconds, {"db.operation.name": operation}, failure=failure)


async def _follow_version(name: str, client: LitmusClient, versions: dict[str, str]) -> None:
    """Ask an instance for its version now and then; only links depend on it, so failures are not told."""
    unit_errors = UnitErrors("version")
    while True:
        with suppress(UpstreamError), unit_errors.contained(name):
            versions[name] = await client.run(SERVER_VERSION, {}, VERSION_TIMEOUT_SECONDS)
        await asyncio.sleep(VERSION_INTERVAL_SECONDS if name in versions else VERSION_RETRY_SECONDS)


def _links(
    instances: Mapping[str, Instance], tokens: Mapping[str, Tokens], config: Config, project: ProjectRef
) -> LitmusLinks:
    """Return the links of a project; the account in them is the token's, or that of the display token."""
    instance = instances[project.instance]
    account = tokens[project.instance].status.user_id
    if account is None and config.display_token is not None:
        account = display_uid(config.display_token.get_secret_value())
    return LitmusLinks(base_url=instance.external_base_url, account_id=account, project_id=project.project_id)
