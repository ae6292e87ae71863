"""Actions on a simulated Litmus: once, by whom it may be, and written down."""

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import structlog

from sidecar.action_model import ActionKind, ActionOutcome
from sidecar.errors import (
    AccessDeniedError,
    AlreadyRunningError,
    BadRequestError,
    ExperimentUnknownError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    SidecarError,
    StoreError,
    TokenRoleError,
    UpstreamError,
    UpstreamUnsupportedError,
)
from sidecar.policy import Caller, CallerKind, LitmusRole, PolicyLevel, Rules
from sidecar.simulator import ScriptedFault
from tests.store.postgres import PostgresServer
from tests.support.acting import ALICE, BOB, Replica, Shop, open_replica, open_shop

STOP, SCHEDULE = ActionKind.STOP, ActionKind.SCHEDULE


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

    async def test_repeat_of_a_failed_action_fails_alike(self, shop: Shop, replica: Replica) -> None:
        shop.simulator.faults.add(
            ScriptedFault(
                root_field="runChaosExperiment",
                body='{"errors":[{"message":"no","path":["runChaosExperiment"]}],"data":null}',
            )
        )
        with pytest.raises(UpstreamError) as first:
            await replica.act()
        with pytest.raises(UpstreamError) as second:
            await replica.act()

        assert (str(second.value), second.value.code) == (str(first.value), first.value.code)
        assert shop.mutations == 1

    async def test_client_that_leaves_stops_nothing(self, shop: Shop, replica: Replica) -> None:
        shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", delay_seconds=0.2))
        shop.simulator.requests.clear()
        click = asyncio.ensure_future(replica.act())
        await shop.simulator.wait_for_requests()
        click.cancel()

        again = await replica.act()

        assert again.outcome is ActionOutcome.ACCEPTED
        assert len(shop.world.runs) == 1


class TestDoing:
    async def test_run_gets_its_id_from_a_later_synchronisation(self, shop: Shop, replica: Replica) -> None:
        action = await replica.act()
        await replica.synchronise()
        shop.world.report(shop.world.runs[0], "Running")
        await replica.synchronise()

        known = await replica.service.get(action.id)

        assert known is not None
        assert (action.run_id, known.run_id) == (None, shop.world.runs[0].run_id)
        assert [one.event for one in await replica.audit()] == ["attempt", "resolution"]

    async def test_run_asks_for_a_synchronisation(self, shop: Shop, replica: Replica) -> None:
        await replica.act()
        assert replica.sync.hurried == [shop.ref]

    async def test_one_run_is_stopped_and_its_bystander_not(self, shop: Shop, replica: Replica) -> None:
        runs = [shop.world.start_run(shop.experiment) for _ in range(2)]
        for run in runs:
            shop.world.report(run, "Running")
        await replica.sync.synchronise(shop.ref)

        action = await replica.act(shop.asked(STOP, run_id=runs[0].run_id))

        assert (action.outcome, action.run_id) == (ActionOutcome.ACCEPTED, runs[0].run_id)
        assert sorted(run.phase for run in shop.world.runs) == ["Running", "Stopped"]

    async def test_all_runs_are_stopped(self, shop: Shop, replica: Replica) -> None:
        for _ in range(2):
            shop.world.report(shop.world.start_run(shop.experiment), "Running")
        await replica.sync.synchronise(shop.ref)

        await replica.act(shop.asked(STOP))

        assert [run.phase for run in shop.world.runs] == ["Stopped", "Stopped"]

    @pytest.mark.parametrize("suspended", [True, False])
    async def test_schedule_is_switched(self, shop: Shop, replica: Replica, *, suspended: bool) -> None:
        cron = shop.world.add_experiment(
            shop.project, shop.infra, "nightly", cron="0 2 * * *", suspended=not suspended
        )

        action = await replica.act(
            shop.asked(SCHEDULE, experiment_id=cron.experiment_id, suspended=suspended)
        )
        await replica.sync.synchronise(shop.ref)

        snapshot = replica.sync.get(shop.ref)
        assert snapshot is not None
        assert action.outcome is ActionOutcome.ACCEPTED
        assert [one.suspended for one in snapshot.content.schedules or ()] == [suspended]

    async def test_experiment_that_the_snapshot_lacks_is_looked_up_once(
        self, shop: Shop, replica: Replica
    ) -> None:
        new = shop.world.add_experiment(shop.project, shop.infra, "brand-new")
        shop.simulator.requests.clear()

        await replica.act(shop.asked(experiment_id=new.experiment_id))

        asked = [one.root_fields for one in shop.simulator.requests if one.path == "/api/query"]
        assert asked == [("listExperiment",), ("runChaosExperiment",)]

    async def test_old_snapshot_is_no_proof(self, shop: Shop, replica: Replica) -> None:
        shop.world.start_run(shop.experiment)
        shop.clock.ahead += timedelta(hours=1)

        with pytest.raises(AlreadyRunningError):
            await replica.act()

        assert shop.mutations == 0


class TestRefused:
    async def test_stranger_is_refused_without_asking_litmus(self, shop: Shop, replica: Replica) -> None:
        shop.simulator.requests.clear()

        with pytest.raises(ForbiddenError, match=r"^Only owners"):
            await replica.act(shop.asked(experiment_id="unknown"), caller=BOB)

        assert shop.simulator.requests == []
        (entry,) = await replica.audit()
        assert (entry.who, entry.outcome, entry.code) == ("user:default/bob", "refused", "forbidden")
        assert (entry.experiment_id, entry.request_id, entry.action_id) == ("unknown", "request-1", None)

    async def test_experiment_of_another_project_is_refused(self, shop: Shop, replica: Replica) -> None:
        other = shop.world.add_project("Bank", owner=shop.world.user_named("robot"))
        foreign = shop.world.add_experiment(other, shop.infra, "foreign")

        with pytest.raises(ExperimentUnknownError, match=r"^Experiment is not one of this project"):
            await replica.act(shop.asked(experiment_id=foreign.experiment_id))

        assert shop.mutations == 0

    async def test_disabled_stops_the_owner(self, shop: Shop) -> None:
        async with open_replica(shop, rules=Rules(policy=PolicyLevel.DISABLED)) as replica:
            with pytest.raises(SidecarError, match=r"^Actions are disabled"):
                await replica.act()
        assert shop.mutations == 0

    async def test_what_the_snapshot_forbids_is_refused_without_asking_litmus(
        self, shop: Shop, replica: Replica
    ) -> None:
        shop.world.finish_run(shop.world.start_run(shop.experiment))
        running = shop.world.add_experiment(shop.project, shop.infra, "running")
        shop.world.report(shop.world.start_run(running), "Running")
        cron = shop.world.add_experiment(shop.project, shop.infra, "nightly", cron="0 2 * * *")
        lost = shop.world.add_infra(shop.project, shop.world.environments[0], "lost", is_active=False)
        offline = shop.world.add_experiment(shop.project, lost, "offline")
        dropped = shop.world.add_infra(shop.project, shop.world.environments[0], "dropped")
        homeless = shop.world.add_experiment(shop.project, dropped, "homeless")
        shop.world.drop_infra(dropped)
        await replica.sync.synchronise(shop.ref)
        shop.simulator.requests.clear()
        finished_id = shop.world.runs[0].run_id
        refused = {
            "already_running": shop.asked(experiment_id=running.experiment_id),
            "experiment_scheduled": shop.asked(experiment_id=cron.experiment_id, force=True),
            "infrastructure_inactive": shop.asked(experiment_id=offline.experiment_id, force=True),
            "infrastructure_missing": shop.asked(experiment_id=homeless.experiment_id),
            "experiment_not_scheduled": shop.asked(SCHEDULE, suspended=True),
            "run_finished": shop.asked(STOP, run_id=finished_id),
            "run_unknown": shop.asked(STOP, run_id="no-such-run"),
        }
        codes = []
        for asked in refused.values():
            with pytest.raises(SidecarError) as caught:
                await replica.act(asked)
            codes.append(caught.value.code)

        assert codes == list(refused)
        assert shop.simulator.requests == []
        assert [one.code for one in await replica.audit()] == list(refused)
        assert {one.outcome for one in await replica.audit()} == {"refused"}

    async def test_viewers_token_is_refused_before_litmus_is_asked(self) -> None:
        async with (
            open_shop(role="Viewer") as shop,
            open_replica(shop, token_role=lambda _: LitmusRole.VIEWER) as replica,
        ):
            with pytest.raises(TokenRoleError, match=r"^Action is off: .* is Viewer"):
                await replica.act()
            assert shop.mutations == 0

    async def test_viewers_token_of_unknown_role_is_refused_by_litmus(self) -> None:
        async with open_shop(role="Viewer") as shop, open_replica(shop) as replica:
            with pytest.raises(AccessDeniedError):
                await replica.act()
            assert shop.world.runs == []
            assert [one.outcome for one in await replica.audit()] == ["failed"]

    async def test_litmus_3_0_says_what_a_stop_needs(self) -> None:
        async with open_shop(version="3.0.0") as shop:
            run = shop.world.start_run(shop.experiment)
            shop.world.report(run, "Running")
            async with open_replica(shop) as replica:
                with pytest.raises(UpstreamUnsupportedError, match=r"needs Litmus 3\.1"):
                    await replica.act(shop.asked(STOP, run_id=run.run_id))
            assert run.phase == "Running"


async def test_action_is_seen_by_its_caller_and_by_who_may_act_there(replica: Replica) -> None:
    action = await replica.act()
    key = Caller(name="key:ci", kind=CallerKind.KEY, scopes=frozenset({"run"}))
    admin = msgspec.structs.replace(BOB, scopes=frozenset({"admin"}))

    seen = [await replica.service.look(caller, action.id) for caller in (ALICE, key, admin, BOB)]

    assert [one is not None for one in seen] == [True, True, True, False]
    assert await replica.service.look(ALICE, "nobody") is None


async def test_without_a_store_nothing_is_done(postgres: PostgresServer, shop: Shop) -> None:
    async with open_replica(shop, postgres.new_database()) as replica:
        postgres.stop()
        try:
            with pytest.raises(StoreError):
                await replica.act()
        finally:
            postgres.start()
    assert shop.mutations == 0


async def test_what_is_done_while_the_store_goes_away_is_told_all_the_same(
    postgres: PostgresServer, shop: Shop
) -> None:
    shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", delay_seconds=0.5))
    async with open_replica(shop, postgres.new_database()) as replica:
        shop.simulator.requests.clear()
        click = asyncio.ensure_future(replica.act())
        await shop.simulator.wait_for_requests()
        await asyncio.to_thread(postgres.stop)
        try:
            action = await click
        finally:
            await asyncio.to_thread(postgres.start)
    assert action.outcome is ActionOutcome.ACCEPTED
    assert action.notify_id == shop.world.runs[0].notify_id


async def test_log_names_each_attempt_as_the_audit_does(replica: Replica) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with structlog.testing.capture_logs() as lines:
        await replica.act(request_id="request-7")
    told = [line for line in lines if line["event"] == "action"]
    (entry,) = await replica.audit()
    assert [(line["step"], line["who"], line["outcome"], line["request_id"]) for line in told] == [
        ("attempt", entry.who, "accepted", "request-7")
    ]
    assert told[0]["notify_id"] == entry.notify_id
    assert told[0]["project"] == str(entry.project)


async def test_retention_forgets_actions_and_entries(shop: Shop, replica: Replica) -> None:
    action = await replica.act()

    await replica.service.prune(shop.clock() - timedelta(days=1))
    assert await replica.service.get(action.id) is not None
    assert len(await replica.audit()) == 1

    await replica.service.prune(shop.clock() + timedelta(days=1))
    assert await replica.service.get(action.id) is None
    assert await replica.audit() == []
