"""The Litmus of the attacked service, as a process of its own: a simulator behind what can spoil its answers.

The first line on standard output tells where it is and what is in it. Lines of
JSON on standard input change it: ``{"malady": name or null, "only": part of a path or ""}``,
``{"hang": true or false}``, ``{"runs": how many begin, "of": "small" or "large"}``.
"""

import asyncio
import json
import sys
from typing import Any, Final

import uvloop

from sidecar.simulator import ScriptedFault, Simulator, World, open_simulator
from sidecar.simulator.documents import OWNER, VIEWER, Infra, Project, RecentRun
from tests.support.malformed import MALADIES, SickNeighbour, open_sick_neighbour

PERSON: Final = "vera"
SMALL, RECENT = 20, 10


def passed_runs(world: World, name: str, *, number: int, hours_apart: int) -> list[RecentRun]:
    """Return runs that passed, the newest first; ``name`` begins their ids."""
    moments = [world.now_ms - age * hours_apart * 3_600_000 for age in range(number)]
    return [
        RecentRun(
            run_id=f"{name}-{age:012}",
            phase="Completed",
            score=100.0,
            sequence=number - age,
            username="alice",
            created_at_ms=at_ms,
            updated_at_ms=at_ms,
        )
        for age, at_ms in enumerate(moments)
    ]


class Place:
    """A world with a small project and one with as many experiments as asked for."""

    def __init__(self, experiments: int) -> None:
        self.world = World(name="abused")
        backstage = self.world.add_user("backstage")
        members = {backstage.user_id: OWNER, self.world.add_user(PERSON).user_id: VIEWER}
        owner = self.world.add_user("alice")
        self.token = self.world.issue_token(backstage)
        self.small, self.large = (
            self.world.add_project(name, owner=owner, members=members) for name in ("small", "large")
        )
        self._fill(self.small, SMALL)
        self._fill(self.large, experiments)

    def _fill(self, project: Project, experiments: int) -> None:
        infra = self.world.add_infra(project, self.world.add_environment(project, "prod"), "cluster")
        for number in range(experiments):
            self._experiment(project, infra, number)

    def _experiment(self, project: Project, infra: Infra, number: int) -> None:
        experiment = self.world.add_experiment(project, infra, f"service-survives-fault-{number:04}")
        name = f"7c9e6679-7425-40de-{number:04}"
        experiment.recent += passed_runs(self.world, name, number=RECENT, hours_apart=1)

    def start_runs(self, count: int, project: Project) -> None:
        """Let runs of a project begin, one experiment after the other."""
        experiments = [one for one in self.world.experiments.values() if one.project_id == project.project_id]
        for number in range(count):
            run = self.world.start_run(experiments[number % len(experiments)], username="alice")
            self.world.finish_run(run)


def obey(command: dict[str, Any], place: Place, litmus: Simulator, neighbour: SickNeighbour) -> None:
    """Change what the command names."""
    if "malady" in command:
        only = command.get("only", "")
        neighbour.malady = MALADIES[command["malady"]] if command["malady"] else None
        neighbour.strikes = lambda path, _body: only in path
    if "hang" in command:
        litmus.clear()
        if command["hang"]:
            litmus.faults.add(ScriptedFault(never_answer=True, times=None))
    place.start_runs(command.get("runs", 0), place.large if command.get("of") == "large" else place.small)


async def serve(experiments: int) -> None:
    place = Place(experiments)
    async with open_simulator(place.world) as litmus, open_sick_neighbour(litmus.url) as neighbour:
        told = {
            "url": neighbour.url,
            "token": place.token,
            "small": place.small.project_id,
            "large": place.large.project_id,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
        )
        while line := await commands.readline():
            obey(json.loads(line), place, litmus, neighbour)


def main() -> None:
    uvloop.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
