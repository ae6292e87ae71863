"""Replicas that act on one simulated Litmus through one store, synchronised when a test says so."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sidecar.actions import ActionService, Settings, open_actions, recent_starts
from sidecar.actions.policy import Caller, CallerKind
from sidecar.actions.request import ActionRequest
from sidecar.catalog import StaticCatalog
from sidecar.catalog.claims import Claims, NamingMemory
from sidecar.domain.action import Action, ActionKind, AuditEntry
from sidecar.domain.catalog import Entity
from sidecar.domain.freshness import merge
from sidecar.domain.model import Lane, ProjectRef, Section, Snapshot
from sidecar.domain.ports import AuditQuery
from sidecar.litmus.acting import LitmusActor
from sidecar.litmus.reading.source import LitmusSource
from sidecar.litmus.transport.client import open_litmus_client
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import Experiment, Infra, Project
from sidecar.store.store import Store, open_store
from tests.support.databases import open_memory_store

TEAM = "group:default/team-a"
ALICE = Caller(name="user:default/alice", kind=CallerKind.PERSON, owns=frozenset({TEAM}))
BOB = Caller(name="user:default/bob", kind=CallerKind.PERSON, owns=frozenset({"user:default/bob"}))
MUTATIONS = ("runChaosExperiment", "stopExperimentRuns", "updateCronExperimentState")


@dataclass
class ShiftedClock:
    """The time, moved forward by a test."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class SyncByHand:
    """Snapshots that change when the test synchronises, and who asked for it."""

    def __init__(self, source: LitmusSource) -> None:
        self._source = source
        self._snapshots: dict[ProjectRef, Snapshot] = {}
        self.hurried: list[ProjectRef] = []

    def get(self, project: ProjectRef) -> Snapshot | None:
        return self._snapshots.get(project)

    async def ensure(self, project: ProjectRef, sections: Collection[Section]) -> Snapshot:
        snapshot = self._snapshots.get(project) or await self.synchronise(project)
        assert snapshot.freshness.keys() >= set(sections)
        return snapshot

    async def hurry(self, project: ProjectRef) -> None:
        self.hurried.append(project)

    async def synchronise(self, project: ProjectRef) -> Snapshot:
        before = self._snapshots.get(project)
        results = await self._source.collect(project, Lane.FAST, before)
        self._snapshots[project] = merge(before, project, results)
        return self._snapshots[project]

    def drain(self) -> None:
        """Nobody waits."""


@dataclass(kw_only=True)
class Shop:
    """A project of one simulated Litmus, and what belongs to it."""

    simulator: Simulator
    world: World
    project: Project
    infra: Infra
    experiment: Experiment
    clock: ShiftedClock = field(default_factory=ShiftedClock)
    entities: tuple[Entity, ...] = ()
    claims: Mapping[ProjectRef, frozenset[str]] = field(default_factory=dict)
    role: str = "Owner"

    @property
    def ref(self) -> ProjectRef:
        return ProjectRef(instance="default", project_id=self.project.project_id)

    @property
    def mutations(self) -> int:
        """How many requests to change something have arrived."""
        return sum(self.simulator.asked(name) for name in MUTATIONS)

    def asked(self, kind: ActionKind = ActionKind.RUN, **changes: Any) -> ActionRequest:
        given: dict[str, Any] = {
            "kind": kind,
            "project": self.ref,
            "experiment_id": self.experiment.experiment_id,
        }
        return ActionRequest(**(given | changes))


@dataclass(kw_only=True)
class Replica:
    """One of the processes that act."""

    service: ActionService
    store: Store
    sync: SyncByHand
    shop: Shop

    async def act(self, asked: ActionRequest | None = None, caller: Caller = ALICE, **options: Any) -> Action:
        options.setdefault("request_id", "request-1")
        return await self.service.act(caller, asked or self.shop.asked(), **options)

    async def synchronise(self) -> None:
        """As the engine does after it was hurried: read, then look what that tells of actions."""
        await self.sync.synchronise(self.shop.ref)
        await self.service.resolve(self.shop.ref)

    async def audit(self) -> list[AuditEntry]:
        """All entries, oldest first."""
        return list(reversed(await self.store.audit.find(AuditQuery(limit=200))))


@asynccontextmanager
async def open_shop(*, version: str = "3.31.0", role: str = "Owner") -> AsyncIterator[Shop]:
    """A world of that release, whose token has that role in the project."""
    world = World(name="acting", version=version)
    owner, robot = world.add_user("olga"), world.add_user("robot")
    project = world.add_project("Web shop", owner=owner, members={robot.user_id: role})
    environment = world.add_environment(project, "staging")
    infra = world.add_infra(project, environment, "cluster-a")
    experiment = world.add_experiment(project, infra, "pod-delete")
    async with open_simulator(world) as simulator:
        shop = Shop(
            simulator=simulator,
            world=world,
            project=project,
            infra=infra,
            experiment=experiment,
            role=role,
        )
        shop.entities = (Entity(ref="component:default/cart", project=shop.ref, owner=TEAM),)
        yield shop


@asynccontextmanager
async def open_replica(shop: Shop, url: str | None = None, **settings: Any) -> AsyncIterator[Replica]:
    """A process with a store, a client and a snapshot of its own."""
    robot = shop.world.user_named("robot")
    assert robot is not None
    token = shop.world.issue_token(robot)
    settings.setdefault("poll_seconds", 0.02)
    settings.setdefault("look_seconds", 0.02)
    async with (
        open_memory_store(shop.clock) if url is None else open_store(url, clock=shop.clock) as store,
        open_litmus_client(
            base_url=shop.simulator.url, token=lambda: LitmusToken(token), max_requests_per_second=500.0
        ) as client,
    ):
        catalogue = StaticCatalog(shop.entities)
        memory = NamingMemory(store.namings, shop.clock)
        await memory.learn(catalogue.current)
        sync = SyncByHand(
            LitmusSource(client, shop.clock, starts=partial(recent_starts, store.audit, shop.clock))
        )
        actions = ActionService(
            actions=store.actions,
            audit=store.audit,
            actors={"default": LitmusActor(client)},
            claims=Claims(
                configured=shop.claims,
                memory=memory,
                catalogue=catalogue,
                snapshot_of=sync.get,
                project_tags=lambda _project: (),
                clock=shop.clock,
            ),
            snapshot_of=sync.get,
            history=store.history,
            sync=sync,
            clock=shop.clock,
            settings=Settings(**({"token_user": lambda _: "robot"} | settings)),
        )
        async with open_actions(actions) as service:
            replica = Replica(service=service, store=store, sync=sync, shop=shop)
            await sync.synchronise(shop.ref)
            yield replica
