"""The three mutations, with everything Litmus does not check."""

import pytest

from tests.simulator.conftest import Shop
from tests.simulator.test_graphql_traps import RUN, experiments, runs

STOP = """mutation ($p: ID!, $e: String!, $run: String, $notify: String) {
  stopExperimentRuns(projectID: $p, experimentID: $e, experimentRunID: $run, notifyID: $notify)
}"""
SWITCH = """mutation ($p: ID!, $e: String!, $off: Boolean!) {
  updateCronExperimentState(projectID: $p, experimentID: $e, disable: $off)
}"""


async def test_every_call_starts_another_run(shop: Shop) -> None:
    for _ in range(2):
        await shop.data(RUN, {"e": shop.experiment.experiment_id})
    assert [run["updatedBy"]["username"] for run in await runs(shop)] == ["alice", "alice"]


async def test_an_experiment_of_another_project_can_be_started(shop: Shop) -> None:
    other = shop.world.add_project("Other")
    foreign = shop.world.add_experiment(other, shop.infra, "foreign")
    await shop.data(RUN, {"e": foreign.experiment_id})
    assert [run["experimentName"] for run in await runs(shop)] == ["foreign"]


async def test_starting_a_schedule_makes_no_run(shop: Shop) -> None:
    cron = shop.world.add_experiment(shop.project, shop.infra, "nightly", cron="0 2 * * *")
    assert await shop.data(RUN, {"e": cron.experiment_id}) == {"runChaosExperiment": {"notifyID": ""}}
    assert await runs(shop) == []


async def test_a_schedule_that_was_only_saved_reaches_the_agent_when_it_is_run(shop: Shop) -> None:
    cron = shop.world.add_experiment(shop.project, shop.infra, "saved", cron="0 2 * * *", started=False)
    (listed,) = await experiments(shop, filter={"scheduleType": "CRON"})
    assert (listed["cronSyntax"], cron.cron_started) == ("0 2 * * *", False)
    await shop.data(RUN, {"e": cron.experiment_id})
    assert cron.cron_started


async def test_a_viewer_may_not_start(shop: Shop) -> None:
    token = shop.world.issue_token(shop.viewer)
    answer = await shop.ask(RUN, {"e": shop.experiment.experiment_id}, token=token)
    assert "Unauthorized" in answer.json["errors"][0]["message"]
    assert shop.world.runs == []


async def test_stopping_overwrites_even_a_finished_run(shop: Shop) -> None:
    run = shop.world.start_run(shop.experiment, username="alice")
    shop.world.finish_run(run)
    arguments = {"e": shop.experiment.experiment_id, "run": run.run_id}
    assert await shop.data(STOP, arguments) == {"stopExperimentRuns": True}
    (stopped,) = await runs(shop)
    assert (stopped["phase"], stopped["updatedBy"]["username"]) == ("Stopped", "")


async def test_stopping_an_unknown_run_succeeds(shop: Shop) -> None:
    arguments = {"e": shop.experiment.experiment_id, "run": "unknown"}
    assert await shop.data(STOP, arguments) == {"stopExperimentRuns": True}


async def test_stopping_a_queued_run_succeeds_and_the_agent_executes_it(shop: Shop) -> None:
    run = shop.world.start_run(shop.experiment, username="alice")
    arguments = {"e": shop.experiment.experiment_id}
    assert await shop.data(STOP, arguments) == {"stopExperimentRuns": True}
    assert (run.phase, run.goes_on_in_cluster) == ("Stopped", True)


async def test_a_workflow_that_litmus_has_no_run_of_stops_by_its_id(shop: Shop) -> None:
    run = shop.world.start_run(shop.experiment)
    shop.world.stop_run(run)
    shop.world.report(run, "Running")
    arguments = {"e": shop.experiment.experiment_id, "run": run.cluster_id}
    assert await shop.data(STOP, arguments) == {"stopExperimentRuns": True}
    assert not run.goes_on_in_cluster


async def test_stopping_without_an_id_spares_the_pending(shop: Shop) -> None:
    pending, running = shop.world.start_run(shop.experiment), shop.world.start_run(shop.experiment)
    shop.world.report(pending, "Pending")
    shop.world.report(running, "Running")
    await shop.data(STOP, {"e": shop.experiment.experiment_id})
    assert (pending.phase, running.phase) == ("Pending", "Stopped")
    again = await shop.ask(STOP, {"e": shop.experiment.experiment_id})
    assert again.json["errors"][0]["message"] == "no running, timeout, or queued experiments found"


@pytest.mark.parametrize(("version", "bystander"), [("3.31.0", "Running"), ("3.30.0", "Stopped")])
async def test_before_3_31_stopping_by_notify_id_stops_all(shop: Shop, version: str, bystander: str) -> None:
    shop.world.version = version
    meant, other = shop.world.start_run(shop.experiment), shop.world.start_run(shop.experiment)
    shop.world.report(meant, "Running")
    shop.world.report(other, "Running")
    await shop.data(STOP, {"e": shop.experiment.experiment_id, "notify": meant.notify_id})
    assert (meant.phase, other.phase) == ("Stopped", bystander)


async def test_only_the_manifest_tells_that_a_schedule_is_off(shop: Shop) -> None:
    cron = shop.world.add_experiment(
        shop.project, shop.infra, "nightly", cron="0 2 * * *", timezone="Asia/Tokyo"
    )
    await shop.data(SWITCH, {"e": cron.experiment_id, "off": True})
    (listed,) = await experiments(shop, filter={"scheduleType": "CRON"})
    assert listed["cronSyntax"] == "0 2 * * *"
    assert '"timezone":"Asia/Tokyo"' in listed["experimentManifest"]
    assert '"suspend":true' in listed["experimentManifest"]


async def test_switching_what_has_no_schedule_damages_its_manifest(shop: Shop) -> None:
    await shop.data(SWITCH, {"e": shop.experiment.experiment_id, "off": True})
    assert "templates" not in (await experiments(shop))[0]["experimentManifest"]


async def test_switching_needs_a_connected_agent(shop: Shop) -> None:
    shop.world.disconnect(shop.infra)
    answer = await shop.ask(SWITCH, {"e": shop.experiment.experiment_id, "off": True})
    message = "cron experiement updation failed due to inactive infra, err: <nil>"
    assert answer.json["errors"][0]["message"] == message
