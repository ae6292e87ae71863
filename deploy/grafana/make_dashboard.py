"""Write dashboard.json beside this file: ``python deploy/grafana/make_dashboard.py``.

Made with Grafana's own builders; a test compares, so the file cannot fall
behind. Two readers: who answers for resilience, and who runs the sidecar.

One project may belong to several entities, and every replica tells the same of
the domain. So series of the domain are first put together by ``max``, those of
a project are filtered by ``and`` (which no second entity makes ambiguous), and
only ``entity_info`` is ever the many side of a product. Names of labels:
deploy/prometheus/scrape.yaml.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from panels import SOURCE, Panel, graph, number, rows

FILE: Final = Path(__file__).with_name("dashboard.json")

_SCORE: Final = ((None, "red"), (50.0, "orange"), (80.0, "green"))
_NONE_IS_GOOD: Final = ((None, "green"), (1.0, "red"))
_ENTITIES: Final = 'backstage_litmus_entity_info{instance=~"$instance", owner=~"$owner", entity=~"$entity"}'
_INFO: Final = f"max by (instance, project, entity, owner, system) ({_ENTITIES})"
_ENTITY_SCORE: Final = "max by (instance, project, entity) (backstage_litmus_entity_score)"
_SCORED: Final = f"{_INFO} * on (instance, project, entity) group_left () {_ENTITY_SCORE}"
_ROUTES: Final = 'job=~"$job", route!~"/healthz|/readyz|/metrics|unmatched"'
FAILURES: Final = (
    "internal|busy|not_ready|no_data|too_stale|lease_lost|.+_unavailable|upstream_.+|token_rejected"
    "|token_revoked|action_not_done|initial_password|credentials_rejected|rights_unknown"
)
"""Outcomes that are no fault of the sender, as in the rules."""
_LITMUS: Final = 'instance=~"$instance"'
_OURS: Final = 'job=~"$job"'
_EXPERIMENT: Final = "instance, project, experiment_id, experiment"
_ENTITY: Final = "instance, project, entity"
_ENTITY_COLUMNS: Final = {"entity": "Entity", "instance": "Instance", "project": "Project"}
_LAST_SUCCESS: Final = "litmus_sidecar_sync_last_success_timestamp_seconds"
_SECTION: Final = "instance, project, section"
Part = Iterator[board.Row | Panel]


def of_projects(metric: str, labels: str = "instance, project") -> str:
    """Return a metric of projects, each once, of those that chosen entities name."""
    return f"max by ({labels}) ({metric}) and on (instance, project) {_ENTITIES}"


def of_entities(metric: str) -> str:
    """Return a metric of the chosen entities, each once."""
    return f"max by ({_ENTITY}) ({metric}) and on ({_ENTITY}) {_ENTITIES}"


def quantile(share: float, histogram: str, labels: str, selector: str) -> str:
    """Return a quantile of a histogram over the time that a point of the graph stands for."""
    grown = f"rate({histogram}_bucket{{{selector}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le, {labels}) ({grown}))"


def rate(counter: str, selector: str) -> str:
    """Return how fast a counter grows, over the time that a point of the graph stands for."""
    return f"rate({counter}_total{{{selector}}}[$__rate_interval])"


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
        steps=_NONE_IS_GOOD,
    )
    yield number(
        "Overdue schedules",
        f"sum({of_projects('backstage_litmus_project_overdue_schedules')})",
        "Schedules that missed a fire time and had no run since.",
        steps=_NONE_IS_GOOD,
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
        steps=_NONE_IS_GOOD,
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


def synchronisation() -> Part:
    """Whether what is shown is fresh, and if not, why."""
    yield board.Row("Synchronisation and Litmus")
    yield number(
        "Litmus away",
        'sum(max by (instance) (litmus_sidecar_breaker_open{instance=~"$instance"}))',
        "Instances that are left alone because they do not answer.",
        steps=_NONE_IS_GOOD,
    )
    yield number(
        "Oldest section",
        f"max(time() - ({of_projects('backstage_litmus_section_success_timestamp_seconds', _SECTION)}))",
        "Age of the oldest part of any project.",
        unit="s",
        steps=((None, "green"), (3600.0, "orange")),
    )
    yield number(
        "Sections that fail",
        f"sum({of_projects('backstage_litmus_section_failed', _SECTION)})",
        "Parts of projects of which the last attempt failed.",
        steps=((None, "green"), (1.0, "orange")),
    )
    yield number(
        "Token expires",
        f"min(litmus_sidecar_token_expiry_timestamp_seconds{{{_LITMUS}}}) - time()",
        "Of the token that expires first, on any replica; without a value none does.",
        unit="s",
        steps=((None, "red"), (259200.0, "orange"), (1209600.0, "green")),
    )
    yield number(
        "Experiments", "max(backstage_litmus_experiments_known)", "Of all projects, whatever is chosen above."
    )
    yield number(
        "Experiments cut",
        "max(backstage_litmus_experiments_cut)",
        "Experiments without series of their own, by metrics.maxExperiments.",
        steps=((None, "green"), (1.0, "orange")),
    )
    yield graph(
        "Lag",
        ('max by (instance) (litmus_sidecar_sync_lag_seconds{instance=~"$instance"})', "{{instance}}"),
        description="How long after they fell due jobs begin; lasting values mean that the pace is too slow.",
        unit="s",
    )
    yield graph(
        "Since the last success",
        (
            f"time() - max by (instance, lane) ({_LAST_SUCCESS}{{{_LITMUS}}})",
            "{{instance}} {{lane}}",
        ),
        description="Of any project of the instance, on any replica.",
        unit="s",
    )
    yield graph(
        "Attempts, by outcome",
        (
            f"sum by (instance, lane, outcome) ({rate('litmus_sidecar_sync_attempts', _LITMUS)})",
            "{{instance}} {{lane}} {{outcome}}",
        ),
        description="Of lanes of projects, on all replicas.",
        unit="ops",
    )
    yield graph(
        "Duration of synchronisations, 95 %",
        (
            quantile(0.95, "litmus_sidecar_sync_duration_seconds", "instance, lane", _LITMUS),
            "{{instance}} {{lane}}",
        ),
        description="Waiting for the pace included.",
        unit="s",
    )
    yield graph(
        "Requests to Litmus",
        (
            f"sum by (instance, operation, outcome) ({rate('litmus_sidecar_upstream_requests', _LITMUS)})",
            "{{instance}} {{operation}} {{outcome}}",
        ),
        description="By operation and outcome.",
        unit="reqps",
    )
    yield graph(
        "Litmus's time, 95 %",
        (
            quantile(
                0.95,
                "litmus_sidecar_upstream_request_duration_seconds",
                "instance, operation",
                'instance=~"$instance"',
            ),
            "{{instance}} {{operation}}",
        ),
        description="By operation.",
        unit="s",
    )


def serving() -> Part:
    """How well requests are answered."""
    requests = rate("litmus_sidecar_requests", _ROUTES)
    failed = rate("litmus_sidecar_requests", f'{_ROUTES}, outcome=~"{FAILURES}"')
    hits, misses, known, built = (
        f"sum({rate(f'litmus_sidecar_{what}', _OURS)})"
        for what in (
            "answer_cache_hits",
            "answer_cache_misses",
            "graphql_answer_hits",
            "graphql_answers_built",
        )
    )
    yield board.Row("Requests")
    yield graph(
        "Requests, by outcome",
        (f"sum by (outcome) ({requests})", "{{outcome}}"),
        description="Health, metrics and unknown paths left out.",
        unit="reqps",
    )
    yield graph(
        "Failures",
        (f"(sum({failed}) or 0 * sum({requests})) / sum({requests})", "of all requests"),
        ("vector(0.005)", "budget"),
        description="Requests that failed by no fault of their sender.",
        unit="percentunit",
    )
    yield graph(
        "Time of answers",
        *(
            (quantile(share, "litmus_sidecar_request_duration_seconds", "job", _ROUTES), name)
            for share, name in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
        ),
        description="From the headers of the request until the answer is made.",
        unit="s",
    )
    yield graph(
        "Time of answers by route, 95 %",
        (quantile(0.95, "litmus_sidecar_request_duration_seconds", "route", _ROUTES), "{{route}}"),
        description="By route template.",
        unit="s",
    )
    yield graph(
        "Answers from memory",
        (f"{hits} / ({hits} + {misses})", "GET"),
        (f"{known} / ({known} + {built})", "GraphQL"),
        description="Share that was not made anew.",
        unit="percentunit",
        most=1,
    )
    yield graph(
        "Actions",
        (
            'sum by (kind, outcome) (increase(litmus_sidecar_actions_total{job=~"$job"}[$__rate_interval]))',
            "{{kind}} {{outcome}}",
        ),
        description="Attempts to run, stop or switch.",
    )


def process() -> Part:
    """The process and its store."""
    yield board.Row("Process and store")
    yield number("Replicas", 'count(litmus_sidecar_build_info{job=~"$job"})', "That are scraped.")
    yield number(
        "Store degraded",
        'sum(litmus_sidecar_store_degraded{job=~"$job"})',
        "Replicas without their database.",
        steps=_NONE_IS_GOOD,
    )
    yield number(
        "Catalog problems",
        'max(litmus_sidecar_catalog_problems{job=~"$job"})',
        "Documents, annotations or files that could not be used.",
        steps=((None, "green"), (1.0, "orange")),
    )
    yield number(
        "Task failures",
        'sum(increase(litmus_sidecar_task_failures_total{job=~"$job"}[$__range]))',
        "Unexpected ends of a task, in the time shown.",
        steps=_NONE_IS_GOOD,
    )
    yield number(
        "Store outages",
        'sum(increase(litmus_sidecar_store_outages_total{job=~"$job"}[$__range]))',
        "Times that the database was lost, in the time shown.",
        steps=_NONE_IS_GOOD,
    )
    yield number(
        "Versions",
        'count(count by (version) (litmus_sidecar_build_info{job=~"$job"}))',
        "Different versions at once; more than one during an update.",
    )
    yield graph(
        "Time of the store, 95 %",
        (
            quantile(0.95, "litmus_sidecar_store_operation_duration_seconds", "operation", _OURS),
            "{{operation}}",
        ),
        description="Transactions, waiting for a turn included.",
        unit="s",
    )
    yield graph(
        "Lag of the event loop, 99 %",
        (quantile(0.99, "litmus_sidecar_event_loop_lag_seconds", "job", _OURS), "{{job}}"),
        description="Every request waits as long.",
        unit="s",
    )
    yield graph(
        "CPU",
        ('sum by (job) (rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval]))', "{{job}}"),
        description="Cores, all replicas together.",
    )
    yield graph(
        "Memory",
        ('sum by (job) (process_resident_memory_bytes{job=~"$job"})', "{{job}}"),
        description="All replicas together.",
        unit="bytes",
    )


def text() -> str:
    """Return the text of the file."""
    made = (
        board.Dashboard("Litmus sidecar")
        .uid("litmus-sidecar")
        .description("Resilience of what the catalog names, and how the sidecar itself does.")
        .tags(["litmus", "backstage", "chaos"])
        .timezone("browser")
        .time("now-7d", "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(board.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_choice("job", "Job", "litmus_sidecar_build_info"))
        .with_variable(_choice("instance", "Litmus", "backstage_litmus_entity_info"))
        .with_variable(_choice("owner", "Owner", 'backstage_litmus_entity_info{instance=~"$instance"}'))
        .with_variable(
            _choice(
                "entity", "Entity", 'backstage_litmus_entity_info{instance=~"$instance", owner=~"$owner"}'
            )
        )
    )
    for part in (portfolio, synchronisation, serving, process):
        for panel in part():
            made = made.with_row(panel) if isinstance(panel, board.Row) else made.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def _choice(name: str, label: str, metric: str) -> board.QueryVariable:
    values: dict[str, object] = {"query": f"label_values({metric}, {name})", "refId": name}
    variable = board.QueryVariable(name).label(label).datasource(SOURCE).query(values)
    variable = variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        models.VariableSort.ALPHABETICAL_ASC
    )
    everything = models.VariableOption(text="All", value="$__all", selected=True)
    return variable.multi(True).include_all(True).all_value(".*").current(everything)  # noqa: FBT003 - the library's own


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(text())
    else:
        FILE.write_text(text(), encoding="utf-8")
