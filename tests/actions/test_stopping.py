"""Stops, run by run: nothing is called stopped whose agent was not told."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.domain.action import Action, ActionKind, ActionOutcome
from sidecar.domain.errors import InfrastructureInactiveError, RunWithoutIdError, UpstreamError
from sidecar.simulator import ScriptedFault
from tests.support.acting import Replica, Shop, open_replica
from tests.support.service import eventually

STOP = ActionKind.STOP
REFUSED = '{"errors":[{"message":"no","path":["stopExperimentRuns"]}],"data":null}'


async def settled(replica: Replica, action: Action) -> Action:
    """The action once nobody waits for an id any more."""
    known: Action | None = None

    async def is_settled() -> bool:
        nonlocal known
        known = await replica.service.get(action.id)
        return known is not None and known.is_resolved

    await eventually(is_settled)
    assert known is not None
    return known


def told(action: Action) -> list[tuple[str | None, str]]:
    return [(run.run_id, run.outcome.value) for run in action.runs]


async def test_every_unfinished_run_is_stopped_by_its_id_and_each_has_its_outcome(
    shop: Shop, replica: Replica
) -> None:
    pending, running = (shop.world.start_run(shop.experiment) for _ in range(2))
    shop.world.report(pending, "Pending")
    shop.world.report(running, "Running")
    finished = shop.world.start_run(shop.experiment)
    shop.world.finish_run(finished)

    action = await replica.act(shop.asked(STOP))

    assert action.outcome is ActionOutcome.ACCEPTED
    assert sorted(told(action)) == sorted([(pending.run_id, "accepted"), (running.run_id, "accepted")])
    assert (pending.phase, running.phase, finished.phase) == ("Stopped", "Stopped", "Completed")
    assert shop.mutations == 2
    (entry,) = await replica.audit()
    assert entry.runs == action.runs


async def test_an_old_run_beyond_the_recent_ones_is_stopped_too(shop: Shop, replica: Replica) -> None:
    old = shop.world.start_run(shop.experiment)
    shop.world.report(old, "Running")
    for _ in range(12):
        shop.world.finish_run(shop.world.start_run(shop.experiment))

    await replica.act(shop.asked(STOP))

    assert old.phase == "Stopped"


async def test_a_run_without_an_id_is_stopped_when_it_has_one_and_not_called_so_before(
    shop: Shop, replica: Replica
) -> None:
    run = shop.world.start_run(shop.experiment)

    action = await replica.act(shop.asked(STOP))

    assert (action.outcome, told(action)) == (ActionOutcome.STOPPING, [(None, "stopping")])
    assert (run.phase, shop.mutations) == ("Queued", 0)

    shop.world.report(run, "Pending")
    known = await settled(replica, action)

    assert (known.outcome, known.run_id, run.phase) == (ActionOutcome.ACCEPTED, run.run_id, "Stopped")
    assert told(known) == [(run.run_id, "accepted")]
    assert shop.mutations == 1
    entries = [(one.event, one.outcome, one.run_id) for one in await replica.audit()]
    assert entries == [("attempt", "stopping", None), ("resolution", "accepted", run.run_id)]


async def test_a_run_that_gets_no_id_may_still_run_and_is_said_to(shop: Shop, replica: Replica) -> None:
    run = shop.world.start_run(shop.experiment)
    action = await replica.act(shop.asked(STOP))

    shop.clock.ahead += timedelta(seconds=61)
    known = await settled(replica, action)

    assert (known.outcome, known.error_code) == (ActionOutcome.FAILED, "run_without_id")
    assert "It may still run" in (known.error_message or "")
    assert (run.phase, shop.mutations) == ("Queued", 0)
    last = (await replica.audit())[-1]
    assert (last.event, last.outcome, last.code) == ("resolution", "failed", "run_without_id")
    assert [one.error_message for one in last.runs] == [known.error_message]


async def test_a_run_that_litmus_ends_without_an_id_may_still_run(shop: Shop, replica: Replica) -> None:
    run = shop.world.start_run(shop.experiment)
    action = await replica.act(shop.asked(STOP))

    shop.world.stop_run(run)
    known = await settled(replica, action)

    assert (known.outcome, known.error_code) == (ActionOutcome.FAILED, RunWithoutIdError.code)
    assert "told its infrastructure nothing" in (known.error_message or "")


async def test_a_run_that_ends_before_it_can_be_stopped_keeps_its_result(
    shop: Shop, replica: Replica
) -> None:
    run = shop.world.start_run(shop.experiment)
    action = await replica.act(shop.asked(STOP))

    shop.world.finish_run(run)
    known = await settled(replica, action)

    assert (known.outcome, known.error_code) == (ActionOutcome.FAILED, "run_finished")
    assert (run.phase, run.score, shop.mutations) == ("Completed", 100.0, 0)


async def test_what_litmus_refuses_for_one_run_does_not_hide_what_it_did_for_the_other(
    shop: Shop, replica: Replica
) -> None:
    for _ in range(2):
        shop.world.report(shop.world.start_run(shop.experiment), "Running")
    shop.simulator.faults.add(ScriptedFault(root_field="stopExperimentRuns", body=REFUSED))

    action = await replica.act(shop.asked(STOP))

    assert action.outcome is ActionOutcome.PARTIAL
    assert (action.error_message or "").startswith("1 of 2 runs were stopped. ")
    assert sorted(run.outcome for run in action.runs) == ["accepted", "failed"]
    assert sorted(run.phase for run in shop.world.runs) == ["Running", "Stopped"]


async def test_what_litmus_refuses_for_every_run_is_an_error(shop: Shop, replica: Replica) -> None:
    shop.world.report(shop.world.start_run(shop.experiment), "Running")
    shop.simulator.faults.add(ScriptedFault(root_field="stopExperimentRuns", body=REFUSED, times=None))

    with pytest.raises(UpstreamError):
        await replica.act(shop.asked(STOP))


async def test_only_an_agent_that_is_there_can_give_an_id(shop: Shop, replica: Replica) -> None:
    shop.world.start_run(shop.experiment)
    shop.infra.is_active = False

    with pytest.raises(InfrastructureInactiveError):
        await replica.act(shop.asked(STOP))

    assert shop.mutations == 0


async def test_failing_looks_are_repeated_until_the_id_is_there(shop: Shop, replica: Replica) -> None:
    run = shop.world.start_run(shop.experiment)
    action = await replica.act(shop.asked(STOP))
    shop.world.report(run, "Running")
    shop.simulator.faults.add(ScriptedFault(root_field="listExperimentRun", status=500, body="", times=3))

    assert (await settled(replica, action)).outcome is ActionOutcome.ACCEPTED


async def test_another_process_goes_on_where_one_ended(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    run = shop.world.start_run(shop.experiment)
    async with open_replica(shop, url, look_seconds=3600.0) as one:
        action = await one.act(shop.asked(STOP))
    shop.world.report(run, "Running")

    async with open_replica(shop, url, follow_seconds=0.02) as other:
        following = asyncio.ensure_future(other.service.follow())
        shop.clock.ahead += timedelta(seconds=25)
        known = await settled(other, action)
        following.cancel()
        await asyncio.wait([following])

    assert (known.outcome, run.phase, shop.mutations) == (ActionOutcome.ACCEPTED, "Stopped", 1)


async def test_a_process_that_ended_while_it_stopped_is_followed_by_one_that_says_what_is_known(
    shop: Shop, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    shop.world.start_run(shop.experiment)
    async with open_replica(shop, url, look_seconds=3600.0) as one:
        action = await one.act(shop.asked(STOP))

    async with open_replica(shop, url, follow_seconds=0.02) as other:
        following = asyncio.ensure_future(other.service.follow())
        shop.clock.ahead += timedelta(minutes=10)
        known = await settled(other, action)
        following.cancel()
        await asyncio.wait([following])

    assert (known.outcome, known.error_code) == (ActionOutcome.FAILED, "run_without_id")


async def test_many_processes_stop_a_run_once(shop: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    run = shop.world.start_run(shop.experiment)
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(open_replica(shop, url, follow_seconds=0.02)) for _ in range(3)
        ]
        following = [asyncio.ensure_future(one.service.follow()) for one in replicas]
        action = await replicas[0].act(shop.asked(STOP))
        shop.clock.ahead += timedelta(seconds=25)  # As if the first had been silent for long.
        shop.world.report(run, "Running")
        known = await settled(replicas[1], action)
        for one in following:
            one.cancel()
        await asyncio.wait(following)

    assert (known.outcome, run.phase, shop.mutations) == (ActionOutcome.ACCEPTED, "Stopped", 1)
