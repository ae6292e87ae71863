"""A Litmus with many projects, each answer late by the same time.

``python -m benchmarks.warming.crowd PROJECTS EXPERIMENTS MILLISECONDS``; its first line
tells its address, a token and the ids of its projects.
"""

import asyncio
import json
import sys
from typing import Final

import uvloop

from benchmarks.abusing.neighbour import passed_runs
from sidecar.simulator import ScriptedFault, World, open_simulator
from sidecar.simulator.documents import OWNER

RECENT: Final = 3
"""Runs of each experiment."""


def crowded(projects: int, experiments: int) -> tuple[World, str, list[str]]:
    """Return a world of so many projects, a token, and their ids."""
    world = World(name="crowd")
    backstage, owner = world.add_user("backstage"), world.add_user("alice")
    ids = []
    for number in range(projects):
        project = world.add_project(f"project-{number}", owner=owner, members={backstage.user_id: OWNER})
        infra = world.add_infra(project, world.add_environment(project, "prod"), "cluster")
        for index in range(experiments):
            experiment = world.add_experiment(project, infra, f"experiment-{index}")
            experiment.recent += passed_runs(world, f"run-{number}-{index}", number=RECENT, hours_apart=24)
        ids.append(project.project_id)
    return world, world.issue_token(backstage), ids


async def serve(projects: int, experiments: int, late_seconds: float) -> None:
    """Serve until killed."""
    world, token, ids = crowded(projects, experiments)
    async with open_simulator(world) as litmus:
        if late_seconds:
            litmus.faults.add(ScriptedFault(delay_seconds=late_seconds, times=None))
        sys.stdout.write(json.dumps({"url": litmus.url, "token": token, "projects": ids}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) / 1000))
