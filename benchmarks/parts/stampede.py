"""Many readers at once, of projects that the service has just heard of."""

import asyncio
import json
from time import perf_counter
from typing import Final

from aiohttp import ClientSession

from benchmarks.abusing.wire import answered, connected, request
from benchmarks.pace import KEY, open_crowd, requests, serving
from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row

PROJECTS: Final = 10
LATE_MS: Final = 20
_QUERY: Final = "query q($p: ID!) { listExperiment(projectID: $p, request: {}) { totalNoOfExperiments } }"


async def _has_data(port: int, sent: bytes) -> bool:
    try:
        async with connected(port) as (reader, writer):
            writer.write(sent)
            status, body = await answered(reader)
    except (OSError, EOFError):
        return False
    return status == 200 and b'"errors"' not in body


async def measure(sizes: Sizes) -> list[Row]:
    """Return one row: how many got data, what Litmus was asked meanwhile, and how long it took."""
    async with open_crowd(PROJECTS, 5, LATE_MS) as config, ClientSession() as session:
        projects = json.loads((config.parent / "projects.json").read_text())
        sent = [
            request(
                "POST", "/api/query", KEY, json.dumps({"query": _QUERY, "variables": {"p": one}}).encode()
            )
            for one in projects
        ]
        async with serving(config) as (_, url):
            port = int(url.rpartition(":")[2])
            started = perf_counter()
            found = await asyncio.gather(
                *(_has_data(port, sent[number % PROJECTS]) for number in range(sizes.requests))
            )
            took = perf_counter() - started
            asked = await requests(session, url)
    return [
        {
            "requests": sizes.requests,
            "projects": PROJECTS,
            "answered": sum(found),
            "upstream": int(asked),
            "seconds": round(took, 2),
        }
    ]
