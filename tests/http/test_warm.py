"""The warm path gives what the usual way would give, whatever changes between two requests."""

import asyncio
import dataclasses
import io
import itertools
import json
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.app.lifecycle import make_runner
from sidecar.backstage.transport import open_backstage_http
from sidecar.backstage.users import LEEWAY_SECONDS, open_backstage_users
from sidecar.backstage.visibility import VISIBLE_SECONDS, CatalogVisibility
from sidecar.catalog.claims import Claims, NamingMemory
from sidecar.catalog.static import StaticCatalog
from sidecar.config import Config
from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.freshness import merge
from sidecar.domain.model import Content, GitOps, ProjectRef, Section, SectionError, SectionResult, Snapshot
from sidecar.domain.ports import SnapshotHead
from sidecar.http.answers.sending import (
    AT_ONCE_BYTES,
    SENDING_BUDGET,
    SLICE_BYTES,
    UNSENT_BYTES,
    Slices,
)
from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.middleware.request_keys import IGNORED
from sidecar.http.middleware.warm import WARM_ANSWERS, WarmAnswers
from sidecar.http.services import SERVICES, Services
from sidecar.identity.keys import KeyRing
from sidecar.identity.rates import RequestRateLimit
from sidecar.telemetry.logs import configure_logging
from tests.replica.documents import ENVIRONMENTS, EXPERIMENTS, RUN_STATS, body
from tests.support.backstage import ISSUER, Backstage, FixedClock, component, open_backstage, user_claims
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PROJECT, NothingToSync, golden_app
from tests.support.memory_store.namings import MemoryNamings
from tests.support.service import eventually

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


CHANGES: Final = ("annotate", "leave", "rotate", "sign in", "hide", "show", "changed", "same", "failed")
STEPS: Final = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from((1, 9, 29, 31, 61, 121, 700, 3_500, 3_700, 90_000))),
    st.tuples(st.sampled_from(CHANGES), st.integers(0, 5)),
    st.tuples(st.sampled_from(("key", "person", "both", "nobody")), st.integers(0, len(ASKED) - 1)),
)


async def follow(steps: Collection[tuple[str, int]], *, is_enforced: bool) -> None:
    async with open_world(is_enforced=is_enforced) as world:
        asked = dict.fromkeys((("key", 0), ("key", 4), ("person", 4)))
        for step, amount in steps:
            if step in {"key", "person", "both", "nobody"}:
                asked[step, amount] = None
            else:
                await changed(world, step, amount)
            for who, number in asked:
                what = ASKED[number]
                before = await world.ask(who, what, ANEW)
                first, again = await world.ask(who, what), await world.ask(who, what)
                # As Backstage asks where it is traced: from the second time on known but for these.
                traced = await world.ask(who, what, world.own_headers())
                after = await world.ask(who, what, ANEW)
                # What Backstage is asked in the background may be answered in between.
                assert first in (before, after), (step, who, what)
                assert again in (before, after), (step, who, what)
                assert traced in (before, after), (step, who, what)


@given(steps=st.lists(STEPS, max_size=8), is_enforced=st.booleans())
def test_the_warm_path_agrees_with_the_usual_way_always(
    steps: list[tuple[str, int]],
    is_enforced: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    asyncio.run(follow(steps, is_enforced=is_enforced))


class Told(NamedTuple):
    """What a service tells of a request, in its answer and beside it."""

    answer: Answer
    request_id: str
    line: Mapping[str, Any]
    """Of the log, without instant and duration."""
    counted: float


async def told(world: World, ask: tuple[str, str, Mapping[str, str]], stream: io.StringIO) -> Told:
    """Ask, and return all that the service tells of it."""
    who, what, headers = ask
    begun = stream.tell()
    response, content = await world.answer(who, what, headers)
    shown = {name.lower(): value for name, value in response.headers.items() if name.lower() not in OWN}
    stream.seek(begun)
    (line,) = [json.loads(text) for text in stream if '"event":"request"' in text]
    given = line.pop("request_id")
    assert given == response.headers["X-Request-ID"]
    del line["seconds"], line["timestamp"]
    body = content.replace(given.encode(), b"ID")
    # One of ours is as good as any other.
    request_id = given if given == headers.get("X-Request-ID") else "ID"
    return Told(Answer(response.status, shown, body), request_id, line, world.counted(line["route"]))


CALLERS: Final = ("person", "person", "key", "both")
MOVES: Final = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from((1, 9, 20, 31, 45)), st.none()),
    st.tuples(
        st.sampled_from(CALLERS),
        st.sampled_from((COUNT, ENVIRONMENTS, PLACES[0])),
        st.sampled_from((None, "traced", "traced", "odd")),
    ),
)


async def compare(moves: Collection[tuple[str, Any, str | None]]) -> None:
    """Ask two services the same, one of which knows the usual way alone; they may never differ."""
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    async with AsyncExitStack() as stack:
        warm, usual = [
            await stack.enter_async_context(open_world(per_minute=7, key_per_minute=9)) for _ in range(2)
        ]
        for who, amount, own in moves:
            if who == "advance":
                for world in (warm, usual):
                    world.parts.clock.advance(amount)
                continue
            headers = {
                None: {},
                "traced": warm.own_headers(),
                "odd": {"X-Request-ID": "no id", "tracestate": "a=1"},
            }[own]
            # Whatever is asked is asked some times, so that it becomes known.
            for _ in range(3):
                assert await told(warm, (who, amount, headers), stream) == await told(
                    usual, (who, amount, {**headers, **ANEW}), stream
                )
        assert usual.warm.hits == 0


@settings(max_examples=min(25, settings().max_examples))
@given(moves=st.lists(MOVES, max_size=10))
def test_both_ways_count_limit_and_log_the_same_requests(
    moves: list[tuple[str, Any, str | None]],
) -> None:
    asyncio.run(compare(moves))


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


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world(is_enforced=False) as opened:
        yield opened


@pytest.mark.parametrize("who", ["key", "person", "both"])
@pytest.mark.parametrize("what", [*QUERIES, PLACES[0], PLACES[3]])
async def test_what_was_answered_is_answered_again_without_the_usual_way(
    world: World, who: str, what: str
) -> None:
    first = await world.ask(who, what)
    assert world.warm.hits == 0
    assert await world.ask(who, what) == first
    assert world.warm.hits == 1
    assert first.status == 200


@pytest.mark.parametrize("what", PLACES)
async def test_what_tells_what_a_caller_may_do_is_given_again_to_a_key(world: World, what: str) -> None:
    first = await world.ask("key", what)
    assert await world.ask("key", what) == first
    assert world.warm.hits == 1


async def test_a_person_learns_what_they_may_do_anew_each_time(world: World) -> None:
    for _ in range(3):
        assert (await world.ask("person", PLACES[1])).status == 200
    assert world.warm.hits == 0


async def test_a_client_that_has_the_answer_is_told_so_on_the_warm_path(world: World) -> None:
    tag = (await world.ask("key", PLACES[0])).headers["etag"]
    for hits in (0, 1, 2):
        answer = await world.ask("key", PLACES[0], {"If-None-Match": tag})
        assert (answer.status, answer.body) == (304, b"")
        assert world.warm.hits == hits


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept-Encoding": "gzip"},
        {"Accept": "text/html"},
        {"Origin": "https://elsewhere.example.com"},
        {"Cookie": "session=1"},
        {"X-Forwarded-User": "root"},
        {"Host": "other.example.com"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_another_header_is_another_request(world: World, headers: dict[str, str]) -> None:
    await world.ask("key", PLACES[0])
    await world.ask("key", PLACES[0], headers)
    assert world.warm.hits == 0


async def test_headers_that_no_answer_depends_on_do_not_matter(world: World) -> None:
    known = await world.ask("key", EXPERIMENTS)
    for name in sorted(IGNORED - {b"connection", b"content-length"}):
        assert await world.ask("key", EXPERIMENTS, {name.decode(): "other"}) == known
    assert world.warm.hits == len(IGNORED) - 2


async def test_a_refusal_is_decided_anew_each_time(world: World) -> None:
    for _ in range(3):
        assert (await world.ask("nobody", EXPERIMENTS)).status == 401
        assert b"errors" in (await world.ask("key", "{ nothing }")).body
    assert world.warm.hits == 0


async def test_warm_requests_count_against_the_limit_of_a_person() -> None:
    async with open_world(is_enforced=False, per_minute=5) as world:
        answers = [await world.ask("person", EXPERIMENTS) for _ in range(7)]
        assert [b"Too many requests" in one.body for one in answers] == [False] * 5 + [True] * 2
        assert world.warm.hits == 4


async def test_an_answer_that_gets_stale_says_so_at_once(world: World) -> None:
    assert b'"stale":false' in (await world.ask("key", COUNT)).body
    world.parts.clock.advance(timedelta(minutes=2).total_seconds() + 1)
    assert b'"stale":true' in (await world.ask("key", COUNT)).body
    assert world.warm.hits == 0


async def test_the_request_id_is_each_requests_own(world: World) -> None:
    await world.ask("key", COUNT)
    ids = set()
    for given_id in (None, None, "my-id_1", "not an id"):
        headers = {} if given_id is None else {"X-Request-ID": given_id}
        response, _ = await world.answer("key", COUNT, headers)
        ids.add(response.headers["X-Request-ID"])
    assert world.warm.hits == 4
    assert len(ids) == 4
    assert "my-id_1" in ids
    assert "not an id" not in ids


async def test_what_was_asked_twice_is_answered_without_being_parsed(world: World) -> None:
    for what in (COUNT, PLACES[0]):
        first = await world.ask("key", what)
        at_once = world.warm.hits_at_once
        answers = [await world.ask("key", what) for _ in range(4)]
        assert answers == [first] * 4
        assert world.warm.hits_at_once == at_once + 3


async def test_a_client_that_has_the_answer_is_told_so_without_being_parsed(world: World) -> None:
    tag = (await world.ask("key", PLACES[0])).headers["etag"]
    for _ in range(4):
        answer = await world.ask("key", PLACES[0], {"If-None-Match": tag})
        assert (answer.status, answer.body) == (304, b"")
    assert world.warm.hits_at_once == 2


async def test_every_request_is_counted_once_whatever_way_it_takes(world: World) -> None:
    for _ in range(6):
        await world.ask("key", COUNT)
    assert world.warm.hits_at_once == 4
    assert world.counted("/api/query") == 6


async def test_a_person_is_answered_without_being_parsed_up_to_their_limit() -> None:
    async with open_world(is_enforced=False, per_minute=6) as world:
        answers = [await world.ask("person", COUNT) for _ in range(8)]
        assert [b"Too many requests" in one.body for one in answers] == [False] * 6 + [True] * 2
        assert (world.warm.hits, world.warm.hits_at_once) == (5, 4)
        assert world.counted("/api/query") == 8


async def test_a_person_is_answered_without_being_parsed_as_long_as_the_token_holds() -> None:
    async with open_world(is_enforced=False) as world:
        world.sign_in(exp=int(world.parts.clock.now.timestamp()) + 20)
        known = await world.ask("person", COUNT)
        assert [await world.ask("person", COUNT) for _ in range(3)] == [known] * 3
        assert world.warm.hits_at_once == 2
        world.parts.clock.advance(20 + LEEWAY_SECONDS)
        assert b'"unauthenticated"' in (await world.ask("person", COUNT)).body
        assert world.warm.hits_at_once == 2


async def test_a_right_that_is_lost_is_lost_to_who_was_answered_without_being_parsed() -> None:
    async with open_world() as world:
        known = await world.ask("person", COUNT)
        assert [await world.ask("person", COUNT) for _ in range(3)] == [known] * 3
        assert world.warm.hits_at_once == 2
        await changed(world, "hide", 0)
        world.parts.clock.advance(VISIBLE_SECONDS)
        assert b'"project_unknown"' in (await world.ask("person", COUNT)).body
        assert world.warm.hits_at_once == 2


async def test_a_key_of_backstage_that_is_gone_ends_what_was_answered_without_being_parsed() -> None:
    async with open_world(is_enforced=False) as world:
        known, token = await world.ask("person", COUNT), world.token
        assert [await world.ask("person", COUNT) for _ in range(3)] == [known] * 3
        assert world.warm.hits_at_once == 2
        await changed(world, "rotate", 1)
        # The keys are read anew for who signed in since.
        world.sign_in(sub="user:default/bob")
        assert await world.ask("person", COUNT) == known
        world.token = token
        assert b'"unauthenticated"' in (await world.ask("person", COUNT)).body
        assert world.warm.hits_at_once == 2


async def test_a_long_answer_that_has_to_wait_for_others_is_counted_once() -> None:
    async with open_world(is_enforced=False, per_minute=6) as world:
        grow(world)
        known = [await world.ask("person", EXPERIMENTS) for _ in range(3)]
        assert SLICE_BYTES < len(known[0].body) < AT_ONCE_BYTES
        assert world.warm.hits_at_once == 1
        sending = Slices(bytes(UNSENT_BYTES))
        assert world.parts.app[SENDING_BUDGET].take(sending)
        waiting = asyncio.create_task(world.ask("person", EXPERIMENTS))
        in_progress = world.parts.app[SERVICES].phase.in_progress
        await eventually(lambda: in_progress[""] == 1)
        await sending.close()
        answers = [*known, await waiting, *[await world.ask("person", EXPERIMENTS) for _ in range(3)]]
        assert answers[:6] == [known[0]] * 6
        assert b"Too many requests" in answers[6].body


@pytest.mark.parametrize("who", ["key", "person", "both"])
async def test_a_traced_request_is_answered_without_being_parsed(world: World, who: str) -> None:
    bodies = set()
    for _ in range(5):
        own = world.own_headers()
        response, content = await world.answer(who, COUNT, own)
        assert response.headers["X-Request-ID"] == own["X-Request-ID"]
        bodies.add(content)
    assert len(bodies) == 1
    assert (world.warm.hits, world.warm.hits_at_once) == (4, 3)


@pytest.mark.parametrize(
    "odd",
    [{"X-Request-ID": "no id"}, {"X-Request-ID": ""}, {"traceparent": "own"}, {"tracestate": "x" * 600}],
    ids=["no id", "empty id", "no trace", "long state"],
)
async def test_a_request_with_something_odd_of_its_own_is_parsed(world: World, odd: dict[str, str]) -> None:
    known = await world.ask("key", COUNT)
    for _ in range(4):
        assert await world.ask("key", COUNT, odd) == known
    assert (world.warm.hits, world.warm.hits_at_once) == (4, 0)


async def test_each_answer_has_an_id_of_its_own_that_no_request_gave(world: World) -> None:
    ids = {(await world.answer("key", COUNT))[0].headers["X-Request-ID"] for _ in range(6)}
    assert len(ids) == 6
    assert world.warm.hits_at_once == 4


async def test_a_connection_is_never_taken_for_idle_while_it_is_asked() -> None:
    """aiohttp, which ends those, hears of a request every so often; with no time to wait, of each."""
    async with open_world(is_enforced=False, bounds=ConnectionLimits(idle_seconds=0.0)) as world:
        first = await world.ask("key", COUNT, {"Connection": "close"})
        for _ in range(5):
            assert await world.ask("key", COUNT, {"Connection": "close"}) == first
        assert (world.warm.hits, world.warm.hits_at_once) == (5, 0)


def sent_by_key(what: str, *, close: bool = False) -> bytes:
    content = body(what, {"projectID": PROJECT.project_id, "request": {}})
    name, value = next(iter(KEY.items()))
    last = "Connection: close\r\n" if close else ""
    head = (
        f"POST /api/query HTTP/1.1\r\nHost: here\r\n{name}: {value}\r\n{last}"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def test_however_requests_are_cut_into_pieces_each_gets_its_answer(world: World) -> None:
    one, other = sent_by_key(COUNT), sent_by_key(ENVIRONMENTS)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)

    async def asked(*pieces: bytes, answers: int = 1) -> list[bytes]:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return [(await read_answer(reader))[1] for _ in range(answers)]

    expected = [*await asked(one), *await asked(other)]
    for _ in range(3):
        assert [*await asked(one), *await asked(other)] == expected
    assert world.warm.hits_at_once == 4
    assert await asked(one[:30], one[30:-3], one[-3:]) == expected[:1]
    assert await asked(one, other, one, answers=3) == [*expected, expected[0]]
    assert await asked(one + other[:50], other[50:], answers=2) == expected
    for _ in range(3):
        assert [*await asked(one), *await asked(other)] == expected
    writer.close()


async def test_the_last_answer_of_a_connection_ends_it(world: World) -> None:
    sent = sent_by_key(COUNT, close=True)
    bodies = set()
    for _ in range(4):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(sent)
        head, content = await read_answer(reader)
        assert b"\r\nConnection: close\r\n" in head
        assert await reader.read() == b""
        bodies.add(content)
        writer.close()
    assert len(bodies) == 1
    assert world.warm.hits_at_once == 2


def odd(*lines: bytes, first: bytes = b"POST /api/query HTTP/1.1") -> bytes:
    """Return a query by a key whose head has these lines, too."""
    head, _, content = sent_by_key(COUNT).partition(b"\r\n\r\n")
    return b"\r\n".join((first, *head.split(b"\r\n")[1:], *lines)) + b"\r\n\r\n" + content


ODD: Final = {
    "key twice": odd(b"X-Litmus-Sidecar-Key: another-0123456789abcdef"),
    "length twice": odd(b"Content-Length: 7"),
    "space before colon": odd(b"X-Request-ID : a"),
    "folded id": odd(b"X-Request-ID: a", b" b"),
    "folded trace": odd(b"tracestate: a=1,", b" b=2"),
    "two ids": odd(b"X-Request-ID: a", b"x-request-id: b"),
    "id of a control character": odd(b"X-Request-ID: a\rb"),
    "spaced id": odd(b"X-Request-ID: \t a \t"),
    "longest id": odd(b"X-Request-ID: " + b"a" * 64),
    "id that is too long": odd(b"X-Request-ID: " + b"a" * 65),
    "names in capitals": odd(b"TRACESTATE: a=1", b"X-REQUEST-ID: a"),
    "proxies": odd(b"X-Forwarded-For: 192.0.2.1, 192.0.2.2", b"X-Forwarded-For: 192.0.2.3", b"Via: a, b"),
    "upgrade": odd(b"Connection: upgrade", b"Upgrade: websocket"),
    "last by a list": odd(b"Connection: X-Litmus-Sidecar-Key, close"),
    "last by the second": odd(b"Connection: keep-alive", b"Connection: close"),
    "line before": b"\r\n" + odd(),
    "whole address": odd(first=b"POST http://elsewhere/api/query HTTP/1.1"),
    "HTTP/1.0": odd(first=b"POST /api/query HTTP/1.0"),
    "60 kB": odd(*(b"X-%d: " % number + b"a" * 3_000 for number in range(20))),
    "long line": odd(b"X-A: " + b"a" * 33_000),
}


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD.keys())
async def test_a_head_however_odd_is_answered_as_on_the_usual_way(world: World, sent: bytes) -> None:
    async def answered(asked: bytes) -> tuple[list[bytes], bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(asked)
        head, content = await read_answer(reader)
        writer.close()
        # One of our ids is as good as any other; a given one is not.
        head = re.sub(rb"\r\nDate: [^\r]*|(?<=\r\nX-Request-ID: )[0-9a-f]{16}(?=\r)", b"", head)
        return sorted(head.split(b"\r\n")), content.partition(b'"requestID"')[0]

    usual = await answered(sent.replace(b"\r\nHost: ", b"\r\nRange: bytes=0-\r\nHost: "))
    assert [await answered(sent) for _ in range(4)] == [usual] * 4
