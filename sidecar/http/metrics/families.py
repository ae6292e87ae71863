"""The domain's metrics: which there are, and what each means.

A project and an entity have the same figures, an entity those of its part of
the project; an experiment has its own.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Final

import msgspec

from sidecar.http.metrics.text_format import Family
from sidecar.insight.rollup import Grouping

PREFIX: Final = "backstage_litmus"
_COUNTED: Final = (
    "Runs that finished, by outcome when first seen finished; deletion and retention lower nothing."
)
_LAST_SCORE: Final = "Score of the latest run, 0 to 100; absent while that is not scored."
_OVERDUE: Final = "missed a fire time and had no run of the experiment since"


class ScopeFamilies(msgspec.Struct, frozen=True, kw_only=True):
    """The figures that a project has, and an entity of it."""

    score: Family
    runs: Family
    running_runs: Family
    stuck_runs: Family
    last_stuck: Family
    last_run: Family
    last_run_outcome: Family
    last_run_score: Family
    next_run: Family
    missed_runs: Family
    last_missed: Family
    overdue_schedules: Family


def _scope(name: str, whose: str) -> ScopeFamilies:
    def family(suffix: str, help_text: str) -> Family:
        return Family(name=f"{PREFIX}_{name}_{suffix}", help=help_text)

    return ScopeFamilies(
        score=family("score", f"Score now: mean of the latest scores of {whose} experiments, 0 to 100."),
        runs=Family(name=f"{PREFIX}_{name}_runs", help=_COUNTED, kind="counter"),
        running_runs=family("running_runs", "Runs that are running or waiting and not stuck."),
        stuck_runs=family("stuck_runs", "Runs that are running or waiting and have not changed for an hour."),
        last_stuck=family("last_stuck_timestamp_seconds", "When the latest of the stuck runs became so."),
        last_run=family("last_run_timestamp_seconds", "Creation of the latest run."),
        last_run_outcome=family("last_run_outcome", "1 for the outcome of the latest run."),
        last_run_score=family("last_run_score", _LAST_SCORE),
        next_run=family("next_run_timestamp_seconds", "When the first of the schedules fires next."),
        missed_runs=family(
            "missed_runs", "Fire times of all schedules without a run, as long as runs are kept."
        ),
        last_missed=family("last_missed_timestamp_seconds", "The latest fire time without a run."),
        overdue_schedules=family("overdue_schedules", f"Schedules that {_OVERDUE}."),
    )


OF_ENTITY: Final = _scope("entity", "the entity's")
OF_PROJECT: Final = _scope("project", "the project's")

ENTITY_INFO: Final = Family(
    name="backstage_litmus_entity_info",
    help="Always 1; joins a project to the entity that names it, and to its owner and system.",
)
PROJECT_EXPERIMENTS: Final = Family(
    name="backstage_litmus_project_experiments", help="Experiments of the project."
)
PROJECT_INFRASTRUCTURES: Final = Family(
    name="backstage_litmus_project_infrastructures", help="Chaos infrastructures, by state."
)
PROJECT_HUBS: Final = Family(name="backstage_litmus_project_hubs", help="ChaosHubs, by state.")
PROJECT_GITOPS: Final = Family(
    name="backstage_litmus_project_gitops_enabled", help="1 if GitOps is on, 0 if it is off."
)
SECTION_SUCCESS: Final = Family(
    name="backstage_litmus_section_success_timestamp_seconds",
    help="Last time that a part of the project was read from Litmus.",
)
SECTION_FAILED: Final = Family(
    name="backstage_litmus_section_failed", help="1 if the last attempt to read the part failed, else 0."
)
HISTORY_COMPLETE: Final = Family(
    name="backstage_litmus_history_complete",
    help="1 once all runs that Litmus had were read; before, figures may miss older ones.",
)
EXPERIMENT_SCORE: Final = Family(
    name="backstage_litmus_experiment_score", help="Score of the latest scored run, 0 to 100."
)
EXPERIMENT_RUNS: Final = Family(name="backstage_litmus_experiment_runs", help=_COUNTED, kind="counter")
EXPERIMENT_RUNNING: Final = Family(
    name="backstage_litmus_experiment_running_runs", help="Runs that are running or waiting and not stuck."
)
EXPERIMENT_STUCK: Final = Family(
    name="backstage_litmus_experiment_stuck_runs",
    help="Runs that are running or waiting and have not changed for an hour.",
)
EXPERIMENT_LAST_RUN: Final = Family(
    name="backstage_litmus_experiment_last_run_timestamp_seconds", help="Creation of the latest run."
)
EXPERIMENT_LAST_OUTCOME: Final = Family(
    name="backstage_litmus_experiment_last_run_outcome", help="1 for the outcome of the latest run."
)
EXPERIMENT_LAST_SCORE: Final = Family(name="backstage_litmus_experiment_last_run_score", help=_LAST_SCORE)
SCHEDULE_NEXT: Final = Family(
    name="backstage_litmus_schedule_next_run_timestamp_seconds", help="When the schedule fires next."
)
SCHEDULE_MISSED: Final = Family(
    name="backstage_litmus_schedule_missed_runs",
    help="Fire times without a run since the schedule was first seen as it is, as long as runs are kept.",
)
SCHEDULE_SKIPPED: Final = Family(
    name="backstage_litmus_schedule_skipped_runs",
    help="Fire times during a run, at which the scheduler starts no second one.",
)
SCHEDULE_NEVER_STARTED: Final = Family(
    name="backstage_litmus_schedule_never_started",
    help="1 if the schedule was saved in Litmus and never started, else 0.",
)
SCHEDULE_LAST_MISSED: Final = Family(
    name="backstage_litmus_schedule_last_missed_timestamp_seconds", help="The latest fire time without a run."
)
SCHEDULE_OVERDUE: Final = Family(
    name="backstage_litmus_schedule_overdue", help=f"1 if the schedule {_OVERDUE}, else 0."
)
EXPERIMENTS_KNOWN: Final = Family(
    name="backstage_litmus_experiments_known", help="Experiments of all projects."
)
EXPERIMENTS_CUT: Final = Family(
    name="backstage_litmus_experiments_cut",
    help="Experiments left without series of their own because there are more than metrics.maxExperiments.",
)
GROUP_SCORES: Final[Mapping[Grouping, Family]] = {
    by: Family(
        name=f"{PREFIX}_{by.value}_score",
        help=f"Score now of the {by.value}: mean over its experiments, each project once, 0 to 100.",
    )
    for by in Grouping
}

OF_PROJECTS: Final = (
    ENTITY_INFO,
    *chain.from_iterable(msgspec.structs.astuple(scope) for scope in (OF_ENTITY, OF_PROJECT)),
    PROJECT_EXPERIMENTS,
    PROJECT_INFRASTRUCTURES,
    PROJECT_HUBS,
    PROJECT_GITOPS,
    SECTION_SUCCESS,
    SECTION_FAILED,
    HISTORY_COMPLETE,
)
OF_EXPERIMENTS: Final = (
    EXPERIMENT_SCORE,
    EXPERIMENT_RUNS,
    EXPERIMENT_RUNNING,
    EXPERIMENT_STUCK,
    EXPERIMENT_LAST_RUN,
    EXPERIMENT_LAST_OUTCOME,
    EXPERIMENT_LAST_SCORE,
    SCHEDULE_NEXT,
    SCHEDULE_MISSED,
    SCHEDULE_SKIPPED,
    SCHEDULE_NEVER_STARTED,
    SCHEDULE_LAST_MISSED,
    SCHEDULE_OVERDUE,
)
"""What is left out when there are too many experiments."""
OF_GROUPS: Final = tuple(GROUP_SCORES.values())
OF_ALL: Final = (EXPERIMENTS_KNOWN, EXPERIMENTS_CUT)
FAMILIES: Final = (*OF_PROJECTS, *OF_EXPERIMENTS, *OF_GROUPS, *OF_ALL)
"""Every metric of the domain."""
