"""Runs stored and summed up, on SQLite and, where it is installed, on PostgreSQL.

``python -m benchmarks.parts.runs URL RUNS`` does so with an empty database, and prints the figures as JSON.
"""

import asyncio
import json
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.abusing.process import SERVER_CORE, child
from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row
from benchmarks.portfolio import EXPERIMENTS, NOW, RUNS, fill, project_of
from benchmarks.portfolio import measure as windows
from sidecar.domain.model import Lane
from sidecar.domain.ports import Job
from sidecar.store.store import open_store
from tests.store.postgres import running_server

LONGEST_SECONDS: Final = 1_800.0


def has_postgresql() -> bool:
    """Tell whether a PostgreSQL server is installed."""
    found = next(Path("/usr/lib/postgresql").glob("*/bin/initdb"), None)
    return found is not None or shutil.which("initdb") is not None


def _databases(stack: ExitStack) -> Iterator[tuple[str, str]]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="litmus-sidecar-runs-")))
    yield "SQLite", f"sqlite:///{folder / 'runs.db'}"
    if has_postgresql():
        yield "PostgreSQL", stack.enter_context(running_server()).new_database()


async def measure(sizes: Sizes) -> list[Row]:
    """Return a row for each database."""
    rows: list[Row] = []
    with ExitStack() as stack:
        for name, url in _databases(stack):
            async with child("benchmarks.parts.runs", url, str(sizes.runs), core=SERVER_CORE) as process:
                rows.append({"database": name, **json.loads(await process.line(LONGEST_SECONDS))})
    return rows


async def store_and_read(url: str, runs: int) -> Row:
    """Fill an empty database with so many runs, and sum them up."""
    projects = max(1, runs // (EXPERIMENTS * RUNS))
    async with open_store(url, clock=lambda: NOW) as store:
        jobs = [Job(project=project_of(number), lane=Lane.HISTORY) for number in range(projects)]
        await store.leases.plan(jobs, NOW)
        started = perf_counter()
        await fill(store, range(projects))
        filling = perf_counter() - started
        reading, month, year, overview = await windows(store, projects)
    return {
        "runs": projects * EXPERIMENTS * RUNS,
        "stored_per_second": round(projects * EXPERIMENTS * RUNS / filling),
        "read_seconds": round(reading, 3),
        "month_seconds": round(month, 3),
        "year_seconds": round(year, 3),
        "overview_ms": round(overview * 1000, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(store_and_read(sys.argv[1], int(sys.argv[2])))), flush=True)
