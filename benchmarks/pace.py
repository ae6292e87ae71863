"""How many projects are kept fresh on default settings, and what that takes, with a Litmus of many projects.

Tells when all had their first data, what is stale in the steady state, what Litmus was
asked and what the service took. Run it from the root of the repository:
``python -m benchmarks.pace --projects 600``.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import uvloop
from aiohttp import ClientSession

from benchmarks.abusing.process import (
    OTHER_CORE,
    SERVER_CORE,
    START_SECONDS,
    Child,
    child,
    drained,
    resident_mb,
)
from benchmarks.abusing.target import document, port_of, write_catalog
from benchmarks.warm import cpu_seconds

SECRET: Final = "pace-0123456789abcdef"  # noqa: S105 - of a service that lives for the benchmark
LOOK_SECONDS: Final = 5.0
AS_NEEDED: Final = 1.1
"""Who sends more requests than so many times what the projects need is behind with something."""
KEY: Final = {"X-Litmus-Sidecar-Key": SECRET}


def configuration(folder: Path, place: dict[str, Any]) -> Path:
    """Write catalog and configuration of a service for the projects of this Litmus."""
    write_catalog(folder, [document(f"c-{number}", one) for number, one in enumerate(place["projects"])])
    (folder / "projects.json").write_text(json.dumps(place["projects"]), encoding="utf-8")
    section = {
        # Readers come through Backstage, whose one address has more connections than a stranger may.
        "listen": {"host": "127.0.0.1", "port": 0, "trustedProxies": ["127.0.0.1/32"]},
        "instances": [{"name": "default", "baseUrl": place["url"], "token": place["token"]}],
        "catalog": {"files": ["catalog-info.yaml"]},
        "auth": {
            "keys": [{"name": "pace", "secret": KEY["X-Litmus-Sidecar-Key"], "scopes": ["read", "metrics"]}]
        },
        "store": {"url": f"sqlite:///{folder / 'sidecar.db'}"},
        "log": {"requests": "errors"},
    }
    path = folder / "app-config.yaml"
    path.write_text(json.dumps({"litmusSidecar": section}), encoding="utf-8")
    return path


async def entities(session: ClientSession, url: str) -> list[dict[str, Any]]:
    """Return all entities, with how fresh each is."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        async with session.get(f"{url}/api/v1/entities?limit=200{cursor}", headers=KEY) as response:
            page = await response.json()
        found += page["entities"]
        if page["nextCursor"] is None:
            return found
        cursor = f"&cursor={page['nextCursor']}"


async def requests(session: ClientSession, url: str) -> float:
    """Return how many requests Litmus was sent so far."""
    async with session.get(f"{url}/metrics", headers=KEY) as response:
        text = await response.text()
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("litmus_sidecar_upstream_requests_total")
    )


async def pace(session: ClientSession, url: str) -> Any:
    """Return what ``/readyz`` says of the pace."""
    async with session.get(f"{url}/readyz", headers=KEY) as response:
        return (await response.json())["instances"]["default"]["pace"]


async def is_ready(session: ClientSession, url: str) -> bool:
    """Tell whether the service says so."""
    async with session.get(f"{url}/readyz") as response:
        return response.status == 200


@asynccontextmanager
async def open_crowd(projects: int, experiments: int, late_ms: int) -> AsyncIterator[Path]:
    """Start a Litmus of so many projects; yield the configuration of a service that names them all."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="litmus-sidecar-pace-")))
        world = (str(projects), str(experiments), str(late_ms))
        litmus = await stack.enter_async_context(
            child("benchmarks.warming.crowd", *world, core=OTHER_CORE, nice=0)
        )
        place = json.loads(await litmus.line(START_SECONDS))
        await stack.enter_async_context(drained(litmus))
        yield configuration(folder, place)


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[tuple[Child, str]]:
    """Start a service; yield its process and its address. It is killed at the end."""
    async with child("sidecar", "serve", "--config", str(config), core=SERVER_CORE) as process:
        url = f"http://127.0.0.1:{await port_of(process)}"
        async with drained(process):
            yield process, url


async def first_data(session: ClientSession, url: str, projects: int) -> None:
    """Wait until the experiments of all projects were read."""
    while True:
        async with session.get(f"{url}/metrics", headers=KEY) as response:
            lines = (await response.text()).splitlines()
        read = sum(
            'section="experiments"' in line
            for line in lines
            if line.startswith("backstage_litmus_section_success_timestamp_seconds{")
        )
        if read >= projects:
            return
        await asyncio.sleep(1)


async def steady(session: ClientSession, process: Child, url: str, seconds: float) -> dict[str, Any]:
    """Tell what a service takes in such a time, and how fresh it is at the end."""
    cpu, asked, begun = cpu_seconds(process.pid), await requests(session, url), perf_counter()
    await asyncio.sleep(seconds)
    took = perf_counter() - begun
    found = await entities(session, url)
    return {
        "stale": sum(one["stale"] for one in found),
        "requestsPerSecond": round((await requests(session, url) - asked) / took, 1),
        "core": round((cpu_seconds(process.pid) - cpu) / took, 3),
        "memoryMB": round(resident_mb(process.pid) or 0),
        "pace": await pace(session, url),
    }


async def ready_again(session: ClientSession, config: Path) -> float:
    """Start a service on the store of one that was killed; return the seconds until it is ready."""
    started = perf_counter()
    async with serving(config) as (_, url):
        while not await is_ready(session, url):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)
        return perf_counter() - started


async def rested(session: ClientSession, url: str, most_seconds: float) -> None:
    """Wait, at most so long, until Litmus is asked no more than it is for good: nothing is behind then."""
    until = perf_counter() + most_seconds
    while (left := until - perf_counter()) > 0:
        asked, begun = await requests(session, url), perf_counter()
        await asyncio.sleep(min(LOOK_SECONDS, left))
        rate = (await requests(session, url) - asked) / (perf_counter() - begun)
        if rate <= (await pace(session, url))["neededPerSecond"] * AS_NEEDED:
            return


async def run(
    projects: int, experiments: int, late_ms: int, rest_seconds: float, window_seconds: float
) -> dict[str, Any]:
    """Start both, wait at most ``rest_seconds`` until the state is steady, and measure for a while."""
    async with open_crowd(projects, experiments, late_ms) as config, ClientSession() as session:
        started = perf_counter()
        async with serving(config) as (process, url):
            answers = perf_counter() - started
            await first_data(session, url, projects)
            first = perf_counter() - started
            print(
                f"answers after {answers:.1f} s; all {projects} projects have data after {first:.0f} s",
                flush=True,
            )
            # Hubs and histories of all, and then a while as it goes on for good.
            await rested(session, url, rest_seconds)
            figures = {
                "projects": projects,
                "experiments": experiments,
                "answersAfterSeconds": round(answers, 1),
                "allReadAfterSeconds": round(first, 1),
                **await steady(session, process, url, window_seconds),
            }
        figures["readyAgainAfterSeconds"] = round(await ready_again(session, config), 2)
    print(json.dumps(figures, indent=2))
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pace", description=__doc__.partition("\n")[0])
    parser.add_argument("--projects", type=int, default=100)
    parser.add_argument("--experiments", type=int, default=5, help="in each project (5)")
    parser.add_argument("--late-ms", type=int, default=20, help="how late Litmus answers (20)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=120,
        help="until the state is steady, at most; then half of it is measured (120)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures are written")
    given = parser.parse_args(arguments)
    figures = uvloop.run(
        run(given.projects, given.experiments, given.late_ms, given.seconds, given.seconds / 2)
    )
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
