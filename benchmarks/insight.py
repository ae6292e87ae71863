"""What a portfolio costs when it is reckoned from packed runs: growth with projects, bytes per run.

Prints ratios of one run on one machine; run it from the root of the repository:
``python -m benchmarks.insight``. Projects have 50 experiments of 100 runs.
"""

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from time import perf_counter

from sidecar.domain.catalog import Entity
from sidecar.domain.model import ProjectRef
from sidecar.domain.runs import KnownExperiment, Run
from sidecar.insight.digest import ProjectRuns, narrow, project_runs
from sidecar.insight.rollup import Grouping, project_figures, roll_up
from sidecar.insight.scores import summarise_window, window_figures
from sidecar.insight.trends import trend
from sidecar.insight.windows import parse_window
from tests.support.builders import NOW, entity, project
from tests.support.histories import known, run

EXPERIMENTS = 50
RUNS = 100
PHASES = ("Completed", "Completed", "Completed_With_Probe_Failure", "Error", "Stopped")
WINDOW = parse_window(now=NOW, window="90d", tz="Europe/Berlin")


def runs_of_a_project() -> Iterator[Run]:
    for experiment in range(EXPERIMENTS):
        for number in range(RUNS):
            yield run(
                NOW - timedelta(days=number, minutes=experiment),
                PHASES[(number + experiment) % len(PHASES)],
                float((number * 7 + experiment) % 101),
                experiment_id=f"experiment-{experiment}",
            )


def portfolio_seconds(projects: dict[ProjectRef, ProjectRuns]) -> float:
    entities: list[Entity] = [
        entity(f"component:default/{number}", project=ref, owner=f"group:default/team-{number % 20}")
        for number, ref in enumerate(projects)
    ]
    times = []
    for _ in range(3):
        start = perf_counter()
        roll_up(
            entities, Grouping.OWNER, lambda ref, members: project_figures(projects[ref], members, WINDOW)
        )
        times.append(perf_counter() - start)
    return min(times)


def bytes_per_run(runs: list[Run], experiments: list[KnownExperiment]) -> float:
    """Return what digests hold on to beside the values they were made from."""
    tracemalloc.start()
    kept = [project_runs(runs, experiments) for _ in range(5)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(kept) / len(runs)


def main() -> None:
    runs = list(runs_of_a_project())
    experiments = [known(f"experiment-{number}") for number in range(EXPERIMENTS)]
    start = perf_counter()
    digest = project_runs(runs, experiments)
    packing = perf_counter() - start
    start = perf_counter()
    window_figures(*summarise_window(digest, WINDOW))
    figures = perf_counter() - start
    start = perf_counter()
    trend([digest], WINDOW)
    series = perf_counter() - start
    print(f"one project of {len(runs)} runs, window of 90 days")
    print(f"  packed              {bytes_per_run(runs, experiments):8.1f} bytes per run")
    print(f"  packing             {packing * 1_000:8.2f} ms")
    print(f"  window's figures    {figures * 1_000:8.2f} ms   1/{packing / figures:.0f} of packing")
    print(f"  window's trend      {series * 1_000:8.2f} ms   1/{packing / series:.0f} of packing")

    print("portfolio by owner, every project summed up anew")
    before = None
    ids = {one.experiment_id for one in experiments}
    for number in (100, 200, 400):
        # Narrowing to everything is the cheapest copy: each project has memory of its own.
        digests = {project(f"project-{index}"): narrow(digest, ids) for index in range(number)}
        seconds = portfolio_seconds(digests)
        growth = "" if before is None else f"   {seconds / before:5.2f} times the half"
        print(f"  {number:4} projects       {seconds * 1_000:8.1f} ms{growth}")
        before = seconds


if __name__ == "__main__":
    main()
