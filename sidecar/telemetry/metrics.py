"""Our own metrics, in a registry of their own.

Label values are few and ours: route templates, error codes, names of lanes and
root fields; never paths, ids or texts of clients. Times are given as the
instant of the event; ages are a query.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sidecar.domain.action import ActionKind, ActionOutcome, AuditEvent
from sidecar.domain.model import Lane

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
_STORE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0)
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SYNC_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


ROTATIONS: Final = ("created", "adopted", "read")
"""Ways in which another token is taken into use; other outcomes are codes of errors."""


class Metrics:
    """All metrics that code counts into; one object per service, nothing global."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        build = gauge(
            "litmus_sidecar_build_info",
            "Always 1; the version of the sidecar is the label.",
            ["version"],
        )
        build.labels(version).set(1)
        self.requests = counter(
            "litmus_sidecar_requests",
            "HTTP requests answered, by route template, method and outcome (ok, or the error's code).",
            ["route", "method", "outcome"],
        )
        self.request_seconds = histogram(
            "litmus_sidecar_request_duration_seconds",
            "Time from the request's headers until its answer is made; sending one in parts is not counted.",
            ["route"],
            buckets=_LATENCY_BUCKETS,
        )
        self._labelled: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self.connections_refused = counter(
            "litmus_sidecar_connections_refused",
            "Connections refused or cut off: address, all (too many), head, body, unread.",
            ["reason"],
        )
        self.sync_attempts = counter(
            "litmus_sidecar_sync_attempts",
            "Attempts to synchronise a lane of a project, by outcome (ok, or the first error's code).",
            ["instance", "lane", "outcome"],
        )
        self.sync_seconds = histogram(
            "litmus_sidecar_sync_duration_seconds",
            "Time that one attempt took, waiting for the pace towards Litmus included.",
            ["instance", "lane"],
            buckets=_SYNC_BUCKETS,
        )
        self.sync_lag_seconds = gauge(
            "litmus_sidecar_sync_lag_seconds",
            "How late the last job was begun, 0 once none waits; lasting values stretch all intervals.",
            ["instance"],
        )
        self.sync_success = gauge(
            "litmus_sidecar_sync_last_success_timestamp_seconds",
            "When this replica last synchronised a lane of any project of the instance without an error.",
            ["instance", "lane"],
        )
        self.upstream_requests = counter(
            "litmus_sidecar_upstream_requests",
            "Requests to Litmus by operation and outcome (ok, or the error's code).",
            ["instance", "operation", "outcome"],
        )
        self.upstream_seconds = histogram(
            "litmus_sidecar_upstream_request_duration_seconds",
            "Time that Litmus took to answer, by operation.",
            ["instance", "operation"],
            buckets=_LATENCY_BUCKETS,
        )
        self.actions = counter(
            "litmus_sidecar_actions",
            "Attempts to run, stop or switch, by what came of them (an outcome, or repeat).",
            ["kind", "outcome"],
        )
        self.token_rotations = counter(
            "litmus_sidecar_token_rotations",
            "Attempts to take another token into use: created, adopted, read (a file), or the error's code.",
            ["instance", "outcome"],
        )
        self.store_seconds = histogram(
            "litmus_sidecar_store_operation_duration_seconds",
            "Time of transactions with the database, read or write, waiting for a turn included.",
            ["operation"],
            buckets=_STORE_BUCKETS,
        )
        self.loop_lag_seconds = histogram(
            "litmus_sidecar_event_loop_lag_seconds",
            "How much later than asked for a short sleep ended.",
            buckets=_LAG_BUCKETS,
        )
        self.domain_render_seconds = histogram(
            "litmus_sidecar_domain_render_seconds",
            "Time to render the domain's metrics of one project that changed, in a thread.",
            buckets=_LATENCY_BUCKETS,
        )
        self.task_failures = counter(
            "litmus_sidecar_task_failures",
            "Unexpected ends of a supervised task.",
            ["task"],
        )

    def count_request(self, route: str, method: str, outcome: str, took_seconds: float) -> None:
        """Count a request that was answered; the labels are few, so what counts them is looked up once."""
        counted, seconds = self.labelled(route, method, outcome)
        counted.inc()
        seconds.observe(took_seconds)

    def labelled(self, route: str, method: str, outcome: str) -> tuple[Counter, Histogram]:
        """Return what counts such requests, and what takes their seconds."""
        labelled = self._labelled.get((route, method, outcome))
        if labelled is None:
            labelled = self.requests.labels(route, method, outcome), self.request_seconds.labels(route)
            self._labelled[route, method, outcome] = labelled
        return labelled

    def initialise(self, instances: Iterable[str]) -> None:
        """Tell counters of which the labels are known from 0 on: what is first told as 1 never increased."""
        for instance in instances:
            for outcome in ROTATIONS:
                self.token_rotations.labels(instance, outcome)
            for lane in Lane:
                self.sync_attempts.labels(instance, lane.value, "ok")
        for reason in ("address", "all", "head", "body", "unread"):
            self.connections_refused.labels(reason)
        for kind in ActionKind:
            for outcome in (*ActionOutcome, AuditEvent.REPEAT):
                self.actions.labels(kind.value, outcome.value)

    def export(self, *reads: Callable[[], Mapping[str, "Reading"]]) -> None:
        """Export values that are kept elsewhere; they are read at each scrape."""
        for read in reads:
            self.registry.register(_ReadingsCollector(read))


class Reading:
    """A value kept elsewhere: its help, kind and labelled values."""

    __slots__ = ("counter", "help", "labels", "values")

    def __init__(
        self,
        help_text: str,
        values: Mapping[tuple[str, ...], float],
        *,
        labels: tuple[str, ...] = (),
        counter: bool = False,
    ) -> None:
        self.help = help_text
        self.values = values
        self.labels = labels
        self.counter = counter


class _ReadingsCollector(Collector):
    """Turns readings into metric families at scrape time."""

    def __init__(self, read: Callable[[], Mapping[str, Reading]]) -> None:
        self._read = read

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing in advance: the values may not be readable yet."""
        return []

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """Read the values now."""
        families: list[GaugeMetricFamily | CounterMetricFamily] = []
        for name, reading in self._read().items():
            family_type = CounterMetricFamily if reading.counter else GaugeMetricFamily
            family = family_type(name, reading.help, labels=reading.labels)
            for labels, value in reading.values.items():
                family.add_metric(labels, value)
            families.append(family)
        return families
