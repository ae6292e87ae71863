"""A real Prometheus scrapes the demonstration; our rules and dashboard find there what they ask for."""

import gzip
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from sidecar.config import Config
from sidecar.http.metrics.families import FAMILIES
from tests.e2e.conftest import ReadOnly, Shown, Small
from tests.replica.documents import RUN_STATS
from tests.support.deployed import DEPLOY, RULES, filled, load, metrics_in, queries, recordings, rules
from tests.support.explained import explained_metrics
from tests.support.prometheus import Prometheus, open_prometheus
from tests.support.service import Service, config_for, eventually, open_service

SHARED = pytest.mark.asyncio(loop_scope="session")
"""Marks what runs on what tests share: the demonstration, and the sidecar to read from."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CLASSIC = "text/plain; version=0.0.4; charset=utf-8"
PROMETHEUS_ASKS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
NOT_ON_THE_DEMONSTRATION = re.compile(r"_last_(stuck|missed)_timestamp_seconds$")
"""Figures of what goes wrong only where time passes."""
METRICS_KEY = "a-key-of-scope-metrics"
PATHS = (
    "/api/v1/entities",
    "/api/v1/portfolio",
    "/api/v1/portfolio",
    "/api/v1/now",
    "/api/v1/entities/component/default/cart/overview",
    "/api/v1/entities?limit=0",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def used(shown: Shown) -> Service:
    """The sidecar on the demonstration, with every part of it used once."""
    await use(shown.service)
    return shown.service


async def use(service: Service) -> None:
    """Ask for a bit of everything, so that everything is counted."""
    for path in PATHS:
        await service.get(path)
    (project, *_) = service.services.catalogue.current.entities
    for _ in range(2):
        await service.query(RUN_STATS, project.project.project_id)
    # An attempt that is refused counts, also one too many within a minute, and leaves the world alone.
    path = service.url("/api/v1/entities/component/default/cart/experiments/none-of-this-id/run")
    async with service.session.post(path, json={}) as refused:
        assert refused.status in {404, 429}, await refused.text()


async def metrics(service: Service, accept: str = "") -> str:
    response = await service.get("/metrics", headers={"Accept": accept} if accept else {})
    assert response.status == 200
    return await response.text()


@SHARED
async def test_promtool_finds_nothing_to_say_about_the_metrics(
    used: Service, program: Callable[[str, str], str]
) -> None:
    await eventually(lambda: has_figures(used))
    done = subprocess.run(  # noqa: S603, ASYNC221 - a program of Debian; short, and nothing else runs
        [program("promtool", "prometheus"), "check", "metrics"],
        input=await metrics(used),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def has_figures(service: Service) -> bool:
    """Tell whether snapshots and histories were read whole, so that there is nothing left to be told."""
    return "backstage_litmus_schedule_missed_runs{" in await metrics(service)


@SHARED
async def test_both_forms_tell_the_same_names(used: Service) -> None:
    await eventually(lambda: has_figures(used))
    plain = {family.name for family in classic(await metrics(used))}
    text = await metrics(used, PROMETHEUS_ASKS)
    modern = {family.name for family in openmetrics(text)}  # type: ignore[no-untyped-call]  # half typed library
    assert text.endswith("# EOF\n")
    assert {name.removesuffix("_created") for name in plain} == modern


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROMETHEUS_ASKS, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0", CLASSIC),
        ("application/openmetrics-text; version=abc", CLASSIC),
        ("text/plain;q=0.5, application/openmetrics-text;version=1.0.0;q=0.9", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.2, text/plain;q=0.5", CLASSIC),
        ("application/openmetrics-text;q=0, text/plain", CLASSIC),
        ("*/*", CLASSIC),
        ("text/html", CLASSIC),
        ("", CLASSIC),
    ],
)
@SHARED
async def test_the_form_follows_what_is_preferred(
    read_only: ReadOnly, accept: str, content_type: str
) -> None:
    response = await read_only.service.get("/metrics", headers={"Accept": accept})
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert ("# EOF" in await response.text()) == (content_type == OPENMETRICS)


async def test_a_scrape_is_compressed_when_asked(service: Service) -> None:
    url = service.url("/metrics")
    async with service.session.get(url, headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "litmus_sidecar_build_info" in await packed.text()
    async with service.session.get(url, headers={"Accept-Encoding": "gzip;q=0"}) as plain:
        assert "Content-Encoding" not in plain.headers
        assert not (await plain.read()).startswith(gzip.compress(b"")[:2])


@SHARED
async def test_what_the_service_tells_of_itself_moves(used: Service) -> None:
    found: dict[str, float] = {}
    for family in classic(await metrics(used)):
        for sample in family.samples:
            found[sample.name] = max(sample.value, found.get(sample.name, 0.0))
    for name in (
        "litmus_sidecar_answer_cache_hits_total",
        "litmus_sidecar_answer_cache_misses_total",
        "litmus_sidecar_store_operation_duration_seconds_count",
        "litmus_sidecar_sync_last_success_timestamp_seconds",
        "litmus_sidecar_upstream_requests_total",
    ):
        assert found[name] > 0, name
    await eventually(lambda: lag_is_measured(used))


async def lag_is_measured(service: Service) -> bool:
    (family,) = [
        one for one in classic(await metrics(service)) if one.name.endswith("event_loop_lag_seconds")
    ]
    return any(sample.name.endswith("_count") and sample.value > 0 for sample in family.samples)


async def test_a_scrape_needs_a_key_of_its_scope(small: Small) -> None:
    async with open_service(guarded(small, public=False)) as service:
        for headers, status in (
            ({"Authorization": f"Bearer {METRICS_KEY}"}, 200),
            ({"Authorization": "Bearer another"}, 401),
            ({"Authorization": "Bearer a-key-of-scope-read"}, 403),
            ({}, 401),
        ):
            assert (await service.get("/metrics", headers=headers)).status == status, headers


async def test_public_metrics_need_no_key(small: Small) -> None:
    async with open_service(guarded(small, public=True)) as service:
        assert (await service.get("/metrics")).status == 200
        assert (await service.get("/api/v1/entities")).status == 401


def guarded(small: Small, *, public: bool) -> Config:
    keys = [
        {"name": "prometheus", "secret": METRICS_KEY, "scopes": ["metrics"]},
        {"name": "backstage", "secret": "a-key-of-scope-read", "scopes": ["read"]},
    ]
    instances = {"default": (small.simulator, small.token)}
    return config_for(instances, small.catalog, auth={"keys": keys}, metrics={"public": public})


def scrape_config(service: Service, directory: Path) -> dict[str, Any]:
    """Return our own example with the rules, pointed at a service and quick."""
    config: dict[str, Any] = load(DEPLOY / "prometheus/scrape.yaml")
    (job,) = config["scrape_configs"]
    key = directory / "metrics-key"
    key.write_text(METRICS_KEY)
    job["authorization"]["credentials_file"] = str(key)
    job["static_configs"] = [{"targets": [service.url("/").split("/")[2]]}]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES)]
    return config


@SHARED
async def test_every_query_of_the_dashboard_and_every_rule_finds_data(
    used: Service, tmp_path: Path, program: Callable[[str, str], str]
) -> None:
    await eventually(lambda: has_figures(used))
    config = scrape_config(used, tmp_path)
    async with open_prometheus(program("prometheus", "prometheus"), config, tmp_path) as prometheus:
        asked = [filled(expr) for _, expr in queries()]
        wanted = [*asked, *(rule["record"] for rule in recordings())]
        for expr in wanted:
            await eventually(partial(answers, used, prometheus, expr))
        for rule in rules():
            await prometheus.query(rule["expr"])
        groups = (await prometheus.get("rules"))["groups"]
        assert {
            rule["lastError"] for group in groups for rule in group["rules"] if "lastError" in rule
        } == set()
        # Also what belongs to no group has a name in the legend.
        for title, expr in queries():
            if title.startswith("Score by "):
                assert all(sample["metric"] for sample in await found(prometheus, filled(expr))), title
        # Ours wins over the target's; the target is called replica.
        (sample, *_) = await found(prometheus, "litmus_sidecar_breaker_open{instance='default'}")
        assert sample["metric"]["replica"].startswith("127.0.0.1:")


async def found(prometheus: Prometheus, expr: str) -> list[dict[str, Any]]:
    """Return what a query finds, once there is something: a scrape that takes too long leaves a gap."""
    samples: list[dict[str, Any]] = []

    async def is_found() -> bool:
        samples[:] = await prometheus.query(expr)
        return bool(samples)

    await eventually(is_found)
    return samples


async def answers(service: Service, prometheus: Prometheus, expr: str) -> bool:
    """Tell whether a query finds a number; rates need something to happen meanwhile."""
    samples = await prometheus.query(expr)
    if any(sample["value"][1] != "NaN" for sample in samples):
        return True
    await use(service)
    return False


@SHARED
@pytest.mark.parametrize(
    ("prefix", "heading"),
    [("litmus_sidecar_", "Metrics of the service"), ("backstage_litmus_", "Metrics of the domain")],
)
async def test_what_is_told_has_the_names_and_labels_that_the_page_explains(
    used: Service, prefix: str, heading: str
) -> None:
    await eventually(lambda: has_figures(used))
    explained = explained_metrics(heading)
    text = await metrics(used, PROMETHEUS_ASKS)
    families = {family.name: family for family in openmetrics(text) if family.name.startswith(prefix)}  # type: ignore[no-untyped-call]  # half typed library
    told = {
        name: {frozenset(sample.labels) - {"le"} for sample in family.samples}
        for name, family in families.items()
    }
    assert {name: labels for name, labels in told.items() if labels - {explained[name]}} == {}
    missing = explained.keys() - told.keys()
    assert {name for name in missing if not NOT_ON_THE_DEMONSTRATION.search(name)} == set()


@SHARED
async def test_rules_and_dashboard_use_only_metrics_that_there_are(used: Service) -> None:
    await eventually(lambda: has_figures(used))
    told = {family.sample_name for family in FAMILIES}
    for family in classic(await metrics(used)):
        # What has no value now is named all the same.
        told |= {family.name, *(sample.name for sample in family.samples)}
    asked = {name for _, expr in queries() for name in metrics_in(expr)}
    asked |= {name for rule in rules() for name in metrics_in(rule["expr"])}
    assert asked
    assert asked - told == set()
