"""A token is rejected only where both servers of Litmus say so; trouble of its database is an outage."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from sidecar.domain.action import Change
from sidecar.domain.errors import (
    TokenRejectedError,
    TokenRevokedError,
    UpstreamError,
    UpstreamUnavailableError,
)
from sidecar.domain.ports import TokenState
from sidecar.litmus.acting import LitmusActor
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.tokens.probe import check
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import LitmusClient, open_litmus_client
from sidecar.litmus.wire.documents import ENVIRONMENTS, HUBS, RUN_STATS, Query, pagination
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import ScriptedFault, Simulator, World, open_simulator
from sidecar.simulator.documents import EXECUTOR, User
from tests.litmus.tokens import Clock
from tests.support.service import eventually

INVALID = '{"errors":[{"message":"invalid Token","path":["listEnvironments"]}],"data":null}'
UNAUTHORIZED = '{"error":"unauthorized","errorDescription":"not you"}'
NO_USER = '{"error":"user does not exist","errorDescription":""}'
DOWN = '{"database":"down","collections":"down"}'


@dataclass(kw_only=True)
class Shop:
    """A project on a simulated Litmus, and the client that is told of its token."""

    litmus: Simulator
    robot: User
    clock: Clock
    holder: TokenHolder
    client: LitmusClient
    auth: LitmusAuth
    project_id: str

    async def error_of(self, query: Query[Any] = RUN_STATS) -> UpstreamError:
        variables = {"projectID": self.project_id, "environments": pagination(0, 10)}
        with pytest.raises(UpstreamError) as caught:
            await self.client.run(query, variables, 30)
        return caught.value

    @property
    def token(self) -> LitmusToken:
        return self.holder.current()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    clock = Clock()
    world = World(name="shop", clock=clock)
    robot = world.add_user("robot")
    project = world.add_project("shop", owner=world.add_user("alice"), members={robot.user_id: EXECUTOR})
    holder = TokenHolder("default", "token", clock.now, LitmusToken(world.issue_token(robot)))
    async with (
        open_simulator(world) as litmus,
        open_litmus_client(
            base_url=litmus.url, token=holder.current, observer=holder, max_requests_per_second=10_000
        ) as client,
    ):
        yield Shop(
            litmus=litmus,
            robot=robot,
            clock=clock,
            holder=holder,
            client=client,
            auth=LitmusAuth(client),
            project_id=project.project_id,
        )


@pytest.mark.parametrize("query", [RUN_STATS, ENVIRONMENTS, HUBS], ids=lambda query: query.field)
async def test_an_unreadable_key_is_an_outage_and_the_token_is_kept(shop: Shop, query: Query[Any]) -> None:
    shop.litmus.key_unreadable = True

    error = await shop.error_of(query)

    assert isinstance(error, UpstreamUnavailableError)
    assert "database" in str(error)
    assert shop.holder.state is TokenState.UNPROVEN


async def test_a_401_of_the_auth_server_for_a_good_token_is_an_outage(shop: Shop) -> None:
    shop.litmus.key_unreadable = True

    with pytest.raises(UpstreamUnavailableError):
        await shop.auth.get_user(shop.token, shop.robot.user_id)
    with pytest.raises(UpstreamUnavailableError):
        await shop.client.project_role(shop.project_id, 30)
    await check(shop.auth, shop.holder)
    assert shop.holder.state is TokenState.UNPROVEN


async def test_a_mutation_that_litmus_could_not_check_was_not_done(shop: Shop) -> None:
    shop.litmus.key_unreadable = True

    with pytest.raises(UpstreamUnavailableError) as caught:
        await LitmusActor(shop.client).change(Change.RUN_EXPERIMENT, shop.project_id, "e-1")

    assert caught.value.code == "upstream_unavailable"  # and not that the answer was lost


async def test_a_401_that_passes_is_not_believed(shop: Shop) -> None:
    shop.litmus.faults.add(
        ScriptedFault(path=f"/auth/get_user/{shop.robot.user_id}", status=401, body=UNAUTHORIZED)
    )

    with pytest.raises(UpstreamUnavailableError, match="does not confirm"):
        await shop.auth.get_user(shop.token, shop.robot.user_id)


async def test_a_token_that_graphql_alone_calls_invalid_is_kept(shop: Shop) -> None:
    shop.litmus.faults.add(ScriptedFault(root_field="listEnvironments", body=INVALID))

    assert isinstance(await shop.error_of(ENVIRONMENTS), UpstreamUnavailableError)
    assert shop.holder.state is TokenState.UNPROVEN


async def test_a_user_who_cannot_be_found_while_the_database_is_down_is_not_gone(shop: Shop) -> None:
    shop.litmus.faults.add(
        ScriptedFault(path=f"/auth/get_user/{shop.robot.user_id}", status=400, body=NO_USER)
    )
    shop.litmus.faults.add(ScriptedFault(path="/auth/readiness", body=DOWN))

    with pytest.raises(UpstreamUnavailableError):
        await shop.auth.get_user(shop.token, shop.robot.user_id)


async def test_an_auth_server_that_is_away_confirms_nothing(shop: Shop) -> None:
    shop.litmus.faults.add(ScriptedFault(root_field="listEnvironments", body=INVALID))
    shop.litmus.faults.add(
        ScriptedFault(path=f"/auth/get_user/{shop.robot.user_id}", status=502, body="<html>")
    )

    assert isinstance(await shop.error_of(ENVIRONMENTS), UpstreamUnavailableError)
    assert shop.holder.state is TokenState.UNPROVEN


async def test_an_expired_token_is_rejected(shop: Shop) -> None:
    shop.clock.pass_by(days=4000)

    assert isinstance(await shop.error_of(), TokenRejectedError)
    assert shop.holder.state is TokenState.REJECTED


async def test_a_deactivated_user_is_rejected(shop: Shop) -> None:
    shop.litmus.world.deactivate(shop.robot)

    error = await shop.error_of()

    assert isinstance(error, TokenRejectedError)
    assert "deactivated" in str(error)
    assert shop.holder.state is TokenState.REJECTED


async def test_a_deleted_user_is_rejected(shop: Shop) -> None:
    shop.litmus.world.delete_user(shop.robot)

    error = await shop.error_of()

    assert isinstance(error, TokenRejectedError)
    assert "no longer exists" in str(error)
    assert shop.holder.state is TokenState.REJECTED


async def test_a_revoked_token_is_believed_at_once(shop: Shop) -> None:
    shop.litmus.world.revoked_tokens.add(shop.token.reveal())

    assert isinstance(await shop.error_of(), TokenRevokedError)
    assert len(shop.litmus.requests) == 1
    assert shop.holder.state is TokenState.REJECTED


async def test_a_rejected_token_is_not_tried_by_whoever_asks(shop: Shop) -> None:
    shop.litmus.world.revoked_tokens.add(shop.token.reveal())

    first = await shop.error_of()
    for query in (RUN_STATS, ENVIRONMENTS, HUBS) * 5:
        again = await shop.error_of(query)
        assert (type(again), str(again)) == (type(first), str(first))
    with pytest.raises(TokenRejectedError):
        await shop.client.project_role(shop.project_id, 30)

    assert len(shop.litmus.requests) == 1


async def test_another_token_is_tried_at_once(shop: Shop) -> None:
    shop.litmus.world.revoked_tokens.add(shop.token.reveal())
    await shop.error_of()
    shop.clock.pass_by(seconds=3)
    shop.holder.use(LitmusToken(shop.litmus.world.issue_token(shop.robot)))

    await shop.client.run(RUN_STATS, {"projectID": shop.project_id}, 30)

    assert shop.holder.state is TokenState.GOOD


async def test_a_rejected_token_is_tried_again_by_one_request_at_a_time_until_it_is_accepted() -> None:
    holder = TokenHolder("default", "token", Clock().now, LitmusToken("one"), longest_pause_seconds=0.01)
    holder.rejected(holder.current(), TokenRejectedError("no"))
    refused: list[str] = []

    def is_admitted() -> bool:
        try:
            holder.admit(holder.current())
        except TokenRejectedError as exc:
            refused.append(str(exc))
            return False
        return True

    await eventually(is_admitted)
    assert not is_admitted()  # as long as the other one is under way
    holder.inconclusive(holder.current())
    assert is_admitted()
    holder.accepted(holder.current())

    assert is_admitted()
    assert is_admitted()
    assert set(refused) == {"no"}
