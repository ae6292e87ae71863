"""Starting a schedule that Litmus only saved."""

from datetime import timedelta

import pytest

from sidecar.actions.request import ActionRequest
from sidecar.domain.action import ActionKind, ActionOutcome, AuditEvent
from sidecar.domain.errors import (
    ExperimentNotScheduledError,
    ForbiddenError,
    InfrastructureInactiveError,
    ScheduleStartedError,
    TokenRoleError,
)
from sidecar.domain.model import Schedule
from sidecar.domain.roles import LitmusRole
from sidecar.simulator import ScriptedFault
from tests.support.acting import BOB, Replica, Shop, open_replica

START = ActionKind.START_SCHEDULE


def saved(shop: Shop) -> ActionRequest:
    cron = shop.world.add_experiment(shop.project, shop.infra, "nightly", cron="0 2 * * *", started=False)
    return shop.asked(START, experiment_id=cron.experiment_id)


def schedule(replica: Replica) -> Schedule:
    snapshot = replica.sync.get(replica.shop.ref)
    assert snapshot is not None
    (found,) = snapshot.content.schedules or ()
    return found


async def test_a_saved_schedule_is_started_and_known_to_be(shop: Shop, replica: Replica) -> None:
    asked = saved(shop)
    await replica.synchronise()
    before = schedule(replica)

    action = await replica.act(asked)
    await replica.synchronise()

    after = schedule(replica)
    assert action.outcome is ActionOutcome.ACCEPTED
    assert shop.world.experiments[asked.experiment_id].cron_started
    assert shop.world.runs == []
    assert (before.started, before.can_fire, after.started, after.can_fire) == (False, False, True, True)
    assert after.since > before.since
    entries = await replica.audit()
    assert [(one.kind, one.event) for one in entries] == [(START, AuditEvent.ATTEMPT)]


async def test_what_one_replica_started_another_knows_a_day_later(shop: Shop, replica: Replica) -> None:
    asked = saved(shop)
    await replica.synchronise()
    await replica.act(asked)
    await replica.synchronise()
    shop.clock.ahead += timedelta(days=3)
    await replica.synchronise()

    assert schedule(replica).started is True


async def test_a_started_schedule_is_not_started_again(shop: Shop, replica: Replica) -> None:
    asked = saved(shop)
    await replica.synchronise()
    await replica.act(asked)
    await replica.synchronise()

    with pytest.raises(ScheduleStartedError, match="nightly"):
        await replica.act(asked)

    assert shop.mutations == 1


async def test_one_without_a_schedule_would_be_run_and_is_refused(shop: Shop, replica: Replica) -> None:
    with pytest.raises(ExperimentNotScheduledError, match="no schedule to start"):
        await replica.act(shop.asked(START))

    assert shop.mutations == 0


async def test_only_who_may_switch_it_starts_it(shop: Shop, replica: Replica) -> None:
    asked = saved(shop)
    with pytest.raises(ForbiddenError):
        await replica.act(asked, BOB)
    async with open_replica(shop, token_role=lambda _: LitmusRole.EXECUTOR) as weak:
        with pytest.raises(TokenRoleError, match="Owner"):
            await weak.act(asked)

    assert shop.mutations == 0


async def test_its_infrastructure_has_to_be_connected(shop: Shop, replica: Replica) -> None:
    asked = saved(shop)
    shop.world.disconnect(shop.infra)
    await replica.synchronise()
    with pytest.raises(InfrastructureInactiveError):
        await replica.act(asked)

    assert shop.mutations == 0


async def test_a_lost_answer_resolves_with_the_first_run(shop: Shop, replica: Replica) -> None:
    asked = saved(shop)
    await replica.synchronise()
    shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", drop="after"))
    action = await replica.act(asked)
    await replica.synchronise()
    assert action.outcome is ActionOutcome.UNKNOWN
    assert schedule(replica).started is False

    shop.world.start_cron_run(shop.world.experiments[asked.experiment_id])
    await replica.synchronise()

    resolved = await replica.service.get(action.id)
    assert resolved is not None
    assert resolved.outcome is ActionOutcome.ACCEPTED
    assert schedule(replica).started is True
