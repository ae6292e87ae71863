"""A service behind its connections, of which everything that an answer depends on can change."""

import dataclasses
import itertools
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from aiohttp import web

from sidecar.app.lifecycle import make_runner
from sidecar.backstage.transport import open_backstage_http
from sidecar.backstage.users import open_backstage_users
from sidecar.backstage.visibility import CatalogVisibility
from sidecar.catalog.claims import Claims, NamingMemory
from sidecar.catalog.static import StaticCatalog
from sidecar.config import Config
from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.freshness import merge
from sidecar.domain.model import Content, GitOps, ProjectRef, Section, SectionError, SectionResult, Snapshot
from sidecar.domain.ports import SnapshotHead
from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.middleware.warm import WARM_ANSWERS, WarmAnswers
from sidecar.http.services import SERVICES, Services
from sidecar.identity.keys import KeyRing
from sidecar.identity.rates import RequestRateLimit
from tests.replica.documents import ENVIRONMENTS, EXPERIMENTS, RUN_STATS, body
from tests.support.backstage import ISSUER, Backstage, FixedClock, component, open_backstage, user_claims
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PROJECT, NothingToSync, golden_app
from tests.support.memory_store.namings import MemoryNamings

KEY: Final = {"X-Litmus-Sidecar-Key": "reader-0123456789abcdef"}
ELSEWHERE: Final = ProjectRef(instance="default", project_id="another-project")
ANEW: Final = {"Range": "bytes=0-"}
"""Sends a request the usual way, and means nothing else here."""
ENTITY_PATH: Final = "/api/v1/entities/component/default/shop"
PLACES: Final = (
    ENTITY_PATH + "/overview?window=7d",
    ENTITY_PATH + "/content",
    "/litmus/entities/component/default/shop",
    "/litmus/entities/component/default/shop/badge.svg",
)
COUNT: Final = """query count($projectID: ID!, $request: ListExperimentRequest!) {
  listExperiment(projectID: $projectID, request: $request) { totalNoOfExperiments }
}"""
QUERIES: Final = (EXPERIMENTS, ENVIRONMENTS, COUNT)
REFUSED: Final = RUN_STATS
"""There is no data for it."""
ASKED: Final = (*PLACES, *QUERIES, REFUSED)
OWN: Final = frozenset({"date", "x-request-id"})
"""Headers that differ from answer to answer."""


class ChangingCatalog:
    """A catalog that is read anew whenever a test says so."""

    def __init__(self, entities: Collection[Entity]) -> None:
        self.read(entities)

    def read(self, entities: Collection[Entity]) -> None:
        self._read = StaticCatalog(entities)

    @property
    def current(self) -> Catalog:
        return self._read.current

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        return self._read.projects_with_id(project_id)


class ChangingSnapshots:
    """Snapshots that a test synchronises."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._kept = {snapshot.project: snapshot}

    def get(self, project: ProjectRef) -> Snapshot | None:
        return self._kept.get(project)

    async def load(self, project: ProjectRef) -> Snapshot | None:
        return self.get(project)

    def head(self, project: ProjectRef) -> SnapshotHead | None:
        kept = self._kept.get(project)
        return None if kept is None else SnapshotHead(version=kept.version, freshness=kept.freshness)

    def take(self, project: ProjectRef, results: Collection[SectionResult]) -> None:
        self._kept[project] = merge(self._kept.get(project), project, list(results))

    async def merge(self, *_: object) -> Snapshot:
        raise NotImplementedError

    async def retain(self, projects: Collection[ProjectRef]) -> None:
        raise NotImplementedError


class Answer(NamedTuple):
    """What a client sees of an answer, without what each has of its own."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class World:
    """A service behind its connections, with a Backstage; everything that it depends on can change."""

    def __init__(self, backstage: Backstage, client: aiohttp.ClientSession, url: str, parts: "Parts") -> None:
        self.backstage = backstage
        self.parts = parts
        self._client = client
        self._url = url
        self._numbers = itertools.count()
        self.token = ""
        self.sign_in()

    @property
    def port(self) -> int:
        return int(self._url.rpartition(":")[2])

    def counted(self, route: str) -> float:
        """Return how many requests to a route were counted."""
        counts = [
            sample.value
            for family in self.parts.app[SERVICES].metrics.registry.collect()
            for sample in family.samples
            if sample.name == "litmus_sidecar_requests_total" and sample.labels["route"] == route
        ]
        return float(sum(counts))

    @property
    def warm(self) -> WarmAnswers:
        return self.parts.app[WARM_ANSWERS]

    def own_headers(self) -> dict[str, str]:
        """Return headers that are other ones in each request, as one that is traced has them."""
        number = next(self._numbers)
        return {"traceparent": f"00-{number:032x}-{number:016x}-01", "X-Request-ID": f"own.{number:012}"}

    def sign_in(self, **changes: Any) -> None:
        """Give the person a new token."""
        claims = user_claims(now=self.parts.clock.now, **changes)
        self.token = self.backstage.keys[-1].sign(claims)

    def credential(self, who: str) -> Mapping[str, str]:
        person = {"Authorization": f"Bearer {self.token}"}
        known = {"key": KEY, "person": person, "both": {**KEY, **person}}
        return known.get(who, {"X-Litmus-Sidecar-Key": "nobody-0123456789abcdef"})

    async def ask(self, who: str, what: str, headers: Mapping[str, str] | None = None) -> Answer:
        response, content = await self.answer(who, what, headers)
        request_id = response.headers["X-Request-ID"]
        named = {name.lower(): value for name, value in response.headers.items()}
        shown = {name: value for name, value in named.items() if name not in OWN}
        return Answer(response.status, shown, content.replace(request_id.encode(), b"ID"))

    async def answer(
        self, who: str, what: str, headers: Mapping[str, str] | None = None
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        sent = {**self.credential(who), **(headers or {})}
        if what.startswith("/"):
            asking = self._client.get(self._url + what, headers=sent)
        else:
            data = body(what, {"projectID": PROJECT.project_id, "request": {}})
            sent["Content-Type"] = "application/json"
            asking = self._client.post(f"{self._url}/api/query", data=data, headers=sent)
        async with asking as response:
            return response, await response.read()

    async def close(self) -> None:
        await self._client.close()


@dataclasses.dataclass
class Parts:
    """What a test changes."""

    clock: FixedClock
    catalogue: ChangingCatalog
    memory: NamingMemory
    app: web.Application
    snapshots: ChangingSnapshots


@asynccontextmanager
async def open_world(
    *,
    is_enforced: bool = True,
    per_minute: int = 100_000,
    key_per_minute: int | None = None,
    bounds: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - frozen
) -> AsyncIterator[World]:
    clock = FixedClock(golden().now)
    catalogue = ChangingCatalog([ENTITY])
    memory = NamingMemory(MemoryNamings(), clock)
    await memory.learn(catalogue.current)
    taken: list[ChangingSnapshots] = []
    async with AsyncExitStack() as stack:
        backstage = await stack.enter_async_context(open_backstage())
        backstage.entities.append(component("shop", PROJECT.project_id))
        http = await stack.enter_async_context(open_backstage_http(backstage.url))
        users = await stack.enter_async_context(open_backstage_users(http, issuer=ISSUER, clock=clock))

        async def change(services: Services) -> Services:
            snapshot = services.snapshots.get(PROJECT)
            assert snapshot is not None
            snapshots = ChangingSnapshots(snapshot)
            taken.append(snapshots)
            return dataclasses.replace(
                services,
                clock=clock,
                catalogue=catalogue,
                claims=Claims(
                    configured={},
                    memory=memory,
                    catalogue=catalogue,
                    snapshot_of=snapshots.get,
                    project_tags=lambda _project: (),
                    clock=clock,
                ),
                snapshots=snapshots,
                sync=NothingToSync(snapshots),
                keys=KeyRing([("reader", KEY["X-Litmus-Sidecar-Key"], frozenset({"read"}))]),
                users=users,
                visibility=CatalogVisibility(http, clock=clock) if is_enforced else None,
                pace=RequestRateLimit(
                    person_per_minute=per_minute,
                    actions_per_minute=30,
                    key_per_minute=key_per_minute,
                    clock=lambda: clock().timestamp(),
                ),
            )

        app = golden_app(change=change)
        runner = make_runner(app, Config(), bounds)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        parts = Parts(clock=clock, catalogue=catalogue, memory=memory, app=app, snapshots=taken[0])
        client = await stack.enter_async_context(aiohttp.ClientSession())
        yield World(backstage, client, f"http://{host}:{port}", parts)


def synchronised(world: World, kind: str) -> None:
    """Let a synchronisation end: with other content, with the same, or with an error."""
    now, snapshots = world.parts.clock.now, world.parts.snapshots
    known = snapshots.get(PROJECT)
    content = known.content if known is not None else Content()
    error = (
        SectionError(code="upstream_error", message="Litmus did not answer.") if kind == "failed" else None
    )
    value: Any = content.gitops
    if kind == "changed":
        value = GitOps(enabled=not (content.gitops and content.gitops.enabled))
    gitops = SectionResult(section=Section.GITOPS, attempted_at=now, value=value, error=error)
    experiments: Any = content.experiments
    if kind == "changed":
        experiments = tuple(
            msgspec.structs.replace(one, name=f"{one.name}+") for one in content.experiments or ()
        )
    listed = SectionResult(section=Section.EXPERIMENTS, attempted_at=now, value=experiments, error=error)
    snapshots.take(PROJECT, [gitops, listed])


async def changed(world: World, step: str, amount: int) -> None:
    """Change what the step names."""
    backstage, clock = world.backstage, world.parts.clock
    match step:
        case "advance":
            clock.advance(amount)
        case "annotate":
            entity = msgspec.structs.replace(ENTITY, project=ELSEWHERE) if amount % 2 else ENTITY
            world.parts.catalogue.read([entity])
            await world.parts.memory.learn(world.parts.catalogue.current)
        case "leave":
            world.parts.catalogue.read([])
            await world.parts.memory.learn(world.parts.catalogue.current)
        case "rotate":
            backstage.rotate()
            if amount % 2:
                del backstage.keys[:-1]
        case "sign in":
            world.sign_in(**({"sub": "user:default/bob"} if amount % 3 == 0 else {}))
        case "hide":
            backstage.visible["user:default/alice"] = set()
        case "show":
            backstage.visible.clear()
        case kind:
            synchronised(world, kind)


def grow(world: World) -> None:
    """Give the project so many experiments that a list of them is long."""
    snapshots = world.parts.snapshots
    known = snapshots.get(PROJECT)
    assert known is not None
    some = known.content.experiments or ()
    many = [
        msgspec.structs.replace(one, experiment_id=f"{one.experiment_id}-{number}")
        for number in range(20)
        for one in some
    ]
    now = world.parts.clock.now
    listed = SectionResult(section=Section.EXPERIMENTS, attempted_at=now, value=tuple(many), error=None)
    snapshots.take(PROJECT, [listed])
