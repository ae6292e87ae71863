"""An action whose answer never arrived: unknown at first, then resolved from what is synchronised."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.domain.action import ActionKind, ActionOutcome
from sidecar.domain.errors import (
    UpstreamUnavailableError,
)
from sidecar.simulator import ScriptedFault
from tests.support.acting import Replica, Shop, open_replica
from tests.support.service import eventually

STOP, SCHEDULE = ActionKind.STOP, ActionKind.SCHEDULE


class TestLostAnswer:
    @pytest.fixture
    async def lost(self, shop: Shop, replica: Replica) -> str:
        """An action that Litmus did without saying so."""
        shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", drop="after"))
        action = await replica.act()
        assert action.outcome is ActionOutcome.UNKNOWN
        assert action.error_code == "upstream_answer_lost"
        return action.id

    async def test_run_is_found_by_the_next_synchronisation(
        self, shop: Shop, replica: Replica, lost: str
    ) -> None:
        assert replica.sync.hurried == [shop.ref]
        shop.world.report(shop.world.runs[0], "Running")

        await replica.synchronise()

        action = await replica.service.get(lost)
        assert action is not None
        assert (action.outcome, action.run_id) == (ActionOutcome.ACCEPTED, shop.world.runs[0].run_id)
        told = [(one.event, one.outcome, one.run_id) for one in await replica.audit()]
        assert told == [("attempt", "unknown", None), ("resolution", "accepted", action.run_id)]
        assert shop.mutations == len(shop.world.runs) == 1

    async def test_it_keeps_others_from_starting_a_run_until_it_is_resolved(
        self, shop: Shop, replica: Replica, lost: str
    ) -> None:
        shop.clock.ahead += timedelta(minutes=2)

        assert (await replica.act()).id == lost
        assert shop.mutations == 1

    async def test_another_replica_resolves_it(self, shop: Shop, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/store.db"
        shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", drop="after"))
        async with open_replica(shop, url) as one:
            action = await one.act()
        async with open_replica(shop, url, follow_seconds=0.02) as other:
            following = asyncio.ensure_future(other.service.follow())

            async def is_resolved() -> bool:
                known = await other.service.get(action.id)
                return known is not None and known.outcome is ActionOutcome.ACCEPTED

            await eventually(is_resolved)
            following.cancel()
            await asyncio.wait([following])

    async def test_mutation_that_never_arrived_is_failed_in_the_end(
        self, shop: Shop, replica: Replica
    ) -> None:
        shop.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", drop="before"))
        action = await replica.act()
        await replica.synchronise()
        early = await replica.service.get(action.id)
        shop.clock.ahead += timedelta(minutes=3)
        await replica.synchronise()

        late = await replica.service.get(action.id)

        assert early is not None
        assert late is not None
        assert (early.outcome, late.outcome) == (ActionOutcome.UNKNOWN, ActionOutcome.FAILED)
        assert late.error_code == "action_not_done"
        assert shop.world.runs == []

    async def test_litmus_that_cannot_be_reached_did_nothing(self, shop: Shop, replica: Replica) -> None:
        await shop.simulator.stop()

        with pytest.raises(UpstreamUnavailableError):
            await replica.act()

        assert [one.outcome for one in await replica.audit()] == ["refused"]
        await shop.simulator.start()

    async def test_lost_switch_is_found_in_the_manifest(self, shop: Shop, replica: Replica) -> None:
        cron = shop.world.add_experiment(shop.project, shop.infra, "nightly", cron="0 2 * * *")
        await replica.sync.synchronise(shop.ref)
        shop.simulator.faults.add(ScriptedFault(root_field="updateCronExperimentState", drop="after"))
        action = await replica.act(shop.asked(SCHEDULE, experiment_id=cron.experiment_id, suspended=True))
        shop.clock.ahead += timedelta(seconds=1)
        await replica.synchronise()

        known = await replica.service.get(action.id)

        assert known is not None
        assert (action.outcome, known.outcome) == (ActionOutcome.UNKNOWN, ActionOutcome.ACCEPTED)

    async def test_lost_stop_is_found_in_the_recent_runs(self, shop: Shop, replica: Replica) -> None:
        run = shop.world.start_run(shop.experiment, username="robot")
        shop.world.report(run, "Running")
        await replica.sync.synchronise(shop.ref)
        shop.simulator.faults.add(ScriptedFault(root_field="stopExperimentRuns", drop="after"))
        action = await replica.act(shop.asked(STOP, run_id=run.run_id))
        await replica.synchronise()

        known = await replica.service.get(action.id)

        assert known is not None
        assert (action.outcome, known.outcome) == (ActionOutcome.UNKNOWN, ActionOutcome.ACCEPTED)
