"""A world like the one in which real answers of Litmus were recorded, and who asked for each."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.simulator import Simulator, World
from sidecar.simulator.documents import Experiment, Fault, FaultCounts, Infra, Project, Run, User
from tests.simulator.conftest import NOW

_RECORDED_IDS = {
    "b67bda8f-b112-4fbd-8df2-2db5d8af40ab": "shop",
    "7ab4c98d-1e61-4589-ba04-075768557baf": "empty",
    "48d8af73-e2fb-47d5-8ace-ce5e03932f70": "viewer1",
    "2f56abf7-76e2-40ce-8da4-720af55deccd": "fresh1",
    "ef219770-a0b6-4f30-b281-69e232244db1": "remover",
    "ed5edd38-b9d4-4a61-ba85-0d0d1f1f027d": "cart-pod-delete",
    "15a43e1f-ecf2-49eb-befe-7598a54ab6ac": "Überlast-核-🔥 test",
    "5f8c90a6-9167-4b2f-b98e-4e2fc52c20a3": "checkout-three-faults",
    "a80967b7-b54b-4bce-806e-b2cc6771489e": "deleted",
    "53faac20-bd72-4694-95ad-c3a8db5f9929": "inactive",
    "5ed1deb8-04a3-4a59-881b-db891911dd85": "cron-saved",
    "69d7d3b4-c34e-475b-91ef-a86f0f59946f": "cron-nightly",
    "07c9233a-321c-4662-af66-6e958549d85b": "cron-new-york",
    "4f21e9bc-11d0-4e68-bf4f-70cc7f711e30": "cron-suspended",
    "98a3f164-65ac-4c5f-a713-c73e40ea1cf5": "shop-cluster-a",
    "04880654-490d-4c74-b42a-eed187971504": "shop-cluster-b",
    "6c246c3d-9a7b-4bac-ae8d-16833f0d4b8c": "shop-unconfirmed",
    "f4f44de9-06a9-40ce-ac86-37c8939db415": "Team Hub",
    "02cd9187-5ca6-4c93-8404-c78cb2842fee": "Broken Hub",
}
_RUN_ID, _NOTIFY_ID = "24698d0d-7f95-4173-9e46-ecd61c1b3e51", "5d9e0ea8-546d-4b86-8e3b-6087ec0e02b1"


@dataclass(kw_only=True)
class RecordedWorld:
    """The world, what is in it by name, and the texts to put for what is recorded."""

    world: World
    users: dict[str, User]
    shop: Project
    infra: Infra
    experiments: dict[str, Experiment] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Our id for each recorded one."""

    def token(self, who: str) -> str:
        """A token of a user, or one that does not hold: ``expired``, ``forged``, ``revoked``."""
        owner = self.users["owner1"]
        if who == "expired":
            return self.world.issue_token(owner, days=-1)
        if who == "forged":
            return World(name="elsewhere", clock=lambda: NOW).issue_token(owner)
        token = self.world.issue_token(self.users.get(who, owner), name=f"{who}-token")
        if who == "revoked":
            self.world.revoke_token(token)
        return token

    def run_with(self, phase: str) -> Run:
        """A run that was started last, of the experiment that all the recorded stops are about."""
        run = self.world.start_run(self.experiments["Überlast-核-🔥 test"], username="exec1")
        if phase != "Queued":
            self.world.report(run, phase)
        self.ids[_RUN_ID] = run.run_id
        self.ids[_NOTIFY_ID] = run.notify_id or ""
        return run


def recorded_world() -> RecordedWorld:
    """Build the world: every phase, every kind of experiment, an agent that was never there."""
    now = [NOW]

    def clock() -> float:
        now[0] += 0.001  # no two things at the same time, so that each list has one order
        return now[0]

    world = World(name="recorded", clock=clock)
    users = _users(world)
    shop, infra = _projects(world, users)
    made = RecordedWorld(world=world, users=users, shop=shop, infra=infra)
    _experiments(made)
    _runs(made)
    names = {user.username: user.user_id for user in users.values()}
    names |= {project.name: project.project_id for project in world.projects.values()}
    names |= {name: one.experiment_id for name, one in made.experiments.items()}
    names |= {hub.name: hub.hub_id for hub in world.hubs}
    names |= {one.name: one.infra_id for one in world.infras.values()}
    made.ids = {recorded: names[name] for recorded, name in _RECORDED_IDS.items()}
    return made


def _users(world: World) -> dict[str, User]:
    users = {
        name: world.add_user(name) for name in ("owner1", "exec1", "viewer1", "backstage", "remover", "root")
    }
    users["admin"] = world.add_user("admin", role="admin")
    users["fresh1"] = world.add_user("fresh1", initial_login=True)
    users["outsider"] = world.add_user("outsider", password="Outs@12345")
    return users


def _projects(world: World, users: dict[str, User]) -> tuple[Project, Infra]:
    roles = {"owner1": "Owner", "exec1": "Executor", "viewer1": "Viewer", "backstage": "Viewer"}
    members = {users[name].user_id: role for name, role in roles.items()}
    world.add_project("empty", owner=users["owner1"])
    personal = world.add_project("viewer1-project", owner=users["viewer1"])
    personal.tags = personal.description = None  # as signing in leaves it
    for name in ("pay", "big"):
        project = world.add_project(name, owner=users["admin"], members=members)
        world.set_role(project, users["fresh1"], "Viewer", invitation="Pending")
    shop = world.add_project("shop", owner=users["admin"], members=members)
    world.set_role(shop, users["fresh1"], "Viewer", invitation="Pending")
    world.add_hub(shop, "Team Hub", faults=5, experiments=0)
    world.add_hub(shop, "Broken Hub", is_available=False)
    tags = ("a", "ü")
    production = world.add_environment(
        shop, "shop prod <b>&", type="PROD", tags=tags, environment_id="shop-prod"
    )
    staging = world.add_environment(shop, "shop staging <b>&", tags=tags, environment_id="shop-staging")
    world.add_environment(shop, "shop empty-ümlaut <b>&", tags=tags, environment_id="shop-empty-ümlaut")
    infra = world.add_infra(shop, production, "shop-cluster-a")
    world.add_infra(shop, staging, "shop-cluster-b")
    world.add_infra(shop, production, "shop-unconfirmed", is_active=False, is_confirmed=False)
    return shop, infra


def _experiments(made: RecordedWorld) -> None:
    world, shop, infra = made.world, made.shop, made.infra

    def add(name: str, **given: str | bool) -> Experiment:
        faults = ("pod-delete-aa1",)
        experiment = world.add_experiment(shop, infra, name, faults=faults, tags=["checkout"], **given)  # type: ignore[arg-type]
        made.experiments[name] = experiment
        return experiment

    add("deleted")
    add("never-run")
    add("standalone-engine").type = "chaosengine"
    add("cron-bad", cron="61 25 * * *", started=False)
    add("cron-new-york", cron="15 9 * * *", timezone="America/New_York")
    add("cron-suspended", cron="0 3 * * *", suspended=True)
    add("cron-nightly", cron="0 2 * * *")
    add("cron-saved", cron="0 4 * * *", started=False)
    add("checkout-three-faults").faults = [
        Fault(name="pod-delete-aa1", weight=10),
        Fault(name="pod-cpu-hog-bb2", weight=5),
        Fault(name="pod-network-latency-cc3", weight=3),
    ]
    add("Überlast-核-🔥 test")
    add("cart-pod-delete")
    pay = next(project for project in world.projects.values() if project.name == "pay")
    elsewhere = world.add_environment(pay, "pay-prod")
    away = world.add_infra(pay, elsewhere, "away", is_active=False)
    # A start does not ask whose the experiment is.
    made.experiments["inactive"] = world.add_experiment(pay, away, "inactive")


def _runs(made: RecordedWorld) -> None:
    world, experiments = made.world, made.experiments
    three = experiments["checkout-three-faults"]
    for score in (100.0, 55.55, 73.88):
        run = world.start_run(three, username="root")
        world.finish_run(run, score=score)
    for phase, score in (
        ("Completed", 100.0),
        ("Completed_With_Probe_Failure", 75.0),
        ("Error", 0.0),
        ("Timeout", 0.0),
        ("Completed_With_Probe_Failure", 120.0),
    ):
        run = world.start_run(experiments["cart-pod-delete"], username="root")
        world.finish_run(run, phase=phase, score=score, counts=FaultCounts(passed=1))
    nightly = experiments["cron-nightly"]
    world.finish_run(world.start_cron_run(nightly))
    world.finish_run(world.start_cron_run(nightly), phase="Completed_With_Probe_Failure", score=50.0)
    many = experiments["Überlast-核-🔥 test"]
    world.finish_run(world.start_run(many, username="root"))
    overwritten = world.start_run(many, username="root")
    world.finish_run(overwritten)
    world.stop_run(overwritten)
    world.finish_run(world.start_run(many, username="owner1"))
    world.stop_run(world.start_run(experiments["never-run"], username="exec1"))
    world.start_run(experiments["standalone-engine"], username="exec1")
    for username in ("owner1", "exec1"):
        world.start_run(experiments["cart-pod-delete"], username=username)
    world.delete_experiment(experiments["deleted"])


def _unreadable(_: RecordedWorld, litmus: Simulator) -> None:
    litmus.key_unreadable = True


def _stopped_pending(made: RecordedWorld, _: Simulator) -> None:
    made.world.stop_run(made.run_with("Pending"))


GIVEN: dict[str, Callable[[RecordedWorld, Simulator], object]] = {
    "db-trouble-auth-role": _unreadable,
    "db-trouble-authorized-field": _unreadable,
    "db-trouble-login": _unreadable,
    "db-trouble-plain-field": _unreadable,
    "err-stop-pending-without-id": lambda made, _: made.run_with("Pending"),
    "ok-stop-pending-with-id": lambda made, _: made.run_with("Pending"),
    "run-by-notify-id": lambda made, _: made.run_with("Queued"),
    "run-queued": lambda made, _: made.run_with("Queued"),
    "run-stopped-by-server": _stopped_pending,
}
"""What must have happened in the world before a recording; nothing for the rest."""

WHO: dict[str, str] = {
    "auth-create-token-initial": "fresh1",
    "auth-list-projects": "viewer1",
    "auth-list-projects-2": "viewer1",
    "auth-list-projects-none": "outsider",
    "auth-list-projects-past-end": "viewer1",
    "auth-remove-expired": "remover",
    "auth-remove-no-userid": "remover",
    "auth-remove-unknown": "remover",
    "auth-revoked-role": "revoked",
    "auth-role-expired": "expired",
    "auth-role-none": "outsider",
    "auth-role-viewer": "viewer1",
    "auth-tokens": "viewer1",
    "auth-user": "viewer1",
    "auth-user-initial": "fresh1",
    "err-expired-authorized": "expired",
    "err-expired-plain": "expired",
    "err-forged-authorized": "forged",
    "err-forged-plain": "forged",
    "err-no-role": "outsider",
    "err-revoked": "revoked",
    "err-run-viewer": "viewer1",
    "err-stop-viewer": "viewer1",
    "err-switch-executor": "exec1",
    "getGitOpsDetails-viewer": "viewer1",
    "hub-of-foreign-project": "outsider",
    "plugin-getBasicStats-executor": "exec1",
    "plugin-getBasicStats-viewer": "viewer1",
}
"""Whose token a recorded request had, or what is wrong with it; ``owner1`` for the rest."""
