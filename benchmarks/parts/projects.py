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
        # Hubs, roles and histories of many take their time; who is killed before is not ready at once again.
        rest_seconds = max(sizes.rest_seconds, projects * experiments / 25 if projects >= 1_000 else 0)
        found = await run(projects, experiments, LATE_MS, rest_seconds, sizes.window_seconds)
        rows.append(
            {
                "projects": projects,
                "experiments": experiments,
                "all_read_seconds": found["allReadAfterSeconds"],
                "stale": found["stale"],
                "requests_per_second": found["requestsPerSecond"],
                "needed_per_second": found["pace"]["neededPerSecond"],
                "core": found["core"],
                "memory_mb": found["memoryMB"],
                "ready_again_seconds": found["readyAgainAfterSeconds"],
            }
        )
    return rows
