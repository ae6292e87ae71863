"""What the plugin cannot bear is repaired on the way out, through the whole query engine."""

import json
from typing import Any

import pytest

from sidecar.domain.model import GitOps, Schedule, Section
from sidecar.replica import QueryEngine
from tests.replica.documents import BASIC_STATS, ENVIRONMENTS, EXPERIMENTS, HUBS, RUN_STATS, prepare_query
from tests.support.builders import (
    NOW,
    NOW_MS,
    content,
    environment,
    experiment,
    hub,
    infra,
    recent_run,
    run_stats,
    snapshot,
)


def ask(document: str, **sections: Any) -> Any:
    engine = QueryEngine()
    request = prepare_query(engine, document)
    return json.loads(engine.answer(request, snapshot(content(**sections))))


def only_experiment(**fields: Any) -> Any:
    (row,) = ask(EXPERIMENTS, experiments=[experiment(**fields)])["listExperiment"]["experiments"]
    return row


def test_experiment_that_never_ran_has_the_one_placeholder() -> None:
    assert only_experiment(recent_runs=())["recentExperimentRunDetails"] == [
        {
            "experimentRunID": "",
            "phase": "NA",
            "resiliencyScore": None,
            "updatedAt": "",
            "updatedBy": {"username": ""},
        }
    ]


def test_missing_infrastructure_becomes_a_placeholder() -> None:
    assert only_experiment(infra=None)["infra"] == {
        "infraID": "",
        "infraType": "",
        "name": "-",
        "environmentID": "",
        "infraNamespace": "",
        "infraScope": "",
        "isActive": False,
    }


def test_run_is_told_as_the_plugin_reads_it() -> None:
    assert only_experiment()["recentExperimentRunDetails"] == [
        {
            "experimentRunID": "run-1",
            "phase": "Completed",
            "resiliencyScore": 100.0,
            "updatedAt": str(NOW_MS),
            "updatedBy": {"username": "alice"},
        }
    ]


def test_run_without_user_names_a_dash() -> None:
    runs = only_experiment(recent_runs=[recent_run(updated_by=None)])["recentExperimentRunDetails"]
    assert runs[0]["updatedBy"] == {"username": "-"}


def test_empty_user_of_a_schedule_stays_empty() -> None:
    runs = only_experiment(recent_runs=[recent_run(updated_by="")])["recentExperimentRunDetails"]
    assert runs[0]["updatedBy"] == {"username": ""}


def test_run_without_time_has_litmus_s_zero() -> None:
    runs = only_experiment(recent_runs=[recent_run(updated_at_ms=None)])["recentExperimentRunDetails"]
    assert runs[0]["updatedAt"] == "0"


@pytest.mark.parametrize(
    ("phase", "shown"),
    [
        ("Completed", "Completed"),
        ("Completed_With_Error", "Completed_With_Error"),
        ("Completed_With_Probe_Failure", "Completed_With_Probe_Failure"),
        ("Error", "Error"),
        ("Running", "Running"),
        ("Stopped", "Stopped"),
        ("Timeout", "Timeout"),
        ("Queued", "Queued"),
        ("NA", "NA"),
        ("Pending", "Queued"),
        ("Succeeded", "Completed"),
        ("Terminated", "Stopped"),
        ("Skipped", "NA"),
        ("", "NA"),
    ],
)
def test_phase_goes_to_the_nearest_the_plugin_knows(phase: str, shown: str) -> None:
    runs = only_experiment(recent_runs=[recent_run(phase=phase)])["recentExperimentRunDetails"]
    assert runs[0]["phase"] == shown


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf"), None])
def test_score_that_json_cannot_say_is_null(score: float | None) -> None:
    runs = only_experiment(recent_runs=[recent_run(score=score)])["recentExperimentRunDetails"]
    assert runs[0]["resiliencyScore"] is None


def test_at_most_ten_runs_are_shown_newest_first() -> None:
    oldest_first = [recent_run(f"run-{number}", created_at_ms=NOW_MS + number) for number in range(12)]
    runs = only_experiment(recent_runs=oldest_first)["recentExperimentRunDetails"]
    assert [run["experimentRunID"] for run in runs] == [f"run-{number}" for number in range(11, 1, -1)]


def test_order_of_litmus_stays_where_a_run_lacks_its_time() -> None:
    runs = [
        recent_run("queued", created_at_ms=None),
        recent_run("old"),
        recent_run("new", created_at_ms=NOW_MS),
    ]
    shown = only_experiment(recent_runs=runs)["recentExperimentRunDetails"]
    assert [run["experimentRunID"] for run in shown] == ["queued", "old", "new"]


def test_schedule_the_plugin_cannot_parse_is_empty() -> None:
    assert only_experiment(cron_syntax="@every 1h")["cronSyntax"] == ""


def test_schedule_the_plugin_can_parse_is_kept() -> None:
    assert only_experiment(cron_syntax="0 2 * * *")["cronSyntax"] == "0 2 * * *"


def test_environment_has_lists_and_texts() -> None:
    lone = environment(type=None, infra_ids=(), tags=())
    assert ask(ENVIRONMENTS, environments=[lone])["listEnvironments"]["environments"] == [
        {
            "environmentID": "staging",
            "name": "Staging",
            "tags": [],
            "type": "",
            "infraIDs": [],
            "isRemoved": False,
        }
    ]


def test_no_environments_are_an_empty_list() -> None:
    assert ask(ENVIRONMENTS, environments=[]) == {"listEnvironments": {"environments": []}}


def test_counts_of_a_hub_are_numbers() -> None:
    assert ask(HUBS, hubs=[hub(total_faults=53, total_experiments=7)])["listChaosHub"] == [
        {
            "id": "hub-1",
            "isAvailable": True,
            "totalFaults": 53,
            "totalExperiments": 7,
            "name": "Litmus ChaosHub",
        }
    ]


def test_run_statistics_are_litmus_s_own() -> None:
    stats = run_stats(total=12, running=1, completed=8, terminated=0, stopped=1, errored=2)
    assert ask(RUN_STATS, run_stats=stats)["getExperimentRunStats"] == {
        "totalExperimentRuns": 12,
        "totalRunningExperimentRuns": 1,
        "totalCompletedExperimentRuns": 8,
        "totalTerminatedExperimentRuns": 0,
        "totalStoppedExperimentRuns": 1,
        "totalErroredExperimentRuns": 2,
    }


def test_figures_of_the_card_are_counted_from_the_lists() -> None:
    figures = ask(
        BASIC_STATS,
        experiments=[experiment(str(number)) for number in range(120)],
        hubs=[hub("a"), hub("b")],
        infrastructures=[infra("a"), infra("b", is_active=False), infra("c")],
        gitops=GitOps(enabled=True),
    )
    assert figures == {
        "getExperimentStats": {"totalExperiments": 120},
        "getChaosHubStats": {"totalChaosHubs": 2},
        "getInfraStats": {"totalActiveInfrastructure": 2},
        "getGitOpsDetails": {"enabled": True},
    }


@pytest.mark.parametrize(
    "sections",
    [{"gitops": GitOps(enabled=None)}, {"gitops": GitOps(enabled=False)}, {"without": [Section.GITOPS]}],
)
def test_gitops_that_nobody_may_read_is_off(sections: dict[str, Any]) -> None:
    assert ask(BASIC_STATS, **sections)["getGitOpsDetails"] == {"enabled": False}


@pytest.mark.parametrize(
    ("suspended", "started", "shown"),
    [
        (False, None, "0 2 * * *"),
        (False, True, "0 2 * * *"),
        (True, True, ""),
        (False, False, ""),
    ],
)
def test_a_suspended_or_never_started_schedule_shows_no_next_run(
    *, suspended: bool, started: bool | None, shown: str
) -> None:
    schedules = (
        Schedule(
            experiment_id=one,
            cron_syntax="0 2 * * *",
            suspended=is_suspended,
            timezone=None,
            experiment_updated_at_ms=None,
            since=NOW,
            started=is_started,
        )
        for one, is_suspended, is_started in (("nightly", suspended, started), ("bystander", False, True))
    )
    rows = ask(
        EXPERIMENTS,
        experiments=[
            experiment(experiment_id=one, cron_syntax="0 2 * * *") for one in ("nightly", "bystander")
        ],
        schedules=tuple(schedules),
    )["listExperiment"]["experiments"]
    assert [row["cronSyntax"] for row in rows] == [shown, "0 2 * * *"]
