"""Projects kept fresh: what Litmus is asked, what the service takes, and how fast it is back after a kill."""

from typing import Final

from benchmarks.pace import run
from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row

LATE_MS: Final = 20


async def measure(sizes: Sizes) -> list[Row]:
    """Return a row for each number of projects."""
    rows: list[Row] = []
    for projects, experiments in sizes.projects:
        # Hubs, roles and histories of all are to be read before it counts as steady.
        found = await run(projects, experiments, LATE_MS, max(sizes.steady_seconds, projects / 10))
        rows.append(
            {
                "projects": projects,
                "experiments": experiments,
                "all_read_seconds": found["allReadAfterSeconds"],
                "stale": found["stale"],
                "requests_per_second": found["requestsPerSecond"],
                "core": found["core"],
                "memory_mb": found["memoryMB"],
                "ready_again_seconds": found["readyAgainAfterSeconds"],
            }
        )
    return rows
