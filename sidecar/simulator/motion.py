"""What happens in a world as time passes: runs proceed, schedules fire, somebody starts things.

Deterministic: the same world, ticked at the same times, lives the same story.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.simulator.documents import UNFINISHED, Experiment, FaultCounts, Run
from sidecar.simulator.schedules import fires_between

if TYPE_CHECKING:  # the world owns its motion
    from sidecar.simulator.world import World


@dataclass(kw_only=True)
class Course:
    """When a run is to reach its next phases, in seconds since the epoch."""

    pending_at: float
    running_at: float
    finish_at: float


class Motion:
    """The moving part of a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._courses: dict[int, Course] = {}
        self._last_seconds: float | None = None
        self._next_start: float | None = None
        self.starters: tuple[str, ...] = ()
        """User names in whose name runs are started now and then; none: nobody starts anything."""

    def advance(self, now: float) -> None:
        """Do all that is due by ``now``."""
        last = now if self._last_seconds is None else self._last_seconds
        self._last_seconds = max(now, last)
        for experiment in list(self._world.experiments.values()):
            if self._can_fire(experiment) and fires_between(
                experiment.cron_syntax, self._zone(experiment), last, now
            ):
                self._world.start_cron_run(experiment)
        self._start_something(now)
        for run in self._world.runs:
            if run.phase in UNFINISHED and not run.is_held:
                self._move(run, now)

    def _zone(self, experiment: Experiment) -> str | None:
        zone: str | None = experiment.manifest["spec"].get("timezone")
        return zone

    def _reachable(self, infra_id: str) -> bool:
        infra = self._world.infras.get(infra_id)
        return infra is not None and infra.is_active

    def _can_fire(self, experiment: Experiment) -> bool:
        return bool(
            experiment.cron_syntax
            and not experiment.is_removed
            and not experiment.is_suspended
            and experiment.is_started
            and not self._is_held_off(experiment)
            and self._reachable(experiment.infra_id)
        )

    def _is_held_off(self, experiment: Experiment) -> bool:
        """Tell whether a run in the cluster keeps the scheduler from starting another."""
        policy = experiment.manifest["spec"].get("concurrencyPolicy")
        return policy == "Forbid" and any(
            run.run_id and run.phase in UNFINISHED for run in self._world.runs_of(experiment)
        )

    def _start_something(self, now: float) -> None:
        random = self._world.random
        if not self.starters:
            return
        if self._next_start is None:
            self._next_start = now + random.uniform(2, 8)
        if now < self._next_start:
            return
        self._next_start = now + random.uniform(20, 40)
        idle = [
            experiment
            for experiment in self._world.experiments.values()
            if not experiment.cron_syntax
            and not experiment.is_removed
            and experiment.recent
            and experiment.recent[0].phase not in UNFINISHED
            and self._reachable(experiment.infra_id)
        ]
        if idle:
            self._world.start_run(random.choice(idle), username=random.choice(self.starters))

    def _move(self, run: Run, now: float) -> None:
        if not self._reachable(run.infra_id):
            return
        random = self._world.random
        course = self._courses.get(id(run))
        if course is None:
            pending_at = now + random.uniform(2, 6)
            running_at = pending_at + random.uniform(3, 8)
            course = Course(
                pending_at=pending_at, running_at=running_at, finish_at=running_at + random.uniform(25, 75)
            )
            self._courses[id(run)] = course
        if now >= course.finish_at:
            del self._courses[id(run)]
            self._finish(run)
        elif now >= course.running_at and run.phase != "Running":
            self._world.report(run, "Running")
        elif now >= course.pending_at and run.phase == "Queued":
            self._world.report(run, "Pending")

    def _finish(self, run: Run) -> None:
        random = self._world.random
        total = len(self._world.experiments[run.experiment_id].faults)
        chance = random.random()
        if chance < 0.7:  # noqa: PLR2004 - most runs pass
            self._world.finish_run(run)
        elif chance < 0.92:  # noqa: PLR2004 - some fail a probe
            failed = random.randint(1, total)
            score = int(10_000 * (total - failed) / total) / 100
            counts = FaultCounts(passed=total - failed, failed=failed)
            self._world.finish_run(run, phase="Completed_With_Probe_Failure", score=score, counts=counts)
        else:
            self._world.finish_run(run, phase="Error", score=0.0)
