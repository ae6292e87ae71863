"""The surprises of Litmus's answers, one sentence each."""

from typing import Any

import pytest

from sidecar.simulator import SECRET_MARKER
from tests.simulator.conftest import NOW, Shop

LIST = """query ($p: ID!, $r: ListExperimentRequest!) { listExperiment(projectID: $p, request: $r) {
  totalNoOfExperiments experiments {
    experimentID name projectID cronSyntax experimentType experimentManifest updatedAt
    infra { infraID name updateStatus isInfraConfirmed token projectID }
    updatedBy { username userID }
    recentExperimentRunDetails { experimentRunID phase resiliencyScore updatedAt updatedBy { username } }
  }
} }"""
RUNS = """query ($p: ID!, $r: ListExperimentRunRequest!) { listExperimentRun(projectID: $p, request: $r) {
  totalNoOfExperimentRuns experimentRuns {
    experimentRunID experimentName phase resiliencyScore totalFaults faultsPassed notifyID runSequence
    createdBy { username } updatedBy { username } executionData
  }
} }"""
ONE_RUN = """query ($p: ID!, $run: ID, $notify: ID) {
  getExperimentRun(projectID: $p, experimentRunID: $run, notifyID: $notify) { experimentRunID phase notifyID }
}"""
RUN = "mutation ($p: ID!, $e: String!) { runChaosExperiment(projectID: $p, experimentID: $e) { notifyID } }"


async def experiments(shop: Shop, **request: Any) -> list[Any]:
    listed: list[Any] = (await shop.data(LIST, {"r": request}))["listExperiment"]["experiments"]
    return listed


async def runs(shop: Shop, **request: Any) -> list[Any]:
    listed: list[Any] = (await shop.data(RUNS, {"r": request}))["listExperimentRun"]["experimentRuns"]
    return listed


async def test_fifteen_experiments_are_the_silent_page(shop: Shop) -> None:
    for number in range(19):
        shop.world.add_experiment(shop.project, shop.infra, f"e{number}")
    answer = (await shop.data(LIST, {"r": {}}))["listExperiment"]
    assert (answer["totalNoOfExperiments"], len(answer["experiments"])) == (20, 15)
    assert len(await experiments(shop, pagination={"page": 1, "limit": 12})) == 8


async def test_infras_have_no_page_of_their_own(shop: Shop) -> None:
    for number in range(19):
        shop.world.add_infra(shop.project, shop.environment, f"i{number}")
    answer = await shop.data(
        "{ listInfras(projectID: $p) { totalNoOfInfras infras { updateStatus infraType } } }"
    )
    assert len(answer["listInfras"]["infras"]) == 20
    assert answer["listInfras"]["infras"][0] == {"updateStatus": "", "infraType": None}


async def test_sorting_by_name_is_inverted_for_experiments_only(shop: Shop) -> None:
    other = shop.world.add_experiment(shop.project, shop.infra, "a-first")
    shop.world.start_run(other)
    shop.world.start_run(shop.experiment)
    sort = {"field": "NAME", "ascending": True}
    assert [e["name"] for e in await experiments(shop, sort=sort)] == ["checkout-pod-delete", "a-first"]
    assert [r["experimentName"] for r in await runs(shop, sort=sort)] == ["a-first", "checkout-pod-delete"]


async def test_a_name_filter_is_a_case_sensitive_expression(shop: Shop) -> None:
    assert len(await experiments(shop, filter={"experimentName": "^check.*te$"})) == 1
    assert await experiments(shop, filter={"experimentName": "CHECK"}) == []


async def test_a_broken_expression_is_a_database_error(shop: Shop) -> None:
    answer = await shop.ask(LIST, {"r": {"filter": {"experimentName": "("}}})
    assert answer.json["errors"][0]["message"].startswith("DB aggregate stage error")


@pytest.mark.parametrize("pagination", [{"page": 0, "limit": 0}, {"page": -1, "limit": 5}])
async def test_an_impossible_page_is_a_database_error(shop: Shop, pagination: dict[str, int]) -> None:
    answer = await shop.ask(LIST, {"r": {"pagination": pagination}})
    assert answer.json["errors"][0]["message"].startswith("DB aggregate stage error")
    assert answer.json["data"] is None


async def test_an_experiment_that_never_ran_has_null_runs(shop: Shop) -> None:
    (experiment,) = await experiments(shop)
    assert experiment["recentExperimentRunDetails"] is None
    assert experiment["projectID"] == ""
    assert experiment["cronSyntax"] == ""


async def test_the_recent_list_keeps_ten_newest_first(shop: Shop) -> None:
    for _ in range(12):
        shop.world.finish_run(shop.world.start_run(shop.experiment, username="alice"))
    (experiment,) = await experiments(shop)
    recent = experiment["recentExperimentRunDetails"]
    newest = (await runs(shop, sort={"field": "TIME", "ascending": False}))[0]
    assert len(recent) == 10
    assert newest["phase"] == recent[0]["phase"] == "Completed"


async def test_a_deleted_run_stays_in_the_recent_list_and_in_the_total(shop: Shop) -> None:
    run = shop.world.start_run(shop.experiment)
    shop.world.delete_run(run)
    stats = await shop.data("{ getExperimentRunStats(projectID: $p) { totalExperimentRuns } }")
    assert await runs(shop) == []
    assert len((await experiments(shop))[0]["recentExperimentRunDetails"]) == 1
    assert stats["getExperimentRunStats"]["totalExperimentRuns"] == 1


async def test_with_two_queued_runs_an_event_lands_on_the_wrong_recent_entry(shop: Shop) -> None:
    older = shop.world.start_run(shop.experiment, username="alice")
    shop.world.start_run(shop.experiment, username="bob")
    shop.world.report(older, "Running")
    recent = (await experiments(shop))[0]["recentExperimentRunDetails"]
    assert [(entry["phase"], entry["updatedBy"]["username"]) for entry in recent] == [
        ("Running", "bob"),
        ("Queued", "alice"),
    ]


async def test_a_queued_run_has_no_id_no_counters_and_two_kinds_of_no_score(shop: Shop) -> None:
    shop.world.start_run(shop.experiment, username="alice")
    (run,) = await runs(shop)
    (recent,) = (await experiments(shop))[0]["recentExperimentRunDetails"]
    assert (run["experimentRunID"], run["resiliencyScore"], run["totalFaults"]) == ("", 0, None)
    assert (run["notifyID"], run["createdBy"], run["executionData"]) == (None, None, "")
    assert recent["resiliencyScore"] is None


async def test_a_running_run_counts_zero_faults_and_a_finished_one_all(shop: Shop) -> None:
    run = shop.world.start_run(shop.experiment)
    shop.world.report(run, "Running")
    assert (await runs(shop))[0]["totalFaults"] == 0
    shop.world.finish_run(run, phase="Completed_With_Probe_Failure", score=66.66)
    (finished,) = await runs(shop)
    assert (finished["totalFaults"], finished["faultsPassed"], finished["resiliencyScore"]) == (2, 1, 66.66)


@pytest.mark.parametrize("phase", ["Pending", "Completed_With_Probe_Failure"])
async def test_phases_outside_the_enum_are_emitted_but_not_accepted(shop: Shop, phase: str) -> None:
    shop.world.report(shop.world.start_run(shop.experiment), phase)
    assert (await runs(shop, filter={"experimentRunStatus": [phase]}))[0]["phase"] == phase
    assert (await shop.ask(RUNS, {"r": {"filter": {"experimentStatus": phase}}})).status == 422


async def test_whole_scores_are_written_without_a_fraction(shop: Shop) -> None:
    shop.world.finish_run(shop.world.start_run(shop.experiment))
    assert '"resiliencyScore":100,' in (await shop.ask(RUNS, {"r": {}})).text


async def test_stats_count_exact_phases_and_the_rest_in_the_total_only(shop: Shop) -> None:
    for phase in ("Completed", "Completed_With_Probe_Failure", "Error", "Stopped", "Pending", "Running"):
        shop.world.report(shop.world.start_run(shop.experiment), phase)
    stats = await shop.data("""{ getExperimentRunStats(projectID: $p) {
      totalExperimentRuns totalCompletedExperimentRuns totalErroredExperimentRuns totalStoppedExperimentRuns
    } }""")
    assert list(stats["getExperimentRunStats"].values()) == [6, 1, 1, 1]


async def test_an_infra_whose_document_is_gone_is_null_in_experiments(shop: Shop) -> None:
    shop.world.drop_infra(shop.infra)
    assert (await experiments(shop))[0]["infra"] is None


async def test_an_infra_whose_document_is_gone_makes_a_run_null_and_an_error(shop: Shop) -> None:
    shop.world.start_run(shop.experiment)
    shop.world.drop_infra(shop.infra)
    answer = await shop.ask(
        "{ listExperimentRun(projectID: $p, request: {}) { experimentRuns { phase infra { name } } } }"
    )
    assert answer.json == {
        "errors": [
            {"message": "must not be null", "path": ["listExperimentRun", "experimentRuns", 0, "infra"]}
        ],
        "data": {"listExperimentRun": {"experimentRuns": [None]}},
    }
    assert len(await runs(shop)) == 1


async def test_a_removed_infra_is_still_joined_but_not_listed(shop: Shop) -> None:
    shop.world.remove_infra(shop.infra)
    answer = await shop.data("{ listInfras(projectID: $p) { totalNoOfInfras } }")
    assert (await experiments(shop))[0]["infra"]["name"] == "gke"
    assert answer["listInfras"]["totalNoOfInfras"] == 0


async def test_a_joined_infra_is_mostly_empty(shop: Shop) -> None:
    (experiment,) = await experiments(shop)
    assert experiment["infra"] == {
        "infraID": shop.infra.infra_id,
        "name": "gke",
        "updateStatus": "",
        "isInfraConfirmed": False,
        "token": "",
        "projectID": "",
    }


async def test_an_infra_without_a_project_filter_survives_the_active_filter(shop: Shop) -> None:
    shop.world.drop_infra(shop.infra)
    assert len(await experiments(shop, filter={"infraActive": True})) == 1


async def test_no_environments_are_null_and_a_page_past_the_end_zeroes_the_total(shop: Shop) -> None:
    query = """query ($p: ID!, $r: ListEnvironmentRequest) {
      listEnvironments(projectID: $p, request: $r) { totalNoOfEnvironments environments { name } }
    }"""
    past = await shop.data(query, {"r": {"pagination": {"page": 3, "limit": 5}}})
    assert past["listEnvironments"] == {"totalNoOfEnvironments": 0, "environments": None}
    shop.world.remove_environment(shop.environment)
    assert (await shop.data(query))["listEnvironments"]["environments"] is None


async def test_the_built_in_hub_is_in_every_project_whatever_the_filter(shop: Shop) -> None:
    shop.world.add_hub(shop.project, "own")
    query = """query ($p: ID!, $r: ListChaosHubRequest) {
      listChaosHub(projectID: $p, request: $r) { name totalFaults hubType isDefault }
    }"""
    found = await shop.data(query, {"r": {"filter": {"chaosHubName": "nothing"}}})
    assert found["listChaosHub"] == [
        {"name": "Litmus ChaosHub", "totalFaults": "53", "hubType": "", "isDefault": True}
    ]
    unknown = await shop.data(query, {"p": "no such project"})
    assert len(unknown["listChaosHub"]) == 1


async def test_a_lost_clone_counts_as_text_zero(shop: Shop) -> None:
    shop.world.add_hub(shop.project, "lost", is_available=False)
    answer = await shop.data("{ listChaosHub(projectID: $p) { isAvailable totalFaults totalExperiments } }")
    assert answer["listChaosHub"][1] == {"isAvailable": False, "totalFaults": "0", "totalExperiments": "0"}


async def test_git_ops_off_is_an_answer_and_on_shows_secrets(shop: Shop) -> None:
    query = "{ getGitOpsDetails(projectID: $p) { enabled token password sshPrivateKey } }"
    assert (await shop.data(query))["getGitOpsDetails"]["enabled"] is False
    shop.world.enable_git_ops(shop.project)
    details = (await shop.data(query))["getGitOpsDetails"]
    assert details["enabled"] is True
    assert all(SECRET_MARKER in details[name] for name in ("token", "password", "sshPrivateKey"))


async def test_unconfirmed_infras_and_private_hubs_show_secrets(shop: Shop) -> None:
    shop.world.add_infra(shop.project, shop.environment, "new", is_confirmed=False, is_active=False)
    shop.world.add_hub(shop.project, "own", is_private=True)
    answer = await shop.data(
        "{ listInfras(projectID: $p) { infras { token } } listChaosHub(projectID: $p) { token } }"
    )
    assert SECRET_MARKER in answer["listInfras"]["infras"][1]["token"]
    assert SECRET_MARKER in answer["listChaosHub"][1]["token"]


async def test_date_ranges_are_of_updates_and_include_both_ends(shop: Shop) -> None:
    now_ms = int(NOW * 1000)
    at = {"startDate": str(now_ms), "endDate": str(now_ms)}
    before = {"startDate": "0", "endDate": str(now_ms - 1)}
    assert len(await experiments(shop, filter={"dateRange": at})) == 1
    assert await experiments(shop, filter={"dateRange": before}) == []


async def test_a_date_must_be_a_number(shop: Shop) -> None:
    answer = await shop.ask(LIST, {"r": {"filter": {"dateRange": {"startDate": "yesterday"}}}})
    assert answer.json["errors"][0]["message"] == "unable to parse start date"


async def test_before_3_18_a_date_range_matches_nothing(shop: Shop) -> None:
    shop.world.version = "3.17.0"
    assert await experiments(shop, filter={"dateRange": {"startDate": "0"}}) == []


async def test_run_events_do_not_move_the_experiments_time(shop: Shop) -> None:
    run = shop.world.start_run(shop.experiment)
    shop.clock.now += 60
    shop.world.finish_run(run)
    (experiment,) = await experiments(shop)
    assert experiment["updatedAt"] == str(int(NOW * 1000))
    assert experiment["recentExperimentRunDetails"][0]["updatedAt"] == str(int(NOW * 1000) + 60_000)


async def test_an_empty_run_id_matches_every_run_of_every_project(shop: Shop) -> None:
    other = shop.world.add_project("Other")
    shop.world.start_run(shop.world.add_experiment(other, shop.infra, "foreign"))
    answer = await shop.data(ONE_RUN, {"run": ""})
    assert answer["getExperimentRun"]["phase"] == "Queued"
    refused = await shop.ask(ONE_RUN)
    assert refused.json["errors"][0]["message"] == "experimentRunID or notifyID not provided"


async def test_a_started_run_is_found_by_its_notify_id(shop: Shop) -> None:
    started = await shop.data(RUN, {"e": shop.experiment.experiment_id, "request": {}})
    notify_id = started["runChaosExperiment"]["notifyID"]
    found = await shop.data(ONE_RUN, {"notify": notify_id})
    assert found["getExperimentRun"] == {"experimentRunID": "", "phase": "Queued", "notifyID": notify_id}


async def test_one_experiment_averages_all_its_finished_runs(shop: Shop) -> None:
    for phase, score in (("Completed", 100.0), ("Error", 0.0)):
        shop.world.finish_run(shop.world.start_run(shop.experiment), phase=phase, score=score)
    query = """query ($p: ID!, $e: String!) { getExperiment(projectID: $p, experimentID: $e) {
      averageResiliencyScore experimentDetails { projectID experimentType }
    } }"""
    answer = await shop.data(query, {"e": shop.experiment.experiment_id})
    assert answer["getExperiment"] == {
        "averageResiliencyScore": 50,
        "experimentDetails": {"projectID": shop.project.project_id, "experimentType": None},
    }


async def test_scores_are_sorted_into_buckets(shop: Shop) -> None:
    shop.world.finish_run(shop.world.start_run(shop.experiment), score=66.66)
    stats = await shop.data(
        "{ getExperimentStats(projectID: $p) { totalExpCategorizedByResiliencyScore { id count } } }"
    )
    assert stats["getExperimentStats"]["totalExpCategorizedByResiliencyScore"] == [{"id": 40, "count": 1}]


async def test_the_server_version_needs_no_token(shop: Shop) -> None:
    answer = await shop.ask("{ getServerVersion { key value } }", token="")
    assert answer.json["data"]["getServerVersion"] == {"key": "version", "value": "3.31.0"}


async def test_queries_work_over_get_with_the_bare_token(shop: Shop) -> None:
    params = {"query": '{ getVersionDetails(projectID: "p") { latestVersion } }'}
    answer = await shop.send("GET", "/api/query", params=params, headers={"Authorization": shop.token})
    assert answer.json["data"] == {"getVersionDetails": {"latestVersion": "3.31.0"}}


async def test_aliases_and_fragments_bubble_like_plain_fields(shop: Shop) -> None:
    answer = await shop.ask(
        "query ($p: ID!) { stats: getInfraStats(projectID: $p) { totalActiveInfrastructure } ...F } "
        "fragment F on Query { getServerVersion { value } }",
        token=shop.world.issue_token(shop.viewer),
    )
    assert answer.json["data"] is None
    assert answer.json["errors"][0]["path"] == ["stats"]


async def test_a_renamed_experiment_names_its_old_runs_too(shop: Shop) -> None:
    shop.world.finish_run(shop.world.start_run(shop.experiment))
    shop.world.edit_experiment(shop.experiment, name="renamed")
    assert [run["experimentName"] for run in await runs(shop)] == ["renamed"]
