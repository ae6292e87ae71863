"""The worlds of the demonstration: two ChaosCenters with months of history and every odd case in view.

Ids are the same at every start, so links and catalogs stay valid; only times
move with the clock.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sidecar.simulator.documents import (
    EXECUTOR,
    OWNER,
    VIEWER,
    Experiment,
    FaultCounts,
    Infra,
    Project,
    User,
)
from sidecar.simulator.world import World

_DAY_MS = 86_400_000
_HISTORY_DAYS = 180
_SERVICES = ("cart", "checkout", "catalog", "inventory", "payment", "search", "mail", "recommender")
_FAULTS = ("pod-delete", "pod-cpu-hog", "pod-network-latency", "pod-dns-error")
_LONG_NAME = "a-name-that-somebody-generated-and-nobody-ever-shortened-" * 4 + "pod-delete"


@dataclass(frozen=True, kw_only=True)
class DemoInstance:
    """One ChaosCenter of the demonstration."""

    world: World
    token: str = field(repr=False)
    """API token of the user ``backstage``."""


@dataclass(frozen=True, kw_only=True)
class DemoWorlds:
    """Both ChaosCenters; the names are those of the catalog's ``litmuschaos.io/instance``."""

    default: DemoInstance
    staging: DemoInstance


def demo_worlds(clock: Callable[[], float] = time.time) -> DemoWorlds:
    """Build both worlds as of now."""
    return DemoWorlds(default=_default(clock), staging=_staging(clock))


class _Builder:
    """Builds a world in its past, then brings it to the present."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.present = clock
        past = clock() - _HISTORY_DAYS * _DAY_MS / 1000
        self.world = World(name=name, clock=lambda: past)
        self.random = self.world.random
        self.admin = self.world.add_user("admin", role="admin")
        self.alice = self.world.add_user("alice")
        self.bob = self.world.add_user("bob")
        self.backstage = self.world.add_user("backstage")

    def project(self, name: str, role: str) -> Project:
        """Add a project of alice, with bob as Executor and the token's user in the given role."""
        members = {self.bob.user_id: EXECUTOR, self.backstage.user_id: role}
        return self.world.add_project(name, owner=self.alice, members=members)

    def infra(
        self,
        project: Project,
        environment: str,
        name: str,
        *,
        production: bool = False,
        owner: str | None = None,
    ) -> Infra:
        """Add an environment with one infrastructure; ``owner`` is tagged as whose the project is."""
        kind = "PROD" if production else "NON_PROD"
        tags = ["gke"] if owner is None else ["gke", f"backstage-owner:{owner}"]
        return self.world.add_infra(
            project, self.world.add_environment(project, environment, type=kind, tags=tags), name
        )

    def history(
        self,
        experiment: Experiment,
        runs: int,
        *,
        health: float = 0.8,
        days: float = _HISTORY_DAYS,
        ends_with: str | None = None,
    ) -> None:
        """Add finished runs over the last ``days``, getting better or worse slowly.

        ``health`` is the share of faults that pass in the middle of the time; ``ends_with``
        the phase of the last run, whatever the dice say if ``None``.
        """
        now_ms = int(self.present() * 1000)
        drift = self.random.uniform(-0.2, 0.2)
        for index in range(runs):
            age_days = days * (runs - index - self.random.uniform(0.3, 0.7)) / runs
            started = now_ms - int(age_days * _DAY_MS)
            # A frequent experiment's last run has only just finished.
            ended = min(started + self.random.randint(90_000, 600_000), now_ms)
            chance = min(0.99, health + drift * (index / runs - 0.5))
            phase = ends_with if ends_with is not None and index == runs - 1 else self._phase(chance)
            self._past_run(experiment, phase, started, ended)

    def _phase(self, chance: float) -> str:
        dice = self.random.random()
        if dice < chance:
            return "Completed"
        rest = (dice - chance) / (1 - chance)
        if rest < 0.6:  # noqa: PLR2004 - most of what goes wrong is a failed probe
            return "Completed_With_Probe_Failure"
        return "Error" if rest < 0.85 else "Stopped"  # noqa: PLR2004 - some are stopped by hand

    def _past_run(self, experiment: Experiment, phase: str, started_ms: int, ended_ms: int) -> None:
        total = len(experiment.faults)
        counts, score = None, 100.0 if phase == "Completed" else 0.0
        if phase == "Completed_With_Probe_Failure":
            failed = self.random.randint(1, total)
            counts = FaultCounts(passed=total - failed, failed=failed)
            score = int(10_000 * (total - failed / 2) / total) / 100
        by_nobody = experiment.cron_syntax or phase == "Stopped"
        starter: Sequence[User] = (self.alice, self.bob)
        self.world.add_finished_run(
            experiment,
            started_at_ms=started_ms,
            ended_at_ms=ended_ms,
            phase=phase,
            score=score,
            counts=counts,
            username="" if by_nobody else self.random.choice(starter).username,
        )

    def arrive(self) -> DemoInstance:
        """Let time be the present, start moving, and hand out the token."""
        self.world.clock = self.present
        self.world.motion.starters = (self.alice.username, self.bob.username)
        return DemoInstance(
            world=self.world, token=self.world.issue_token(self.backstage, days=90, name="backstage")
        )


def _default(clock: Callable[[], float]) -> DemoInstance:
    build = _Builder("default", clock)
    world = build.world
    shop = build.project("Web shop", OWNER)
    identity = build.project("Identität & Zugriff", VIEWER)
    build.project("Empty quarter", OWNER)
    world.enable_git_ops(shop)
    world.add_hub(shop, "shop-charts", is_private=True)
    world.add_hub(shop, "legacy-charts", is_available=False)

    production = build.infra(shop, "shop-production", "gke-eu-west", production=True, owner="shop-team")
    preview = build.infra(shop, "shop-preview", "gke-preview")
    lost = build.infra(shop, "shop-edge", "edge-cluster")
    gone = build.infra(shop, "shop-old", "decommissioned")

    experiments = _service_experiments(build, shop, production, preview)
    _schedules(build, shop, production)
    world.add_experiment(shop, preview, "never-run-disk-fill", faults=("disk-fill",))
    orphan = world.add_experiment(shop, gone, "orphaned-node-drain", faults=("node-drain",))
    stuck = world.add_experiment(shop, lost, "edge-network-loss", faults=("pod-network-loss",))
    build.history(orphan, 6, health=0.5)
    build.history(stuck, 8)
    _strange_names(build, identity)

    demo = build.arrive()
    _present_runs(world, experiments, stuck)
    world.disconnect(lost)
    world.drop_infra(gone)
    return demo


def _service_experiments(
    build: _Builder, project: Project, production: Infra, preview: Infra
) -> list[Experiment]:
    """Add one experiment per service and fault, tagged by service."""
    experiments = []
    for index, service in enumerate(_SERVICES):
        for fault in _FAULTS:
            faults = (fault, "pod-memory-hog") if fault == "pod-cpu-hog" else (fault,)
            experiment = build.world.add_experiment(
                project,
                production if index % 2 else preview,
                f"{service}-{fault}",
                tags=[service, fault],
                faults=faults,
            )
            ends_with = "Completed_With_Probe_Failure" if fault == "pod-dns-error" and index < 3 else None  # noqa: PLR2004 - three are enough to see
            build.history(
                experiment,
                build.random.randint(5, 16),
                health=build.random.uniform(0.55, 0.98),
                ends_with=ends_with,
            )
            experiments.append(experiment)
    return experiments


def _schedules(build: _Builder, project: Project, infra: Infra) -> None:
    world = build.world
    nightly = world.add_experiment(
        project,
        infra,
        "nightly-node-cpu-hog",
        cron="TZ=Europe/Berlin 0 2 * * *",
        tags=["checkout", "nightly"],
        faults=("node-cpu-hog", "pod-delete", "pod-network-loss"),
    )
    build.history(nightly, 90, health=0.85, days=90)
    hourly = world.add_experiment(project, infra, "hourly-smoke", cron="@every 1h", tags=["smoke"])
    build.history(hourly, 48, health=0.95, days=2)
    daily = world.add_experiment(
        project, infra, "daily-dns-check", cron="@daily", faults=("pod-dns-error",), tags=["catalog"]
    )
    build.history(daily, 60, health=0.9, days=60)
    suspended = world.add_experiment(
        project,
        infra,
        "weekly-zone-outage",
        cron="0 4 * * 1",
        timezone="Europe/Berlin",
        suspended=True,
        faults=("node-drain", "pod-network-loss"),
    )
    build.history(suspended, 12, health=0.4)
    frequent = world.add_experiment(project, infra, "canary-every-five-minutes", cron="*/5 * * * *")
    build.history(frequent, 20, health=0.97, days=0.07)


def _strange_names(build: _Builder, project: Project) -> None:
    infra = build.infra(project, "identity-prod", "Kürbis-Cluster 🎃", production=True)
    names = (
        "<script>alert(1)</script>",
        "اختبار-الفوضى-لتسجيل-الدخول",
        "ログイン・遅延テスト 🐒",
        "quotes \" ' ` & ampersands",
        _LONG_NAME,
    )
    for name in names:
        build.history(build.world.add_experiment(project, infra, name, tags=[name[:40]]), 7)


def _present_runs(world: World, experiments: list[Experiment], stuck: Experiment) -> None:
    """Show each phase at once: some runs stay as they are, the rest go on."""
    world.start_run(stuck, username="alice")  # queued for good, its agent is about to go
    pending = world.start_run(experiments[0], username="bob")
    world.report(pending, "Pending")
    pending.is_held = True
    running = world.start_run(experiments[5], username="alice")
    world.report(running, "Running")
    running.is_held = True
    stopped = world.start_run(experiments[9], username="bob")
    world.report(stopped, "Running")
    world.stop_run(stopped)
    world.stop_run(
        world.start_run(experiments[13], username="alice")
    )  # stopped for Litmus, not for its agent


def _staging(clock: Callable[[], float]) -> DemoInstance:
    build = _Builder("staging", clock)
    world = build.world
    shop = build.project("Web shop (staging)", EXECUTOR)
    platform = build.project("Platform", OWNER)
    kind = build.infra(shop, "staging-shop", "kind-shop")
    metal = build.infra(platform, "staging-platform", "kind-platform")
    for project, infra, names in (
        (shop, kind, ("checkout-pod-delete", "checkout-pod-io-stress", "cart-pod-delete")),
        (platform, metal, ("node-restart", "etcd-latency", "ingress-pod-delete", "dns-outage")),
    ):
        for name in names:
            build.history(world.add_experiment(project, infra, name, tags=[name.split("-")[0]]), 14)
    weekly = world.add_experiment(platform, metal, "weekly-game-day", cron="0 10 * * 3")
    build.history(weekly, 24, health=0.7)
    world.add_experiment(platform, metal, "quarterly-failover", cron="0 10 1 */3 *", started=False)
    return build.arrive()
