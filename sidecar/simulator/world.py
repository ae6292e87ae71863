"""The state of one simulated ChaosCenter and the ways to change it.

Builders (``add_...``) default what does not matter to the caller; the other
methods are events as users, agents and administrators cause them. Nothing moves
by itself: ``tick`` hands over to ``motion``. No HTTP and no GraphQL here.
"""

import random
import time
from collections.abc import Callable, Sequence

from sidecar.simulator.accounts import Accounts
from sidecar.simulator.documents import (
    Environment,
    Experiment,
    Fault,
    FaultCounts,
    GitOps,
    Hub,
    Infra,
    Project,
    RecentRun,
    Run,
)
from sidecar.simulator.manifests import experiment_manifest
from sidecar.simulator.motion import Motion

_RECENT_RUNS = 10


class World(Accounts):
    """One ChaosCenter: its accounts, projects, experiments and runs.

    Args:
        name: Told apart by it: ids, the signing key and the seed depend on it.
        version: The Litmus release to behave like.
        clock: Seconds since the epoch; the real time unless a test hands in another.
    """

    def __init__(
        self, *, name: str = "world", version: str = "3.31.0", clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(name=name, version=version, clock=clock)
        self.random = random.Random(name)  # noqa: S311 - a story to show, not a secret
        self.hubs: list[Hub] = []
        self.environments: list[Environment] = []
        self.infras: dict[str, Infra] = {}
        self.experiments: dict[str, Experiment] = {}
        self.runs: list[Run] = []
        self.allowed_origins: tuple[str, ...] = (".*",)
        """Regular expressions for ``Origin``, or ``Host`` without one, on the GraphQL server."""
        self.auth_allowed_origins: tuple[str, ...] = (".*",)
        """The same for the auth server, which has its own setting."""
        self.auth_server_up = True
        """Whether the auth server lives; while it does not, role checks hang."""
        self.introspection_enabled = not self.since(3, 8)
        self.motion = Motion(self)

    def tick(self, now: float | None = None) -> None:
        """Let everything happen that is due by ``now`` (seconds; the clock's time if ``None``)."""
        self.motion.advance(self.clock() if now is None else now)

    # Projects' contents

    def enable_git_ops(self, project: Project) -> None:
        """Store a GitOps configuration for the project."""
        project.git_ops = GitOps()

    def add_hub(
        self,
        project: Project,
        name: str,
        *,
        faults: int = 12,
        experiments: int = 3,
        is_available: bool = True,
        is_private: bool = False,
    ) -> Hub:
        """Add a hub besides the built-in one, which every project has."""
        hub = Hub(
            hub_id=self.new_id("hub"),
            project_id=project.project_id,
            name=name,
            is_available=is_available,
            total_faults=faults,
            total_experiments=experiments,
            is_private=is_private,
            created_at_ms=self.now_ms,
        )
        self.hubs.append(hub)
        return hub

    def add_environment(
        self,
        project: Project,
        name: str,
        *,
        type: str = "NON_PROD",  # noqa: A002 - Litmus's own name for it
        tags: Sequence[str] = (),
        environment_id: str | None = None,
    ) -> Environment:
        """Add an environment; its id is its name unless given."""
        environment = Environment(
            environment_id=environment_id or name,
            project_id=project.project_id,
            name=name,
            type=type,
            tags=list(tags),
            created_at_ms=self.now_ms,
            updated_at_ms=self.now_ms,
            username=project.created_by,
        )
        self.environments.append(environment)
        return environment

    def remove_environment(self, environment: Environment) -> None:
        """Delete an environment as Litmus does: hidden from lists, kept in the database."""
        environment.is_removed = True

    def add_infra(
        self,
        project: Project,
        environment: Environment,
        name: str,
        *,
        is_active: bool = True,
        is_confirmed: bool = True,
        scope: str = "cluster",
    ) -> Infra:
        """Add an infrastructure to an environment, connected unless told otherwise."""
        infra = Infra(
            infra_id=self.new_id("infra"),
            project_id=project.project_id,
            environment_id=environment.environment_id,
            name=name,
            is_active=is_active,
            is_confirmed=is_confirmed,
            scope=scope,
            created_at_ms=self.now_ms,
            updated_at_ms=self.now_ms,
            username=project.created_by,
        )
        self.infras[infra.infra_id] = infra
        if environment.infra_ids is not None:
            environment.infra_ids.append(infra.infra_id)
        return infra

    def disconnect(self, infra: Infra) -> None:
        """Let the agent's connection close."""
        infra.is_active = False
        infra.updated_at_ms = self.now_ms

    def connect(self, infra: Infra) -> None:
        """Let the agent connect."""
        infra.is_active = infra.is_confirmed = True
        infra.updated_at_ms = self.now_ms

    def remove_infra(self, infra: Infra) -> None:
        """Delete an infrastructure as Litmus does: still joined into experiments and runs."""
        infra.is_removed = True
        self.disconnect(infra)
        for environment in self.environments:
            if environment.infra_ids and infra.infra_id in environment.infra_ids:
                environment.infra_ids.remove(infra.infra_id)

    def drop_infra(self, infra: Infra) -> None:
        """Lose the document itself, as a cleaned or restored database does: experiments answer ``null``."""
        self.remove_infra(infra)
        del self.infras[infra.infra_id]

    def add_experiment(
        self,
        project: Project,
        infra: Infra,
        name: str,
        *,
        cron: str = "",
        timezone: str | None = None,
        suspended: bool = False,
        started: bool = True,
        tags: Sequence[str] = (),
        faults: Sequence[str] = ("pod-delete",),
        username: str | None = None,
    ) -> Experiment:
        """Add an experiment, with a schedule if ``cron`` is not empty; the cluster has it if ``started``."""
        experiment = Experiment(
            experiment_id=self.new_id("experiment"),
            project_id=project.project_id,
            infra_id=infra.infra_id,
            name=name,
            type="cronexperiment" if cron else "experiment",
            cron_syntax=cron,
            is_started=started,
            manifest=experiment_manifest(
                name, infra.namespace, faults, cron=cron, timezone=timezone, suspended=suspended
            ),
            tags=list(tags),
            faults=[Fault(name=fault) for fault in faults],
            created_at_ms=self.now_ms,
            updated_at_ms=self.now_ms,
            username=project.created_by if username is None else username,
        )
        self.experiments[experiment.experiment_id] = experiment
        return experiment

    def edit_experiment(self, experiment: Experiment, *, name: str) -> None:
        """Rename an experiment, as an edit in Litmus does."""
        experiment.name = name
        experiment.updated_at_ms = self.now_ms

    def delete_experiment(self, experiment: Experiment) -> None:
        """Delete an experiment with its runs: hidden from lists, still in the run totals."""
        experiment.is_removed = True
        experiment.updated_at_ms = self.now_ms
        for run in self.runs_of(experiment):
            run.is_removed = True

    def delete_run(self, run: Run) -> None:
        """Delete one run; the experiment's recent list keeps its copy."""
        run.is_removed = True

    # Runs

    def runs_of(self, experiment: Experiment) -> list[Run]:
        """Return all runs of an experiment, the removed ones too, oldest first."""
        return [run for run in self.runs if run.experiment_id == experiment.experiment_id]

    def start_run(self, experiment: Experiment, *, username: str = "", project_id: str | None = None) -> Run:
        """Queue a run as runChaosExperiment does; it has no run id yet.

        ``project_id`` is the project it is recorded under, the experiment's own if ``None``.
        """
        experiment.updated_at_ms = self.now_ms
        return self._insert_run(
            experiment,
            phase="Queued",
            run_id="",
            notify_id=self.new_id("notify"),
            username=username,
            project_id=project_id,
        )

    def start_cron_run(self, experiment: Experiment) -> Run:
        """Start a run as the cluster's scheduler does: first heard of when already pending, by nobody."""
        experiment.updated_at_ms = self.now_ms
        run = self._insert_run(
            experiment, phase="Pending", run_id=self.new_id("run"), notify_id=None, username=""
        )
        run.counts = FaultCounts()
        experiment.recent[0].score = 0.0
        return run

    def _insert_run(
        self,
        experiment: Experiment,
        *,
        phase: str,
        run_id: str,
        notify_id: str | None,
        username: str,
        project_id: str | None = None,
    ) -> Run:
        run = Run(
            run_id=run_id,
            notify_id=notify_id,
            experiment_id=experiment.experiment_id,
            project_id=project_id or experiment.project_id,
            infra_id=experiment.infra_id,
            phase=phase,
            sequence=len(self.runs_of(experiment)) + 1,
            username=username,
            created_at_ms=self.now_ms,
            updated_at_ms=self.now_ms,
        )
        self.runs.append(run)
        experiment.recent.insert(
            0,
            RecentRun(
                run_id=run_id,
                phase=phase,
                score=None,
                sequence=run.sequence,
                username=username,
                created_at_ms=run.created_at_ms,
                updated_at_ms=run.updated_at_ms,
            ),
        )
        del experiment.recent[_RECENT_RUNS:]
        return run

    def report(self, run: Run, phase: str, *, score: float = 0.0, counts: FaultCounts | None = None) -> None:
        """Record an event of the agent: the first one gives the run its id."""
        first = not run.run_id
        run.run_id = run.run_id or self.new_id("run")
        run.phase, run.score = phase, score
        run.counts = counts or FaultCounts()
        run.updated_at_ms = self.now_ms
        entry = self._recent_entry(run, first=first)
        if entry is not None:
            entry.run_id, entry.phase, entry.score = run.run_id, phase, score
            entry.updated_at_ms = run.updated_at_ms

    def _recent_entry(self, run: Run, *, first: bool) -> RecentRun | None:
        # Litmus finds the entry by run id; before there is one it takes the newest unfinished entry,
        # which with two queued runs is the wrong one for the older.
        recent = self.experiments[run.experiment_id].recent
        if first:
            return next((entry for entry in recent if not entry.run_id and entry.phase == "Queued"), None)
        return next((entry for entry in recent if entry.run_id == run.run_id), None)

    def finish_run(
        self, run: Run, *, phase: str = "Completed", score: float = 100.0, counts: FaultCounts | None = None
    ) -> None:
        """Let the agent report the end; without ``counts`` they follow from the phase."""
        if counts is None:
            total = len(self.experiments[run.experiment_id].faults)
            counts = {
                "Completed": FaultCounts(passed=total),
                "Completed_With_Probe_Failure": FaultCounts(passed=total - 1, failed=1),
                "Stopped": FaultCounts(stopped=total),
            }.get(phase, FaultCounts(awaited=total))
        self.report(run, phase, score=score, counts=counts)

    def stop_run(self, run: Run) -> None:
        """Mark a run stopped in the database, whatever it was, as stopExperimentRuns does."""
        run.phase = "Stopped"
        run.username = ""
        run.updated_at_ms = self.now_ms
        if not self.since(3, 31):
            return
        entry = self._recent_entry(run, first=not run.run_id)
        if entry is not None:
            entry.phase, entry.username, entry.updated_at_ms = "Stopped", "", run.updated_at_ms

    def add_finished_run(
        self,
        experiment: Experiment,
        *,
        started_at_ms: int,
        ended_at_ms: int,
        phase: str = "Completed",
        score: float = 100.0,
        counts: FaultCounts | None = None,
        username: str = "",
    ) -> Run:
        """Add a run of the past; the experiment's time moves as if it had just happened then."""
        run = self.start_cron_run(experiment) if experiment.cron_syntax else self.start_run(experiment)
        self.finish_run(run, phase=phase, score=score, counts=counts)
        run.username, run.created_at_ms, run.updated_at_ms = username, started_at_ms, ended_at_ms
        entry = experiment.recent[0]
        entry.username, entry.created_at_ms, entry.updated_at_ms = username, started_at_ms, ended_at_ms
        experiment.updated_at_ms = started_at_ms
        return run
