"""What becomes of tokens while people read: every answer holds data, whatever happens to the token."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.config import Config, parse_config
from sidecar.simulator import ScriptedFault, Simulator, World, open_simulator
from sidecar.simulator.documents import OWNER, VIEWER, Project, User
from sidecar.stewardship import TokenPace
from tests.replica.documents import EXPERIMENTS
from tests.store.postgres import PostgresServer, running_server
from tests.support.service import QUICK_SYNC, Service, catalog_text, eventually, open_service

NAMES: Final = ("cart", "shop", "till")
PACE: Final = TokenPace(
    file=timedelta(milliseconds=50),
    managed=timedelta(milliseconds=200),
    grace=timedelta(seconds=1.5),  # longer than a request is under way, also on a busy machine
    proof=timedelta(seconds=1),
)
DAY_MS: Final = 86_400_000


@dataclass
class Three:
    """A Litmus whose clock can be put forward, with three projects of one user."""

    simulator: Simulator
    user: User
    projects: dict[str, Project]
    directory: Path
    late: list[float] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.simulator.world

    def config(self, *, store: str | None = None, **source: Any) -> Config:
        """Return the configuration with this source of the token."""
        return parse_config(
            {
                "litmusSidecar": {
                    "instances": [{"name": "default", "baseUrl": self.simulator.url, **source}],
                    "catalog": {"files": [str(self.directory / "catalog-info.yaml")]},
                    "store": {"url": store or f"sqlite:///{self.directory / 'sidecar.db'}"},
                    "sync": {"maxRequestsPerSecond": 200, **QUICK_SYNC},
                }
            },
            directory=self.directory,
        )

    def managed(self, store: str | None = None) -> Config:
        return self.config(store=store, credentials={"username": "backstage", "password": "Litmus-1"})

    def listed(self) -> list[str]:
        return [row.token for row in self.world.api_tokens]

    def age_tokens(self) -> None:
        """Let four fifths and more of every token's life be over."""
        for row in self.world.api_tokens:
            row.created_at_ms -= 1000 * DAY_MS

    def made(self) -> int:
        return sum(request.path == "/auth/create_token" for request in self.simulator.requests)


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    late = [0.0]
    world = World(name="three", clock=lambda: time.time() + sum(late))
    user = world.add_user("backstage")
    alice = world.add_user("alice")
    projects = {name: world.add_project(name, owner=alice, members={user.user_id: OWNER}) for name in NAMES}
    for project in projects.values():
        infra = world.add_infra(project, world.add_environment(project, "prod"), "cluster")
        world.add_experiment(project, infra, "pod-delete")
    catalog = {name: project.project_id for name, project in projects.items()}
    (tmp_path / "catalog-info.yaml").write_text(catalog_text(catalog))
    async with open_simulator(world) as simulator:
        yield Three(simulator, user, projects, tmp_path, late)


class Readers:
    """Read everything all the time; a single answer without data fails the test."""

    def __init__(self, three: Three, service: Service) -> None:
        self._three = three
        self._service = service
        self.answers: Counter[str] = Counter()

    async def read(self) -> None:
        while True:
            for name, project in self._three.projects.items():
                overview = await self._service.get(f"/api/v1/entities/component/default/{name}/overview")
                assert overview.status == 200, await overview.text()
                body = json.dumps(
                    {"query": EXPERIMENTS, "variables": {"projectID": project.project_id, "request": {}}}
                )
                answer = await self._service.post(body)
                assert answer.status == 200, await answer.text()
                assert (await answer.json())["data"]["listExperiment"]["experiments"]
                self.answers[name] += 1
            await asyncio.sleep(0.05)


@asynccontextmanager
async def steadily_read(three: Three, config: Config) -> AsyncIterator[Service]:
    """Serve, and read all the time; what happens within is followed by at least one more reading of all."""
    async with open_service(config, token_pace=PACE) as service:
        await service.ready()
        await eventually(lambda: no_errors(service))
        readers = Readers(three, service)
        reading = asyncio.create_task(readers.read())
        try:
            yield service
            before = readers.answers["till"]
            await eventually(lambda: reading.done() or readers.answers["till"] > before + 1)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading


async def readiness(service: Service) -> Any:
    return await (await service.get("/readyz")).json()


async def token_state(service: Service) -> Any:
    return (await readiness(service))["instances"]["default"]["token"]


async def has_state(service: Service, state: str) -> bool:
    return bool((await token_state(service))["state"] == state)


async def codes(service: Service, name: str | None = None, three: Three | None = None) -> set[str]:
    """Return the codes of all failing sections, of one project or all."""
    projects = (await readiness(service))["projects"]
    wanted = three.projects[name].project_id if three is not None and name is not None else ""
    return {
        error["code"]
        for project, told in projects.items()
        if wanted in project
        for error in told["errors"].values()
    }


async def no_errors(service: Service) -> bool:
    ready = await readiness(service)
    return ready["status"] == "ok" and not any(told["errors"] for told in ready["projects"].values())


async def test_a_revoked_token_is_told_and_costs_no_reader_anything(three: Three) -> None:
    token = three.world.issue_token(three.user)
    async with steadily_read(three, three.config(token=token)) as service:
        three.simulator.faults.add(ScriptedFault(root_field="listExperiment", delay_seconds=0.2))
        three.world.revoke_token(token)

        await eventually(lambda: has_state(service, "rejected"))
        await eventually(lambda: is_in("token_revoked", service))
        ready = await readiness(service)

    assert ready["status"] == "degraded"
    assert token[:12] not in json.dumps(ready)


async def is_in(code: str, service: Service) -> bool:
    return code in await codes(service)


async def test_an_expired_token_is_told_and_costs_no_reader_anything(three: Three) -> None:
    token = three.world.issue_token(three.user)
    async with steadily_read(three, three.config(token=token)) as service:
        three.late.append(31 * 86_400.0)
        await eventually(lambda: has_state(service, "rejected"))
        await eventually(lambda: is_in("token_rejected", service))


async def has_role(service: Service, role: str) -> bool:
    """Tell whether readiness and metrics tell this role of our token in every project."""
    ready = await (await service.get("/readyz")).json()
    told = [project["tokenRole"] for project in ready["projects"].values()]
    metrics = await (await service.get("/metrics")).text()
    lines = [line for line in metrics.splitlines() if line.startswith("litmus_sidecar_token_role{")]
    return told == [role] * 3 and len(lines) == 3 and all(f'role="{role}"' in line for line in lines)


async def test_a_demoted_user_goes_on_to_read(three: Three) -> None:
    async with steadily_read(three, three.config(token=three.world.issue_token(three.user))) as service:
        for project in three.projects.values():
            three.world.set_role(project, three.user, VIEWER)
        three.simulator.clear()
        await eventually(lambda: three.simulator.asked("getGitOpsDetails") >= 3)
        await eventually(lambda: no_errors(service))
        assert await has_state(service, "good")
        await eventually(lambda: has_role(service, "Viewer"))


async def test_a_user_taken_out_of_one_project_loses_news_of_that_one_alone(three: Three) -> None:
    async with steadily_read(three, three.config(token=three.world.issue_token(three.user))) as service:
        three.world.set_role(three.projects["shop"], three.user, None)
        await eventually(lambda: is_in("upstream_denied", service))
        assert await codes(service, "shop", three) == {"upstream_denied"}
        assert await codes(service, "cart", three) == set()
        assert await codes(service, "till", three) == set()
        assert await has_state(service, "good")


async def test_a_good_token_in_the_file_takes_over_from_a_revoked_one(three: Three) -> None:
    path = three.directory / "token"
    old = three.world.issue_token(three.user)
    path.write_text(old)
    async with steadily_read(three, three.config(tokenFile=str(path))) as service:
        three.world.revoke_token(old)
        await eventually(lambda: is_in("token_revoked", service))

        path.write_text(three.world.issue_token(three.user, days=20) + "\n")

        await eventually(lambda: no_errors(service))
        assert await has_state(service, "good")


async def test_a_bad_token_in_the_file_changes_nothing_but_what_is_told(three: Three) -> None:
    path = three.directory / "token"
    path.write_text(three.world.issue_token(three.user))
    bad = three.world.issue_token(three.user, days=0)
    async with steadily_read(three, three.config(tokenFile=str(path))) as service:
        known = await token_state(service)
        path.write_text(bad)
        await eventually(lambda: tells_problem(service))

        three.simulator.clear()
        await eventually(lambda: three.simulator.asked("listExperiment") >= 6)
        assert await codes(service) == set()
        told = await token_state(service)
        assert (told["state"], told["id"]) == ("good", known["id"])
        assert bad[:12] not in json.dumps(told)


async def tells_problem(service: Service) -> bool:
    return (await token_state(service))["problem"] is not None


async def test_kubernetes_swaps_the_file_under_readers_without_a_failed_synchronisation(three: Three) -> None:
    old, new = three.world.issue_token(three.user), three.world.issue_token(three.user, days=20)
    for name, token in (("..old", old), ("..new", new)):
        (three.directory / name).mkdir()
        (three.directory / name / "token").write_text(token)
    (three.directory / "..data").symlink_to("..old")
    path = three.directory / "token"
    path.symlink_to("..data/token")
    async with steadily_read(three, three.config(tokenFile=str(path))) as service:
        first = (await token_state(service))["id"]
        (three.directory / "..tmp").symlink_to("..new")
        (three.directory / "..tmp").rename(three.directory / "..data")
        await eventually(lambda: uses_other(service, first))
        three.world.revoke_token(old)
        three.simulator.clear()
        await eventually(lambda: three.simulator.asked("listExperiment") >= 6)
        assert await no_errors(service)


async def uses_other(service: Service, token_id: str) -> bool:
    told = await token_state(service)
    return told["id"] not in {token_id, None} and told["state"] == "good"


async def test_a_managed_token_is_renewed_without_a_failed_synchronisation(three: Three) -> None:
    async with steadily_read(three, three.managed()) as service:
        (first,) = three.listed()
        three.age_tokens()
        with watching(service) as seen:
            await eventually(lambda: first in three.world.revoked_tokens)
        assert seen() == set()
        (second,) = three.listed()
        assert second != first
        assert await no_errors(service)
        metrics = await (await service.get("/metrics")).text()
        assert 'litmus_sidecar_token_rotations_total{instance="default",outcome="created"} 2.0' in metrics
        assert 'litmus_sidecar_token_state{instance="default",state="good"} 1.0' in metrics
        assert "litmus_sidecar_token_expiry_timestamp_seconds{" in metrics


@contextlib.contextmanager
def watching(service: Service) -> Iterator[Callable[[], set[str]]]:
    """Collect the codes of all failed synchronisations while the context is open."""

    def failures() -> Counter[str]:
        found: Counter[str] = Counter()
        for family in service.services.metrics.registry.collect():
            for sample in family.samples:
                if sample.name == "litmus_sidecar_sync_attempts_total":
                    found[sample.labels["outcome"]] += int(sample.value)
        return found

    before = failures()
    yield lambda: {code for code in failures() - before if code != "ok"}


@pytest.mark.parametrize("how", ["revoked", "expired"])
async def test_a_managed_token_that_is_lost_is_replaced_at_once(three: Three, how: str) -> None:
    async with steadily_read(three, three.managed()) as service:
        (first,) = three.listed()
        if how == "revoked":
            three.world.revoke_token(first)
        else:
            three.late.append(31 * 86_400.0)
        await eventually(lambda: three.listed() != [first] and len(three.listed()) == 1)
        await eventually(lambda: no_errors(service))
        assert three.made() == 2


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shared.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


async def test_two_replicas_renew_once_and_revoke_the_predecessor(three: Three, shared_store: str) -> None:
    config = three.managed(store=shared_store)
    async with steadily_read(three, config) as one, steadily_read(three, config) as two:
        assert three.made() == 1
        (first,) = three.listed()
        three.age_tokens()
        with watching(one) as seen_by_one, watching(two) as seen_by_two:
            await eventually(lambda: first in three.world.revoked_tokens)
            assert three.made() == 2
            (second,) = three.listed()
            assert second != first
            assert (await token_state(one))["id"] == (await token_state(two))["id"]
        assert seen_by_one() | seen_by_two() == set()
        assert await no_errors(one)
        assert await no_errors(two)


def switches(service: Service) -> set[str]:
    """Return what came of looking after tokens so far: ``created``, ``adopted`` or codes of errors."""
    family = service.services.metrics.token_rotations
    return {
        sample.labels["outcome"]
        for metric in family.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.value
    }


async def test_two_replicas_that_start_together_make_one_token_and_leave_each_other_signed_in(
    three: Three, shared_store: str
) -> None:
    config = three.managed(store=shared_store)
    three.late.append(1 - time.time() % 1)  # a second of Litmus's begins: both sign in within it if they may
    async with contextlib.AsyncExitStack() as stack:
        both = await asyncio.gather(
            *(stack.enter_async_context(open_service(config, token_pace=PACE)) for _ in range(2))
        )
        for service in both:
            await service.ready()
            await eventually(partial(has_state, service, "good"))
        assert three.made() == 1
        assert len(three.listed()) == 1
        outcomes = [switches(service) for service in both]
        assert set().union(*outcomes) == {"created", "adopted"}
        assert len({(await token_state(service))["id"] for service in both}) == 1
    sessions = three.world.session_tokens
    assert len(set(sessions)) == len(sessions) == 2


async def test_rotating_by_hand_gives_a_new_token_and_the_old_one_up(three: Three) -> None:
    async with steadily_read(three, three.managed()) as service:
        (first,) = three.listed()
        path = service.url("/api/v1/instances/default/tokens/rotate")
        async with service.session.post(
            path, data="{}", headers={"Content-Type": "application/json"}
        ) as done:
            assert done.status == 200, await done.text()
        await eventually(lambda: first in three.world.revoked_tokens)
        assert len(three.listed()) == 1
        assert await no_errors(service)


async def test_the_next_start_adopts_the_token_of_the_last(three: Three) -> None:
    config = three.managed()
    for _ in range(2):
        async with steadily_read(three, config):
            pass
    assert three.made() == 1
    assert len(three.listed()) == 1


async def test_links_open_the_account_of_the_managed_token(three: Three) -> None:
    async with steadily_read(three, three.managed()) as service:
        content = await service.get("/api/v1/entities/component/default/cart/overview")
        assert f"/account/{three.user.user_id}/" in await content.text()


async def test_without_a_first_token_readers_are_told_why(three: Three) -> None:
    three.user.initial_login = True
    async with open_service(three.managed(), token_pace=PACE, wait_seconds=0.5) as service:
        await eventually(lambda: has_state(service, "missing"))
        told = await token_state(service)
        assert "set a new password" in told["problem"]
        three.user.initial_login = False
        await eventually(lambda: no_errors(service))
