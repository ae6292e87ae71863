"""The rows for who answers for resilience."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as board
from panels import graph, number, rows
from projects import ENTITIES, NONE_IS_GOOD, Part, of_projects

_SCORE: Final = ((None, "red"), (50.0, "orange"), (80.0, "green"))
_INFO: Final = f"max by (instance, project, entity, owner, system) ({ENTITIES})"
_ENTITY: Final = "instance, project, entity"
_ENTITY_SCORE: Final = "max by (instance, project, entity) (backstage_litmus_entity_score)"
_SCORED: Final = f"{_INFO} * on (instance, project, entity) group_left () {_ENTITY_SCORE}"
_EXPERIMENT: Final = "instance, project, experiment_id, experiment"
_ENTITY_COLUMNS: Final = {"entity": "Entity", "instance": "Instance", "project": "Project"}


def portfolio() -> Part:
    """What the one who answers for resilience looks at."""
    yield board.Row("Resilience")
    yield number(
        "Score now", f"avg({_SCORED})", "Mean over the chosen entities.", unit="percent", steps=_SCORE
    )
    yield number("Entities", f"count({_INFO})", "Entities of the catalog that name a Litmus project.")
    yield number(
        "Without a score",
        f"count({_INFO}) - (count({_SCORED}) or 0 * count({_INFO}))",
        "Entities of which no experiment has a scored run.",
        steps=((None, "green"), (1.0, "orange")),
    )
    yield number("Running now", f"sum({of_projects('backstage_litmus_project_running_runs')})", "Runs.")
    yield number(
        "Stuck",
        f"sum({of_projects('backstage_litmus_project_stuck_runs')})",
        "Unfinished runs without news for an hour.",
        steps=NONE_IS_GOOD,
    )
    yield number(
        "Overdue schedules",
        f"sum({of_projects('backstage_litmus_project_overdue_schedules')})",
        "Schedules that missed a fire time and had no run since.",
        steps=NONE_IS_GOOD,
    )
    for by, chosen in (("owner", '{owner=~"$owner"}'), ("system", ""), ("domain", "")):
        scores = f"max by ({by}) (backstage_litmus_{by}_score{chosen})"
        yield graph(
            f"Score by {by}",
            (f'label_replace({scores}, "{by}", "none", "{by}", "")', f"{{{{{by}}}}}"),
            description="Mean over experiments, each project once, of all instances; as in the portfolio.",
            unit="percent",
            most=100,
        )
    yield graph(
        "Runs finished, by outcome",
        (f"sum by (outcome) ({of_projects(_FINISHED, 'instance, project, outcome')})", "{{outcome}}"),
        description="Within the interval of a point; once, also where entities share a project.",
    )
    yield rows(
        "Score",
        _SCORED,
        {
            "entity": "Entity",
            "owner": "Owner",
            "system": "System",
            "instance": "Instance",
            "project": "Project",
        },
        description="Worst first.",
        unit="percent",
        steps=_SCORE,
    )
    yield rows(
        "Latest score",
        f"bottomk(50, {of_projects('backstage_litmus_experiment_score', _EXPERIMENT)})",
        {"experiment": "Experiment", "instance": "Instance", "project": "Project", "experiment_id": "Id"},
        description="The fifty worst experiments; none where experiments are cut, see below.",
        unit="percent",
        steps=_SCORE,
    )
    yield rows(
        "Score of the last run",
        f"bottomk(50, {of_entities('backstage_litmus_entity_last_run_score')})",
        _ENTITY_COLUMNS,
        description="The fifty worst entities; none while the last run is not scored.",
        unit="percent",
        steps=_SCORE,
    )
    yield rows(
        "Missed runs",
        f"topk(50, {of_entities('backstage_litmus_entity_missed_runs')})",
        _ENTITY_COLUMNS,
        description="Fire times of all schedules without a run, as long as runs are kept.",
        unit="short",
        steps=NONE_IS_GOOD,
        falling=True,
    )
    yield rows(
        "Next run",
        f"bottomk(50, 1000 * ({of_entities('backstage_litmus_entity_next_run_timestamp_seconds')}))",
        _ENTITY_COLUMNS,
        description="When the first of the schedules fires next.",
        unit="dateTimeFromNow",
        steps=((None, "text"),),
    )


_FINISHED: Final = "increase(backstage_litmus_project_runs_total[$__rate_interval])"


def of_entities(metric: str) -> str:
    """Return a metric of the chosen entities, each once."""
    return f"max by ({_ENTITY}) ({metric}) and on ({_ENTITY}) {ENTITIES}"
