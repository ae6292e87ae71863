"""Actions on a simulated Litmus: what is done, by whom it may be, and what of it is written down."""

import asyncio
import json
import logging
from datetime import timedelta

import msgspec
import pytest
import structlog

from sidecar.actions.policy import Caller, CallerKind, PolicyLevel, Rules
from sidecar.domain.action import ActionKind, ActionOutcome
from sidecar.domain.errors import (
    AccessDeniedError,
    ActionRefusedError,
    AlreadyRunningError,
    ExperimentRemovedError,
    ExperimentUnknownError,
    ForbiddenError,
    InfrastructureInactiveError,
    RunFinishedError,
    SidecarError,
    StoreError,
    TokenRoleError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    UpstreamUnsupportedError,
)
from sidecar.domain.roles import LitmusRole
from sidecar.simulator import ScriptedFault
from sidecar.store.pruning import prune_actions
from tests.store.postgres import PostgresServer
from tests.support.acting import ALICE, BOB, Replica, Shop, open_replica, open_shop
from tests.support.service import eventually

RUN, STOP, SCHEDULE = ActionKind.RUN, ActionKind.STOP, ActionKind.SCHEDULE


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

    async def test_how_things_stand_is_read_in_one_request_before_anything_is_sent(
        self, shop: Shop, replica: Replica
    ) -> None:
        new = shop.world.add_experiment(shop.project, shop.infra, "brand-new")
        shop.simulator.requests.clear()

        await replica.act(shop.asked(experiment_id=new.experiment_id))

        asked = [one.root_fields for one in shop.simulator.requests if one.path == "/api/query"]
        assert asked == [("listExperiment", "listExperimentRun"), ("runChaosExperiment",)]

    async def test_a_run_that_somebody_started_a_moment_ago_is_no_reason_for_a_second(
        self, shop: Shop, replica: Replica
    ) -> None:
        shop.world.start_run(shop.experiment)

        with pytest.raises(AlreadyRunningError):
            await replica.act()

        assert shop.mutations == 0

    async def test_a_run_that_ended_a_moment_ago_may_be_followed_by_another(
        self, shop: Shop, replica: Replica
    ) -> None:
        run = shop.world.start_run(shop.experiment)
        await replica.sync.synchronise(shop.ref)
        shop.world.finish_run(run)

        assert (await replica.act()).outcome is ActionOutcome.ACCEPTED

    async def test_a_run_that_ended_a_moment_ago_keeps_its_result(self, shop: Shop, replica: Replica) -> None:
        run = shop.world.start_run(shop.experiment)
        shop.world.report(run, "Running")
        await replica.sync.synchronise(shop.ref)
        shop.world.finish_run(run)

        for asked in (shop.asked(STOP, run_id=run.run_id), shop.asked(STOP)):
            with pytest.raises(RunFinishedError):
                await replica.act(asked)

        assert (run.phase, run.score, shop.mutations) == ("Completed", 100.0, 0)

    async def test_infrastructure_that_left_a_moment_ago_refuses(self, shop: Shop, replica: Replica) -> None:
        shop.infra.is_active = False

        with pytest.raises(InfrastructureInactiveError):
            await replica.act()

        assert shop.mutations == 0

    async def test_nothing_is_sent_when_how_things_stand_cannot_be_read(self, shop: Shop) -> None:
        shop.simulator.faults.add(
            ScriptedFault(root_field="listExperimentRun", status=503, body="<html>", times=None)
        )
        async with open_replica(shop) as replica:
            with pytest.raises(UpstreamUnavailableError, match=r"^Nothing was done: "):
                await replica.act()
            assert [one.outcome for one in await replica.audit()] == ["refused"]
        assert shop.mutations == 0


class TestLitmusHangs:
    async def test_nothing_is_sent_to_a_litmus_that_does_not_say_how_things_stand(self, shop: Shop) -> None:
        async with open_replica(shop, look_up_seconds=0.1) as replica:
            shop.simulator.faults.add(ScriptedFault(root_field="listExperimentRun", never_answer=True))
            with pytest.raises(UpstreamTimeoutError, match=r"^Nothing was done: "):
                await replica.act()
        assert shop.mutations == 0

    async def test_answer_is_unknown_in_time_and_the_request_goes_on(self, shop: Shop) -> None:
        shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", delay_seconds=0.5))
        async with open_replica(shop, answer_seconds=0.0) as replica:
            action = await replica.act()
            repeat = await replica.act()

            async def is_accepted() -> bool:
                known = await replica.service.get(action.id)
                return known is not None and known.outcome is ActionOutcome.ACCEPTED

            await eventually(is_accepted)
            entries = await replica.audit()

        assert (action.outcome, action.answered_at, repeat.id) == (ActionOutcome.UNKNOWN, None, action.id)
        assert [(one.event, one.outcome) for one in entries] == [
            ("repeat", "unknown"),
            ("attempt", "accepted"),
        ]
        assert len(shop.world.runs) == 1


NO_SWITCH = "cron experiement updation failed due to inactive infra, err: <nil>"
NO_DOCUMENT = "could not get experiment run, error: mongo: no documents in result"


@pytest.mark.parametrize(
    ("kind", "message", "error"),
    [
        (RUN, "experiment re-run failed due to inactive infra", InfrastructureInactiveError),
        (RUN, NO_DOCUMENT, ExperimentRemovedError),
        (STOP, "no running, timeout, or queued experiments found", RunFinishedError),
        (STOP, NO_DOCUMENT, ExperimentRemovedError),
        (SCHEDULE, NO_SWITCH, InfrastructureInactiveError),
        (SCHEDULE, NO_DOCUMENT, ExperimentRemovedError),
    ],
)
async def test_what_litmus_refuses_for_a_known_reason_is_told_as_that(
    shop: Shop, replica: Replica, kind: ActionKind, message: str, error: type[ActionRefusedError]
) -> None:
    """Things may change between our look and Litmus's own."""
    cron = shop.world.add_experiment(shop.project, shop.infra, "nightly", cron="0 2 * * *")
    running = shop.world.add_experiment(shop.project, shop.infra, "running")
    shop.world.report(shop.world.start_run(running), "Running")
    field, experiment = {
        RUN: ("runChaosExperiment", shop.experiment),
        STOP: ("stopExperimentRuns", running),
        SCHEDULE: ("updateCronExperimentState", cron),
    }[kind]
    body = json.dumps({"errors": [{"message": message, "path": [field]}], "data": None})
    shop.simulator.faults.add(ScriptedFault(root_field=field, body=body))
    suspended = True if kind is SCHEDULE else None

    with pytest.raises(error) as caught:
        await replica.act(shop.asked(kind, experiment_id=experiment.experiment_id, suspended=suspended))

    assert caught.value.status < 500
    assert message not in str(caught.value)
    assert [(one.outcome, one.code) for one in await replica.audit()] == [("failed", error.code)]


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

    async def test_what_makes_no_sense_is_refused_without_changing_anything(
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
        assert shop.mutations == 0
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

    seen = [await replica.service.get_for(caller, action.id) for caller in (ALICE, key, admin, BOB)]

    assert [one is not None for one in seen] == [True, True, True, False]
    assert await replica.service.get_for(ALICE, "nobody") is None


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
        await eventually(lambda: shop.mutations == 1)
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

    await prune_actions(replica.store.actions, replica.store.audit, shop.clock() - timedelta(days=1))
    assert await replica.service.get(action.id) is not None
    assert len(await replica.audit()) == 1

    await prune_actions(replica.store.actions, replica.store.audit, shop.clock() + timedelta(days=1))
    assert await replica.service.get(action.id) is None
    assert await replica.audit() == []
