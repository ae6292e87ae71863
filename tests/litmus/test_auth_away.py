"""While Litmus's auth server is away, little is left hanging in Litmus, no mutation is, and hubs go on."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pytest

from sidecar.domain.action import Change
from sidecar.domain.errors import (
    UpstreamAuthAwayError,
    UpstreamError,
    UpstreamPausedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from sidecar.litmus.acting import LitmusActor, send_change
from sidecar.litmus.transport.auth_availability import MAX_UNCONFIRMED
from sidecar.litmus.transport.breaker import BreakerState
from sidecar.litmus.transport.client import LitmusClient, open_litmus_client
from sidecar.litmus.wire.documents import HUBS, RUN_STATS, SERVER_VERSION
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import ScriptedFault, Simulator, World, open_simulator
from sidecar.simulator.documents import EXECUTOR, Experiment
from tests.litmus.support import Observed
from tests.support.service import eventually

IN_FLIGHT: Final = 4
SHORT_SECONDS: Final = 0.2
"""Passes for what hangs; everything that answers gets :data:`LONG_SECONDS`."""
LONG_SECONDS: Final = 60.0


@dataclass(kw_only=True)
class Shop:
    """A project on a simulated Litmus."""

    litmus: Simulator
    token: str
    project_id: str
    experiment: Experiment

    @asynccontextmanager
    async def client(
        self, observed: Observed | None = None, *, patience_seconds: float = math.inf
    ) -> AsyncIterator[LitmusClient]:
        async with open_litmus_client(
            base_url=self.litmus.url,
            token=lambda: LitmusToken(self.token),
            max_in_flight=IN_FLIGHT,
            max_requests_per_second=10_000,
            longest_pause_seconds=SHORT_SECONDS,
            observe=observed,
            patience_seconds=patience_seconds,
        ) as client:
            yield client

    @property
    def variables(self) -> dict[str, Any]:
        return {"projectID": self.project_id}

    async def stats(
        self, client: LitmusClient, timeout_seconds: float = SHORT_SECONDS
    ) -> type[Exception] | None:
        """Ask for what needs the auth server; return the class of the error."""
        try:
            await client.run(RUN_STATS, self.variables, timeout_seconds)
        except UpstreamError as exc:
            return type(exc)
        return None

    async def is_refused(self, client: LitmusClient) -> bool:
        return await self.stats(client) is UpstreamAuthAwayError

    def sent_documents(self) -> int:
        return self.litmus.asked("getExperimentRunStats")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    world = World(name="shop")
    robot = world.add_user("robot")
    project = world.add_project("shop", owner=world.add_user("alice"), members={robot.user_id: EXECUTOR})
    environment = world.add_environment(project, "staging")
    infra = world.add_infra(project, environment, "cluster")
    experiment = world.add_experiment(project, infra, "outage")
    async with open_simulator(world) as litmus:
        yield Shop(
            litmus=litmus,
            token=world.issue_token(robot),
            project_id=project.project_id,
            experiment=experiment,
        )


async def test_five_clients_leave_a_few_requests_hanging_however_often_they_are_asked(shop: Shop) -> None:
    shop.litmus.auth_away = True
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(shop.client()) for _ in range(5)]
        for _ in range(10):
            await asyncio.gather(*(shop.stats(client) for client in clients for _ in range(8)))

    assert 0 < shop.litmus.most_hanging <= 5 * IN_FLIGHT


async def test_what_was_under_way_when_the_auth_server_died_is_the_most_that_hangs(shop: Shop) -> None:
    async with shop.client() as client:
        assert await shop.stats(client, LONG_SECONDS) is None
        shop.litmus.auth_away = True
        for _ in range(10):
            await shop.stats(client)

        assert 0 < shop.litmus.hanging <= MAX_UNCONFIRMED
        assert await shop.stats(client) in {UpstreamAuthAwayError, UpstreamPausedError}


async def test_answers_of_hubs_do_not_hide_that_the_auth_server_is_away(shop: Shop) -> None:
    shop.litmus.auth_away = True
    async with shop.client() as client:
        for _ in range(10):
            await shop.stats(client)
            await client.run(HUBS, shop.variables, LONG_SECONDS)
            await client.run(SERVER_VERSION, {}, LONG_SECONDS)

        assert client.breaker.state is not BreakerState.CLOSED
        assert client.breaker.opened_at is not None
        assert 0 < shop.litmus.hanging <= MAX_UNCONFIRMED


async def test_no_mutation_is_sent_while_the_auth_server_is_away_and_none_is_done_later(shop: Shop) -> None:
    shop.litmus.auth_away = True
    async with shop.client() as client:
        actor = LitmusActor(client)
        for _ in range(5):
            with pytest.raises(UpstreamUnavailableError) as caught:
                await actor.change(Change.RUN_EXPERIMENT, shop.project_id, shop.experiment.experiment_id)
            assert isinstance(caught.value, UpstreamAuthAwayError | UpstreamPausedError)
        shop.litmus.auth_away = False
        await eventually(lambda: shop.litmus.hanging == 0)

    assert shop.litmus.asked("runChaosExperiment") == 0
    assert shop.litmus.world.runs == []


async def test_the_look_before_a_mutation_does_not_hang_either(shop: Shop) -> None:
    shop.litmus.auth_away = True
    async with shop.client() as client:
        with pytest.raises(UpstreamAuthAwayError):
            await LitmusActor(client).find_experiment(shop.project_id, shop.experiment.experiment_id)

    assert shop.litmus.most_hanging == 0


async def test_the_sentence_says_that_nothing_was_sent(shop: Shop) -> None:
    shop.litmus.auth_away = True
    async with shop.client() as client:
        with pytest.raises(UpstreamAuthAwayError, match="nothing was sent") as caught:
            await send_change(client, Change.RUN_EXPERIMENT, shop.project_id, shop.experiment.experiment_id)

    assert caught.value.code == "upstream_auth_away"


async def test_a_mutation_is_sent_once_the_auth_server_answered(shop: Shop) -> None:
    async with shop.client() as client:
        await send_change(client, Change.RUN_EXPERIMENT, shop.project_id, shop.experiment.experiment_id)

    assert [request.path for request in shop.litmus.requests] == ["/auth/readiness", "/api/query"]
    assert len(shop.litmus.world.runs) == 1


async def test_a_mutation_is_not_sent_while_the_auth_server_keeps_silent(shop: Shop) -> None:
    shop.litmus.faults.add(ScriptedFault(path="/auth/readiness", never_answer=True))
    async with shop.client(patience_seconds=SHORT_SECONDS) as client:
        with pytest.raises(UpstreamAuthAwayError):
            await send_change(client, Change.RUN_EXPERIMENT, shop.project_id, shop.experiment.experiment_id)

    assert shop.litmus.asked("runChaosExperiment") == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, '{"error":"Invalid origin"}'), (404, "404 page not found"), (500, '{"error":"server_error"}')],
)
async def test_any_word_of_the_auth_server_or_of_no_auth_server_lets_a_mutation_pass(
    shop: Shop, status: int, body: str
) -> None:
    shop.litmus.faults.add(ScriptedFault(path="/auth/readiness", status=status, body=body))
    async with shop.client() as client:
        await send_change(client, Change.RUN_EXPERIMENT, shop.project_id, shop.experiment.experiment_id)

    assert len(shop.litmus.world.runs) == 1


async def test_what_was_left_alone_is_tried_again_by_a_question_to_the_auth_server(shop: Shop) -> None:
    observed = Observed()
    shop.litmus.auth_away = True
    async with shop.client(observed) as client:
        await eventually(partial(shop.is_refused, client))
        sent = shop.sent_documents()

        async def asked_again() -> bool:
            await shop.stats(client)
            return observed.calls.count(("authReadiness", "upstream_auth_away")) >= 3

        await eventually(asked_again)
        assert shop.sent_documents() == sent
        shop.litmus.auth_away = False

        async def is_answered() -> bool:
            return await shop.stats(client, LONG_SECONDS) is None

        await eventually(is_answered)
        assert client.breaker.state is BreakerState.CLOSED


async def test_a_slow_litmus_whose_auth_server_lives_is_asked_on(shop: Shop) -> None:
    shop.litmus.faults.add(ScriptedFault(root_field="getExperimentRunStats", never_answer=True, times=None))
    async with shop.client() as client:
        for _ in range(MAX_UNCONFIRMED):
            assert await shop.stats(client) is UpstreamTimeoutError
        shop.litmus.faults.clear()

        assert await shop.stats(client, LONG_SECONDS) is None
        assert await shop.stats(client, LONG_SECONDS) is None

    assert sum(request.path == "/auth/readiness" for request in shop.litmus.requests) == 1


async def test_a_litmus_that_answers_is_never_asked_for_its_auth_server(shop: Shop) -> None:
    async with shop.client() as client:
        for _ in range(10):
            assert await asyncio.gather(*(shop.stats(client, LONG_SECONDS) for _ in range(2))) == [None, None]

    assert {request.path for request in shop.litmus.requests} == {"/api/query"}


async def test_a_client_that_leaves_counts_for_what_it_left(shop: Shop) -> None:
    shop.litmus.auth_away = True
    async with shop.client() as client:
        for count in range(1, MAX_UNCONFIRMED + 1):
            asking = asyncio.create_task(shop.stats(client, LONG_SECONDS))
            await eventually(lambda count=count: shop.litmus.hanging == count)  # type: ignore[misc]
            asking.cancel()
            await asyncio.wait([asking])

        assert await shop.stats(client) is UpstreamAuthAwayError
        assert shop.litmus.hanging == MAX_UNCONFIRMED
