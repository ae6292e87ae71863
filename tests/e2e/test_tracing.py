"""Traces as a collector receives them, from a whole service."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from sidecar.config import Config
from sidecar.simulator import ScriptedFault
from tests.e2e.conftest import Small
from tests.replica.documents import RUN_STATS
from tests.support.collector import Collector, Received, open_collector
from tests.support.service import Service, config_for, eventually, open_service

CALLER: Final = "0af7651916cd43dd8448eb211c80319c"
SAMPLED: Final = f"00-{CALLER}-b7ad6b7169203331-01"
UNSAMPLED: Final = f"00-{CALLER}-b7ad6b7169203331-00"
MARKER: Final = "marker-secret-5f1c"
KEY: Final = f"{MARKER}-key-0123456789"


def traced(small: Small, endpoint: str, ratio: float = 1.0) -> Config:
    return config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        auth={
            "keys": [{"name": "backstage", "secret": f"{MARKER}-key-0123456789", "scopes": ["read", "run"]}]
        },
        tracing={"endpoint": endpoint, "sampleRatio": ratio},
    )


def authorized(**headers: str) -> dict[str, str]:
    return {"X-Litmus-Sidecar-Key": KEY, **headers}


async def received(
    small: Small, *, ratio: float = 1.0, requests: list[tuple[str, dict[str, str]]]
) -> Collector:
    """Return what a collector got from a service that was asked these paths with these headers."""
    async with open_collector() as collector:
        async with open_service(traced(small, collector.endpoint, ratio)) as service:
            await service.ready()
            for path, headers in requests:
                await service.get(path, headers=authorized(**headers))
        # What was left is sent when the service ends.
        return collector


def below(spans: list[Received], root: Received) -> set[str]:
    """Return the names of everything that happened within a span."""
    children = [span for span in spans if span.parent_id == root.span_id]
    return {name for child in children for name in (child.name, *below(spans, child))}


async def test_a_request_and_what_it_read_from_the_store_are_one_trace(small: Small) -> None:
    path = "/api/v1/entities/component/default/cart/runs"
    collector = await received(small, requests=[(path, {})])
    (request,) = collector.named("GET /api/v1/entities/{kind}/{namespace}/{name}/runs")
    assert request.parent_id == ""
    assert request.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/v1/entities/{kind}/{namespace}/{name}/runs",
        "http.response.status_code": 200,
        "sidecar.outcome": "ok",
    }
    assert "store read" in below(collector.spans, request)
    assert collector.resource["service.name"] == "litmus-sidecar"


async def test_an_action_of_the_plugin_is_one_trace_through_replica_store_and_litmus(small: Small) -> None:
    async with open_collector() as collector:
        async with open_service(traced(small, collector.endpoint)) as service:
            await service.ready()
            response = await service.post(stop_mutation(small), headers=authorized())
            assert response.status == 200, await response.text()
        (request,) = collector.named("POST /api/query")
        assert {"prepare query", "store write", "ask Litmus"} <= below(collector.spans, request)


def stop_mutation(small: Small) -> str:
    (experiment, *_) = small.world.experiments.values()
    document = "mutation($e: String!, $p: ID!) { stopExperimentRuns(experimentID: $e, projectID: $p) }"
    variables = {"e": experiment.experiment_id, "p": small.project.project_id}
    return json.dumps({"query": document, "variables": variables})


async def test_a_question_of_the_plugin_shows_what_the_replica_did(small: Small) -> None:
    async with open_collector() as collector:
        async with open_service(traced(small, collector.endpoint)) as service:
            await service.ready()
            service.session.headers.update(authorized())
            await service.query(RUN_STATS, small.project.project_id)
        (request,) = collector.named("POST /api/query")
        assert below(collector.spans, request) == {"prepare query", "answer query"}


async def test_a_synchronisation_and_its_requests_to_litmus_are_one_trace(small: Small) -> None:
    collector = await received(small, requests=[])
    asked = {span.parent_id: span for span in collector.named("ask Litmus")}
    jobs = [span for span in collector.named("synchronise") if span.span_id in asked]
    assert {span.attributes["sidecar.lane"] for span in jobs} >= {"fast", "slow"}
    assert all(job.attributes["litmus.instance"] == "default" for job in jobs)
    for job in jobs:
        request = asked[job.span_id]
        assert request.trace_id == job.trace_id
        assert request.attributes["litmus.instance"] == "default"
        assert request.attributes["sidecar.outcome"] == "ok"
        assert request.attributes["litmus.operation"]
    assert "store write" in {name for job in jobs for name in below(collector.spans, job)}


async def test_a_failed_synchronisation_is_marked_with_the_code_not_the_text(small: Small) -> None:
    small.simulator.faults.add(ScriptedFault(status=502, body=MARKER, times=None))
    counted = {"instance": "default", "lane": "fast", "outcome": "upstream_unavailable"}
    async with open_collector() as collector:
        async with open_service(traced(small, collector.endpoint)) as service:
            registry = service.services.metrics.registry
            # An attempt is counted a moment before it has ended; the second is, after the first has.
            await eventually(
                lambda: (registry.get_sample_value("litmus_sidecar_sync_attempts_total", counted) or 0) >= 2
            )
        failed = [span for span in collector.named("synchronise") if span.failed]
    # Another attempt may have been on its way when the service ended.
    reasons = {span.attributes["error.type"] for span in failed}
    assert "upstream_unavailable" in reasons <= {"upstream_unavailable", "cancelled"}
    assert MARKER.encode() not in collector.raw


async def test_the_trace_of_the_caller_is_continued(small: Small) -> None:
    collector = await received(small, requests=[("/api/v1/entities", {"traceparent": SAMPLED})])
    (request,) = collector.named("GET /api/v1/entities")
    assert request.trace_id == CALLER
    assert request.parent_id == "b7ad6b7169203331"


async def test_a_caller_may_keep_its_trace_from_being_sent(small: Small) -> None:
    collector = await received(
        small,
        requests=[("/api/v1/entities", {}), ("/api/v1/portfolio", {"traceparent": UNSAMPLED})],
    )
    assert collector.named("GET /api/v1/entities")
    assert not collector.named("GET /api/v1/portfolio")


@pytest.mark.parametrize("ratio", [0, 1e-9])
async def test_no_caller_can_force_its_trace_to_be_sent(small: Small, ratio: float) -> None:
    """Neither with any trace nor with the first in line."""
    requests = [
        ("/api/v1/now", {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})
        for trace_id in (CALLER, f"{1:032x}")
    ]
    collector = await received(small, ratio=ratio, requests=requests)
    assert collector.spans == []


async def test_a_traceparent_that_is_none_is_passed_over(small: Small) -> None:
    broken = ("", "00-zz", f"00-{'0' * 32}-{'0' * 16}-01", MARKER)
    requests = [("/api/v1/entities", {"traceparent": text}) for text in broken]
    collector = await received(small, requests=requests)
    assert [one.parent_id for one in collector.named("GET /api/v1/entities")] == [""] * len(broken)


async def test_nothing_of_a_client_and_no_secret_leaves_in_a_trace(small: Small) -> None:
    headers = {
        "traceparent": SAMPLED,
        "tracestate": f"vendor={MARKER}",
        "baggage": f"user={MARKER}",
        "X-Request-ID": MARKER,
        "User-Agent": MARKER,
        "Cookie": f"session={MARKER}",
        "Authorization": f"Bearer {MARKER}",
    }
    paths = (f"/{MARKER}", f"/api/v1/entities?owner=group:default/{MARKER}", f"/api/v1/actions/{MARKER}")
    collector = await received(small, requests=[(path, headers) for path in paths])
    assert len(collector.named("GET unmatched")) == 1
    assert MARKER.encode() not in collector.raw
    assert small.token.encode() not in collector.raw


async def test_health_and_scrapes_leave_no_traces(small: Small) -> None:
    collector = await received(small, requests=[("/healthz", {}), ("/metrics", {}), ("/api/v1/entities", {})])
    routes = {span.attributes["http.route"] for span in collector.spans if "http.route" in span.attributes}
    assert routes == {"/api/v1/entities"}


async def test_a_refused_request_is_marked_with_its_code(small: Small) -> None:
    collector = await received(small, requests=[("/api/v1/entities?limit=0", {})])
    (request,) = collector.named("GET /api/v1/entities")
    assert request.failed
    assert request.attributes["error.type"] == "bad_request"
    assert request.attributes["http.response.status_code"] == 400


async def test_without_a_collector_everything_goes_on(small: Small, caplog: pytest.LogCaptureFixture) -> None:
    async with open_collector() as gone:
        endpoint = gone.endpoint
    async with open_service(traced(small, endpoint)) as service:
        await service.ready()
        response = await service.get("/api/v1/entities", headers=authorized())
        assert response.status == 200
    assert MARKER not in caplog.text


async def test_what_several_readers_wait_for_is_traced_below_the_one_who_began_it(small: Small) -> None:
    async with open_collector() as collector:
        async with open_service(traced(small, collector.endpoint)) as service:
            await service.ready()
            path = "/api/v1/entities/component/default/cart/overview"
            await asyncio.gather(*(service.get(path, headers=authorized()) for _ in range(3)))
        requests = collector.named("GET /api/v1/entities/{kind}/{namespace}/{name}/overview")
        assert len(requests) == 3
        made = collector.named("build answer")
        # One for all three, unless it changed between them; and in it the part that all windows share.
        whole = {one.span_id for one in made if one.parent_id in {request.span_id for request in requests}}
        parts = [one for one in made if one.span_id not in whole]
        assert whole
        assert parts
        assert {part.parent_id for part in parts} <= whole


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


WITHOUT_EXTRA: Final = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from sidecar.cli.main import entry_point
sys.argv[0] = "litmus-sidecar"
entry_point()
"""


@pytest.mark.parametrize(("command", "code"), [(["serve"], 2), (["check", "--offline"], 2)])
def test_without_the_extra_one_sentence_says_what_to_install(
    tmp_path: Path, command: list[str], code: int
) -> None:
    path = tmp_path / "app-config.yaml"
    path.write_text(
        "litmusSidecar:\n"
        "  instances: [{ name: default, baseUrl: 'http://127.0.0.1:1', token: a-token }]\n"
        "  store: { url: 'memory:' }\n"
        "  tracing: { endpoint: 'http://127.0.0.1:4318' }\n"
    )
    done = python(WITHOUT_EXTRA, *command, "--config", str(path))
    assert done.returncode == code, done.stderr
    assert "pip install 'backstage-litmus-sidecar[otel]'" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_switched_off_nothing_of_opentelemetry_is_loaded() -> None:
    code = "import sys, sidecar.cli.serve; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = python(code)
    assert done.stdout.strip() == "[]", done.stderr


async def test_switched_off_a_part_of_a_request_is_the_same_nothing_every_time(service: Service) -> None:
    assert service.services.tracer.request(None) is service.services.tracer.job("synchronise", {})
