"""Size and server time of the entity page with 40 experiments, beside the JSON of the same entity.

Prints ratios of one run on one machine; run it from the root of the repository:
``python -m benchmarks.pages``. Times are of the processor, and have the request
of a client in the same process in them on both sides.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from time import process_time

import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.domain.model import Content, Environment, Experiment, GitOps, Hub, Infra
from sidecar.http.answers.cache import (
    ANSWER_CACHE,
    AnswerCache,
)
from tests.support.builders import recent_run
from tests.support.golden import golden
from tests.support.golden_service import golden_app

EXPERIMENTS = 40
PAGE = "/litmus/entities/component/default/shop"
JSON = tuple(f"/api/v1/entities/component/default/shop/{view}" for view in ("content", "overview"))
ROUNDS = 15
Client = TestClient[web.Request, web.Application]
PHASES = ("Completed", "Completed", "Completed_With_Probe_Failure", "Error", "Stopped")


def content() -> Content:
    """Forty experiments with ten runs each, named as people name them."""
    now_ms = int(golden().now.timestamp() * 1000)
    infra = Infra(
        infra_id="0f8fad5b-d9cb-469f-a165-70867728950e",
        name="gke-eu-west",
        environment_id="shop",
        is_active=True,
    )
    runs = tuple(
        recent_run(
            f"7c9e6679-7425-40de-944b-e07fc1f9{index:04}",
            PHASES[index % len(PHASES)],
            100.0 if index % len(PHASES) < 2 else 50.0,
            updated_at_ms=now_ms - index * 86_400_000,
            created_at_ms=now_ms - index * 86_400_000,
        )
        for index in range(10)
    )
    return Content(
        experiments=tuple(
            Experiment(
                experiment_id=f"9b2e0c5a-1c7f-4d29-8d5f-3f2d6a1e{index:04}",
                name=f"checkout-pod-network-latency-{index:02}",
                cron_syntax="",
                infra=infra,
                recent_runs=runs,
            )
            for index in range(EXPERIMENTS)
        ),
        infrastructures=(infra,),
        environments=(Environment(environment_id="shop", name="shop", type="NON_PROD"),),
        hubs=(
            Hub(hub_id="h", name="Litmus ChaosHub", is_available=True, total_faults=53, total_experiments=9),
        ),
        schedules=(),
        gitops=GitOps(enabled=True),
    )


async def best_milliseconds(action: Callable[[], Awaitable[object]]) -> float:
    """Return the fastest of some rounds: what the work takes when nothing disturbs."""
    times = []
    for _ in range(ROUNDS):
        started = process_time()
        await action()
        times.append(process_time() - started)
    return min(times) * 1_000


async def fetch(client: Client, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return the size and the tag of an answer."""
    async with client.get(path, headers=headers) as response:
        return len(await response.read()), response.headers["ETag"]


async def time_of(client: Client, *paths: str, headers: Mapping[str, str] | None = None) -> float:
    """Return how long the answers take together, in milliseconds."""

    async def action() -> None:
        for path in paths:
            await fetch(client, path, headers)

    await action()
    return await best_milliseconds(action)


async def measure() -> None:
    without_memory = golden_app(content=content())
    # Nothing is remembered in caches without room.
    without_memory[ANSWER_CACHE] = AnswerCache(cache_bytes=0)
    async with (
        TestClient(TestServer(without_memory)) as cold,
        TestClient(TestServer(golden_app(content=content()))) as warm,
    ):
        size, tag = await fetch(warm, PAGE)
        json_size = sum([(await fetch(warm, path))[0] for path in JSON])
        page_made, json_made = await time_of(cold, PAGE), await time_of(cold, *JSON)
        page_kept, json_kept = await time_of(warm, PAGE), await time_of(warm, JSON[0])
        unchanged = await time_of(warm, PAGE, headers={"If-None-Match": tag})
    static = files("sidecar.http") / "static"
    whole = size + sum(len((static / name).read_bytes()) for name in ("style.css", "page.js"))
    print(f"page of {EXPERIMENTS} experiments with ten runs each, against the JSON of the same entity")
    print(f"  HTML {size / 1000:.0f} kB, with style and script {whole / 1000:.0f} kB of at most 200 kB")
    print(f"  size      {size / json_size:6.2f} times overview and content as JSON")
    print(f"  made      {page_made:8.2f} ms  {page_made / json_made:6.2f} times both JSON answers made")
    print(f"  kept      {page_kept:8.2f} ms  {page_kept / json_kept:6.2f} times the JSON content, kept")
    print(f"  unchanged {unchanged:8.2f} ms  {page_made / unchanged:6.0f} times faster than made")


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(measure())


if __name__ == "__main__":
    main()
