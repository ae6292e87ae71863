"""The rows for who runs the sidecar."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as board
from panels import graph, number
from projects import NONE_IS_GOOD, Part, of_projects

_ROUTES: Final = 'job=~"$job", route!~"/healthz|/readyz|/metrics|unmatched"'
_LITMUS: Final = 'instance=~"$instance"'
_OURS: Final = 'job=~"$job"'
_LAST_SUCCESS: Final = "litmus_sidecar_sync_last_success_timestamp_seconds"
_SECTION: Final = "instance, project, section"
FAILURES: Final = (
    "internal|busy|not_ready|no_data|too_stale|lease_lost|.+_unavailable|upstream_.+|token_rejected"
    "|token_revoked|action_not_done|initial_password|credentials_rejected|rights_unknown"
)
"""Outcomes that are no fault of the sender, as in the rules."""


def synchronisation() -> Part:
    """Whether what is shown is fresh, and if not, why."""
    yield board.Row("Synchronisation and Litmus")
    yield number(
        "Litmus away",
        'sum(max by (instance) (litmus_sidecar_breaker_open{instance=~"$instance"}))',
        "Instances that are left alone because they do not answer.",
        steps=NONE_IS_GOOD,
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
        steps=NONE_IS_GOOD,
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
        steps=NONE_IS_GOOD,
    )
    yield number(
        "Store outages",
        'sum(increase(litmus_sidecar_store_outages_total{job=~"$job"}[$__range]))',
        "Times that the database was lost, in the time shown.",
        steps=NONE_IS_GOOD,
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


def quantile(share: float, histogram: str, labels: str, selector: str) -> str:
    """Return a quantile of a histogram over the time that a point of the graph stands for."""
    grown = f"rate({histogram}_bucket{{{selector}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le, {labels}) ({grown}))"


def rate(counter: str, selector: str) -> str:
    """Return how fast a counter grows, over the time that a point of the graph stands for."""
    return f"rate({counter}_total{{{selector}}}[$__rate_interval])"
