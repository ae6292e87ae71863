"""However often and wherever it is asked for, an action is done at most once."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from sidecar.domain.action import ActionKind, ActionOutcome
from sidecar.domain.errors import (
    AlreadyRunningError,
    BadRequestError,
    IdempotencyKeyReusedError,
    UpstreamError,
)
from sidecar.simulator import ScriptedFault
from tests.support.acting import ALICE, Replica, Shop, open_replica
from tests.support.service import eventually

RUN, STOP, SCHEDULE = ActionKind.RUN, ActionKind.STOP, ActionKind.SCHEDULE


class TestAtMostOnce:
    async def test_ten_clicks_on_three_replicas_start_one_run(self, shop: Shop, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/store.db"
        async with AsyncExitStack() as stack:
            replicas = [await stack.enter_async_context(open_replica(shop, url)) for _ in range(3)]

            answers = await asyncio.gather(
                *(replicas[click % 3].act(request_id=f"click-{click}") for click in range(10))
            )

            entries = await replicas[0].audit()
        assert len(shop.world.runs) == 1
        assert shop.mutations == 1
        assert {(one.id, one.outcome, one.notify_id) for one in answers} == {
            (answers[0].id, ActionOutcome.ACCEPTED, shop.world.runs[0].notify_id)
        }
        assert sorted(one.event for one in entries) == ["attempt"] + ["repeat"] * 9
        assert {one.request_id for one in entries} == {f"click-{click}" for click in range(10)}

    async def test_repeat_gets_the_first_answer_though_the_run_is_known_by_then(
        self, shop: Shop, replica: Replica
    ) -> None:
        first = await replica.act()
        await replica.synchronise()

        again = await replica.act()

        assert again.id == first.id
        assert shop.mutations == 1

    async def test_after_the_window_a_known_run_refuses_another(self, shop: Shop, replica: Replica) -> None:
        await replica.act()
        await replica.synchronise()
        shop.clock.ahead += timedelta(seconds=11)

        with pytest.raises(AlreadyRunningError):
            await replica.act()

        assert shop.mutations == 1

    async def test_after_the_window_a_finished_experiment_runs_again(
        self, shop: Shop, replica: Replica
    ) -> None:
        first = await replica.act()
        shop.world.finish_run(shop.world.runs[0])
        await replica.synchronise()
        shop.clock.ahead += timedelta(seconds=11)

        second = await replica.act()

        assert second.id != first.id
        assert len(shop.world.runs) == 2

    async def test_forced_runs_start_each_time(self, shop: Shop, replica: Replica) -> None:
        await replica.act(shop.asked(force=True))
        await replica.act(shop.asked(force=True))

        assert len(shop.world.runs) == 2

    async def test_forced_run_with_a_key_starts_once(self, shop: Shop, replica: Replica) -> None:
        first = await replica.act(shop.asked(force=True), idempotency_key="k")
        again = await replica.act(shop.asked(force=True), idempotency_key="k")

        assert again.id == first.id
        assert len(shop.world.runs) == 1

    async def test_key_outlives_the_window(self, shop: Shop, replica: Replica) -> None:
        first = await replica.act(idempotency_key="k")
        shop.world.finish_run(shop.world.runs[0])
        shop.clock.ahead += timedelta(hours=1)

        assert (await replica.act(idempotency_key="k")).id == first.id
        assert len(shop.world.runs) == 1

    async def test_key_is_its_callers_own(self, shop: Shop, replica: Replica) -> None:
        await replica.act(shop.asked(force=True), idempotency_key="k")
        other = msgspec.structs.replace(ALICE, name="user:default/carol")
        await replica.act(shop.asked(force=True), caller=other, idempotency_key="k")

        assert len(shop.world.runs) == 2

    async def test_key_of_another_action_is_refused(self, shop: Shop, replica: Replica) -> None:
        await replica.act(idempotency_key="k")

        with pytest.raises(IdempotencyKeyReusedError, match=r"^Idempotency-Key was used"):
            await replica.act(shop.asked(force=True), idempotency_key="k")
        with pytest.raises(IdempotencyKeyReusedError):
            await replica.act(shop.asked(STOP), idempotency_key="k")

    @pytest.mark.parametrize("key", ["", "k" * 256, "ключ", "a\nb"])
    async def test_unusable_key_is_refused(self, shop: Shop, replica: Replica, key: str) -> None:
        with pytest.raises(BadRequestError, match=r"^Idempotency-Key must be"):
            await replica.act(idempotency_key=key)
        assert shop.mutations == 0

    @pytest.mark.parametrize("key", [None, "k"])
    async def test_what_certainly_was_not_done_may_be_tried_again_at_once(
        self, shop: Shop, replica: Replica, key: str | None
    ) -> None:
        shop.simulator.faults.add(
            ScriptedFault(
                root_field="runChaosExperiment",
                body='{"errors":[{"message":"no","path":["runChaosExperiment"]}],"data":null}',
            )
        )
        with pytest.raises(UpstreamError):
            await replica.act(idempotency_key=key)

        again = await replica.act(idempotency_key=key)

        assert again.outcome is ActionOutcome.ACCEPTED
        assert shop.mutations == 2

    async def test_repeat_that_comes_while_litmus_refuses_is_refused_alike(
        self, shop: Shop, replica: Replica
    ) -> None:
        shop.simulator.faults.add(
            ScriptedFault(
                root_field="runChaosExperiment",
                body='{"errors":[{"message":"no","path":["runChaosExperiment"]}],"data":null}',
                delay_seconds=0.3,
            )
        )
        first, second = await asyncio.gather(replica.act(), replica.act(), return_exceptions=True)

        assert isinstance(first, UpstreamError)
        assert isinstance(second, UpstreamError)
        assert (str(first), first.code) == (str(second), second.code)
        assert shop.mutations == 1

    async def test_client_that_leaves_stops_nothing(self, shop: Shop, replica: Replica) -> None:
        shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", delay_seconds=0.2))
        shop.simulator.requests.clear()
        click = asyncio.ensure_future(replica.act())
        await eventually(lambda: shop.mutations == 1)
        click.cancel()

        again = await replica.act()

        assert again.outcome is ActionOutcome.ACCEPTED
        assert len(shop.world.runs) == 1
