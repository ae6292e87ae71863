"""Whatever Litmus answers, on whatever route, is an error of that request in words of our own."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.action import Change
from sidecar.domain.errors import UpstreamError
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.acting import LitmusActor
from sidecar.litmus.tokens.accounts import LitmusAccounts
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import LitmusClient, open_litmus_client
from sidecar.litmus.wire import documents
from sidecar.litmus.wire.auth import (
    LoginAnswer,
    TokenRows,
    UserAnswer,
    failure_code,
    read_login,
    read_projects,
    read_role,
    reader,
)
from sidecar.litmus.wire.documents import Query, document, pagination
from sidecar.litmus.wire.responses import Reply
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import World, open_simulator
from sidecar.simulator.documents import OWNER
from tests.support.malformed import (
    MALADIES,
    MARK,
    SCALARS,
    SickNeighbour,
    arrays,
    open_sick_neighbour,
    places,
    replaced,
    with_values,
)

pytestmark = pytest.mark.service

Call = Callable[[], Awaitable[object]]
FAST: Final = (documents.EXPERIMENTS, documents.RUN_STATS, documents.INFRAS, documents.ENVIRONMENTS)


@dataclass(frozen=True)
class Sick:
    """A Litmus with a project, a sick neighbour before it, and the names of what it has."""

    neighbour: SickNeighbour
    token: LitmusToken
    project_id: str
    experiment_id: str
    variables: Mapping[str, Any]

    def calls(self, client: LitmusClient) -> Mapping[str, Call]:
        """Return a call for every route and document that the sidecar asks."""
        auth, actor, token = LitmusAuth(client), LitmusActor(client), self.token
        uid = token.claims.uid if token.claims is not None and token.claims.uid is not None else ""

        def asked(*queries: Query[Any]) -> Call:
            async def ask() -> object:
                answer = await client.ask(queries, self.variables, 10)
                return [answer.value(query) for query in queries if query.field in answer.values]

            return ask

        async def spare() -> object:
            return await auth.create_token(token, uid, "spare", 1)

        return {
            "fast": asked(*FAST),
            **{query.field: asked(query) for query in documents.READ_QUERIES},
            "find": lambda: actor.find_experiment(self.project_id, self.experiment_id),
            "run": lambda: actor.change(Change.RUN_EXPERIMENT, self.project_id, self.experiment_id),
            "stop": lambda: actor.change(
                Change.STOP_RUN, self.project_id, self.experiment_id, {"experimentRunID": "r-1"}
            ),
            "switch": lambda: actor.change(
                Change.SWITCH_SCHEDULE, self.project_id, self.experiment_id, {"disable": True}
            ),
            "role": lambda: client.project_role(self.project_id, 10),
            "role of another": lambda: auth.project_role(token, self.project_id),
            "login": lambda: auth.login("backstage", "Litmus-1"),
            "tokens": lambda: auth.list_tokens(token, uid),
            "user": lambda: auth.get_user(token, uid),
            "projects": lambda: auth.list_projects(token),
            "rights": lambda: LitmusAccounts(auth, None).rights(token.reveal()),  # type: ignore[arg-type]
            "create": spare,
            "remove": lambda: auth.remove_token(token, uid, LitmusToken("none")),
            "logout": lambda: auth.logout(LitmusToken("none")),
        }

    @asynccontextmanager
    async def client(self, patience_seconds: float = 10.0) -> AsyncIterator[LitmusClient]:
        async with open_litmus_client(
            base_url=self.neighbour.url,
            token=lambda: self.token,
            max_requests_per_second=10_000,
            longest_pause_seconds=0.0,
            patience_seconds=patience_seconds,
            max_answer_bytes=4 * 1024 * 1024,
        ) as client:
            yield client


@pytest.fixture
async def sick() -> AsyncIterator[Sick]:
    world = World(name="sick")
    user = world.add_user("backstage")
    project = world.add_project("shop", owner=world.add_user("alice"), members={user.user_id: OWNER})
    infra = world.add_infra(project, world.add_environment(project, "prod"), "cluster")
    experiment = world.add_experiment(project, infra, "kill", cron="0 3 * * *")
    world.start_run(experiment, username="alice")
    token = world.issue_token(user)
    async with open_simulator(world) as simulator, open_sick_neighbour(simulator.url) as neighbour:
        paged = pagination(0, 10)
        variables = {
            "projectID": project.project_id,
            **dict.fromkeys(("experiments", "infras", "environments", "runs", "manifests"), paged),
        }
        yield Sick(neighbour, LitmusToken(token), project.project_id, experiment.experiment_id, variables)


@pytest.mark.parametrize("name", MALADIES)
async def test_no_malady_on_any_route_raises_anything_but_our_own_errors(sick: Sick, name: str) -> None:
    sick.neighbour.malady = MALADIES[name]
    async with sick.client(0.2 if name == "drip" else 10.0) as client:
        for route, call in sick.calls(client).items():
            result = await outcome_of(call)
            # What is taken for good can go on into any answer of ours.
            said = str(result) if isinstance(result, UpstreamError) else ""
            assert MARK not in said, route
            assert sick.token.reveal() not in said, route
            assert len(msgspec.json.encode(result, enc_hook=repr)) < 4_000_000, route
    assert sick.neighbour.struck["/api/query"] > 0
    assert sick.neighbour.struck["/auth/get_project_role"] > 0


async def outcome_of(call: Call) -> object:
    """Return what a call brought, or the error that is ours."""
    try:
        return await call()
    except UpstreamError as exc:
        return exc


async def test_when_it_is_well_again_every_route_is_answered(sick: Sick) -> None:
    sick.neighbour.malady = MALADIES["deep arrays"]
    async with sick.client() as client:
        calls = sick.calls(client)
        for call in calls.values():
            with pytest.raises(UpstreamError):
                await call()
        sick.neighbour.malady = None
        for route in ("fast", "role", "listExperimentRun", "tokens", "projects", "user", "login", "rights"):
            await calls[route]()
        assert await calls["role"]() == "Owner"


@pytest.mark.parametrize("answer", [b'{"role":"\xff"}', with_values(b'{"role":0}', arrays())])
def test_a_role_that_cannot_be_read_is_an_error_of_its_request(answer: bytes) -> None:
    with pytest.raises(UpstreamError):
        read_role(reply(answer))


def reply(body: bytes) -> Reply:
    return Reply(status=200, content_type="application/json", body=body)


async def good_answers(sick: Sick) -> Mapping[str, Any]:
    """Return what the simulator answers to each document that reads."""
    answers = {}
    headers = {"Authorization": f"Bearer {sick.token.reveal()}"}
    async with aiohttp.ClientSession() as session:
        for query in documents.READ_QUERIES:
            body = {"query": document([query]), "variables": sick.variables}
            async with session.post(
                f"{sick.neighbour.url}/api/query", json=body, headers=headers
            ) as response:
                answers[query.field] = (await response.json(content_type=None))["data"][query.field]
    return answers


def is_sane(read: Callable[[bytes], object], body: bytes) -> bool:
    """Tell whether the reading was refused as unreadable, or brought what can be stored and shown."""
    try:
        result = read(body)
    except UNREADABLE:
        return True
    except UpstreamError:
        return True
    return b"\\ud8" not in msgspec.json.encode(result, enc_hook=repr)


async def test_every_value_of_every_type_at_every_place_is_read_or_refused(sick: Sick) -> None:
    answers = await good_answers(sick)
    seen = 0
    for query in documents.READ_QUERIES:
        content = answers[query.field]
        for place in places(content):
            for value in SCALARS:
                assert is_sane(query.read, json.dumps(replaced(content, place, value)).encode())
                seen += 1
    assert seen > 1_000


REST: Final[Mapping[str, tuple[Callable[[Reply], object], Any]]] = {
    "login": (read_login, {"accessToken": "a.b.c", "type": "Bearer", "expiresIn": 86400}),
    "new token": (reader(LoginAnswer, "the token"), {"accessToken": "a.b.c"}),
    "user": (
        reader(UserAnswer, "the account"),
        {"userID": "u", "username": "n", "role": "user", "isInitialLogin": False, "deactivatedAt": 1},
    ),
    "tokens": (
        reader(TokenRows, "tokens"),
        {"apiTokens": [{"token": "a", "name": "b", "created_at": 1, "expires_at": 2}]},
    ),
    "role": (read_role, {"role": "Owner"}),
    "projects": (
        read_projects,
        {
            "data": {
                "projects": [
                    {"projectID": "p", "name": "n", "members": [{"userID": "u", "role": "Owner"}]},
                ],
                "totalNumberOfProjects": 1,
            }
        },
    ),
    "projects of 3.9": (read_projects, {"data": [{"projectID": "p", "members": None}]}),
    "failure": (failure_code, {"error": "unauthorized", "errorDescription": "x"}),
}


@pytest.mark.parametrize("name", REST)
def test_so_it_is_with_every_answer_of_the_auth_server(name: str) -> None:
    read, content = REST[name]
    for place in places(content):
        for value in (*SCALARS, "\ud800", 10**400):
            body = json.dumps(replaced(content, place, value)).encode()
            assert is_sane(lambda body: read(reply(body)), body)


@given(st.sampled_from(sorted(REST)), st.data())
def test_bytes_changed_at_random_are_read_or_refused_too(name: str, data: st.DataObject) -> None:
    read, content = REST[name]
    body = bytearray(json.dumps(content).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(start + 8, len(body))))
        body[start:end] = data.draw(st.binary(max_size=4) | st.sampled_from([b"[" * 5_000, b"9" * 5_000]))
    assert is_sane(lambda body: read(reply(body)), bytes(body))


@pytest.mark.parametrize("name", ["experimentID", "experimentRunID", "infraID"])
def test_an_id_longer_than_any_database_indexes_fails_its_section(name: str) -> None:
    rows = {"totalNoOfExperimentRuns": 1, "experimentRuns": [{"experimentID": "e", name: "x" * 1_000_000}]}
    read: Callable[[bytes], object] = documents.RUNS.read
    if name == "infraID":
        rows = {"totalNoOfInfras": 1, "infras": [{"infraID": "x" * 1_000_000}]}
        read = documents.INFRAS.read
    with pytest.raises(msgspec.ValidationError):
        read(json.dumps(rows).encode())


def test_of_endless_texts_and_lists_a_part_is_kept() -> None:
    row = {
        "experimentID": "e",
        "name": "n" * 1_000_000,
        "cronSyntax": "* " * 500_000,
        "description": "d" * 1_000_000,
        "tags": ["t" * 10_000] * 10_000,
    }
    page = documents.EXPERIMENTS.read(json.dumps({"totalNoOfExperiments": 1, "experiments": [row]}).encode())
    (experiment,) = page.items
    assert len(experiment.name) == len(experiment.cron_syntax) == 1_024
    assert len(experiment.description or "") == 16_384
    assert len(experiment.tags) == 1_000
    assert {len(tag) for tag in experiment.tags} == {1_024}


def test_a_list_longer_than_any_page_fails_its_section() -> None:
    body = b'{"totalNoOfExperiments":1,"experiments":[' + b"null," * 1_000_000 + b"null]}"
    with pytest.raises(msgspec.ValidationError):
        documents.EXPERIMENTS.read(body)
