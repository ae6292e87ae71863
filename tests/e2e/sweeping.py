"""A sidecar all of whose secrets are marked, on a Litmus that repeats everything it is told."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.simulator import ScriptedFault, Simulator, World, open_simulator
from sidecar.simulator.documents import OWNER, ApiToken, Infra, Project, User
from tests.support.leaks import Leaks

ADMIN_KEY: Final = "adm\"7Qz'key<odd>&%24-marker-1"
READER_KEY: Final = "rdr\\8Xv`key{odd}|~^-marker-2"
SCRAPER_KEY: Final = "scrapeKey+/=odd;,:-marker-3"
WRONG_KEY: Final = "wrongKey\"9Lk'odd<&>-marker-4"
PASSWORD: Final = "pässwörd \"6Jh'%41 +<&>\\ marker-5"
OPAQUE_TOKEN: Final = "opaqueTok\"3Fd'%2B<&>\\=marker-6"
CATALOG_TOKEN: Final = "catalogTok\"2Sa'%3C<&>marker-7"
STORE_PASSWORD: Final = "storePw4Gt:@/%marker-8"
SIGNING_KEY: Final = "signingKey 5Hy\"'<&>%7E of more than 32 characters, marker-9"
PERSON_TOKEN: Final = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtYXJrZXItMTAifQ.bWFya2VyLTEwLXNpZ25hdHVyZQ"
TOKEN_VARIABLE: Final = "SWEPT_LITMUS_TOKEN"
KEY_VARIABLE: Final = "SWEPT_READER_KEY"
DEAD_URL: Final = "http://127.0.0.1:1"
"""Where nobody listens."""


@dataclass
class EchoingBackstage:
    """A catalog without entities, that can also fail and repeat what it was sent."""

    fails: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        if self.fails:
            return web.json_response({"error": {"message": repr(dict(request.headers))}}, status=500)
        return web.json_response({"items": [], "totalItems": 0, "pageInfo": {}})


@dataclass
class Marked:
    """The world, the configuration's file, and what must not show."""

    simulator: Simulator
    projects: Mapping[str, Project]
    """By the instance that has it in the catalog."""
    config: Path
    leaks: Leaks
    extra: ApiToken
    """A token of the sidecar's user that may be revoked."""
    environ: Mapping[str, str]
    """What the configuration takes from the environment."""
    backstage: EchoingBackstage = field(default_factory=EchoingBackstage)

    def learn(self) -> None:
        """Look for all that Litmus gave out meanwhile, too: new tokens, and sessions that were ended."""
        world = self.simulator.world
        for number, row in enumerate(world.api_tokens):
            self.leaks.add(f"token {number} of Litmus", row.token)
        for number, token in enumerate(world.session_tokens):
            self.leaks.add(f"session {number} of Litmus", token)
        for number, token in enumerate(sorted(world.revoked_tokens)):
            if len(token) > len(PASSWORD):
                self.leaks.add(f"revoked token {number} of Litmus", token)

    def misbehave(self, how: str) -> None:
        """Let Litmus answer everything in this way from now on; ``fine``: as it should."""
        self.simulator.faults.clear()
        self.backstage.fails = how != "fine"
        for fault in self._faults(how):
            self.simulator.faults.add(fault)

    def _faults(self, how: str) -> list[ScriptedFault]:
        world = self.simulator.world
        told = " ".join([*(row.token for row in world.api_tokens), OPAQUE_TOKEN, PASSWORD])
        as_json = {"Content-Type": "application/json"}
        refusal = json.dumps({"error": "unauthorized", "errorDescription": told})
        graphql = json.dumps({"errors": [{"message": f"no {told}", "path": [told]}], "data": None})
        answers: dict[str, ScriptedFault] = {
            "refuses": ScriptedFault(status=401, headers=as_json, body=refusal),
            "malformed": ScriptedFault(status=400, headers={"Content-Type": "text/plain"}, body=refusal),
            "fails": ScriptedFault(status=500, headers=as_json, body=refusal),
            "garbage": ScriptedFault(status=200, headers={"Content-Type": "text/html"}, body=f"<p>{told}"),
            "broken": ScriptedFault(status=200, headers=as_json, body=f'{{"accessToken": 1, "{told[:200]}'),
            "errors": ScriptedFault(status=200, headers=as_json, body=graphql),
            "redirects": ScriptedFault(status=302, headers={"Location": f"/?token={OPAQUE_TOKEN[:9]}"}),
            "drops": ScriptedFault(drop="before"),
        }
        if how == "fine":
            return []
        if how == HANGS:
            return [*_hanging(world)]
        answers[how].times = None
        return [answers[how]]


HANGS: Final = "hangs"
"""Whatever somebody asks for is never answered; the synchronisation is, so that Litmus is not left alone."""
CONDITIONS: Final = (
    "fine",
    "refuses",
    "malformed",
    "fails",
    "garbage",
    "broken",
    "errors",
    "redirects",
    "drops",
)
SWEPT: Final = ("fine", "fails", "errors", "garbage", "drops", HANGS)
"""Conditions for routes, and for the forms of people of their own."""


def _hanging(world: World) -> Iterator[ScriptedFault]:
    """Yield what never answers: the auth server, whoever asks it, and what changes something."""
    calls = ("login", "logout", "create_token", "remove_token", "list_projects")
    paths = [f"/auth/{call}" for call in calls]
    for user_id in world.users:
        paths += [f"/auth/token/{user_id}", f"/auth/get_user/{user_id}"]
    for path in paths:
        yield ScriptedFault(path=path, never_answer=True, times=None)
    for field_name in ("runChaosExperiment", "stopExperimentRuns", "updateCronExperimentState"):
        yield ScriptedFault(root_field=field_name, never_answer=True, times=None)


def _add_people(world: World, project: Project, infra: Infra, managed: User) -> None:
    """Add for each condition people, experiments to run, stop and suspend, and a token to revoke."""
    for days, condition in enumerate(SWEPT, 70):
        person = world.add_user(f"person-{condition}", password=PASSWORD, role="admin")
        world.set_role(project, person, OWNER)
        world.add_user(f"guest-{condition}", password=PASSWORD)
        world.add_experiment(project, infra, f"idle-{condition}")
        world.start_run(world.add_experiment(project, infra, f"busy-{condition}"), username="alice")
        world.add_experiment(project, infra, f"nightly-{condition}", cron="0 3 * * *")
        world.issue_token(managed, days=days, name=f"spare-{condition}")


@asynccontextmanager
async def open_marked(
    directory: Path, *, store_url: str | None = None, patience: timedelta = timedelta(seconds=2)
) -> AsyncIterator[Marked]:
    """Open the simulator, and write a configuration in which every secret is a marker."""
    world = World(name="sweep")
    user = world.add_user("backstage")
    managed = world.add_user("managed", password=PASSWORD)
    owner = world.add_user("alice")
    projects: dict[str, Project] = {}
    for name in ("default", "filed", "managed"):
        project = world.add_project(name, owner=owner)
        for member in (user, managed):
            world.set_role(project, member, OWNER)
        infra = world.add_infra(project, world.add_environment(project, "prod"), "cluster")
        world.start_run(world.add_experiment(project, infra, "kill"), username="alice")
        projects[name] = project
        if name == "managed":
            _add_people(world, project, infra, managed)
    token = world.issue_token(user, days=60, name="default")
    filed = world.issue_token(user, days=61, name="filed")
    world.issue_token(user, days=62, name="extra")
    extra = world.api_tokens[-1]
    shown = world.issue_token(user, days=63, name="shown")
    backstage = EchoingBackstage()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", backstage.answer)
    async with open_simulator(world) as simulator, TestServer(app) as catalog:
        secrets = {
            "adminKey": ADMIN_KEY,
            "scraperKey": SCRAPER_KEY,
            "filed": filed + "\n",
            "password": PASSWORD,
            "catalog": CATALOG_TOKEN + "\r\n",
            "signing": SIGNING_KEY + "\n",
            "store": store_url or f"sqlite:///{directory / 'sidecar.db'}",
        }
        for name, secret in secrets.items():
            (directory / f"{name}.secret").write_bytes(secret.encode())
        (directory / "catalog-info.yaml").write_text(_catalog(projects))
        config = directory / "app-config.yaml"
        app_config = _app_config(simulator.url, str(catalog.make_url("")), shown)
        app_config["litmusSidecar"]["sync"]["requestTimeout"] = {
            "milliseconds": patience // timedelta(milliseconds=1)
        }
        config.write_text(json.dumps(app_config))
        environ = {TOKEN_VARIABLE: token, KEY_VARIABLE: READER_KEY}
        marked = Marked(simulator, projects, config, Leaks({}), extra, environ, backstage)
        for name, secret in {
            **{name: secret for name, secret in secrets.items() if name != "store"},
            "wrong key": WRONG_KEY,
            "opaque token": OPAQUE_TOKEN,
            "store password": STORE_PASSWORD,
            "person's token": PERSON_TOKEN,
            "reader's key": READER_KEY,
        }.items():
            marked.leaks.add(name, secret)
        marked.learn()
        yield marked


def _app_config(litmus: str, backstage: str, shown: str) -> dict[str, Any]:
    keys = [
        {"name": "admin", "secretFile": "adminKey.secret", "scopes": ["read", "run", "metrics", "admin"]},
        {"name": "reader", "secret": f"${{{KEY_VARIABLE}}}", "scopes": ["read"]},
        {"name": "scraper", "secretFile": "scraperKey.secret", "scopes": ["metrics"]},
    ]
    credentials = {"username": "managed", "passwordFile": "password.secret", "tokenName": "swept"}
    section = {
        "instances": [
            {"name": "default", "baseUrl": litmus, "token": f"${{{TOKEN_VARIABLE}}}"},
            {"name": "filed", "baseUrl": litmus, "tokenFile": "filed.secret"},
            {"name": "managed", "baseUrl": litmus, "credentials": credentials},
            {"name": "opaque", "baseUrl": litmus, "token": OPAQUE_TOKEN},
        ],
        "catalog": {
            "files": ["catalog-info.yaml"],
            "backstage": {"baseUrl": backstage, "tokenFile": "catalog.secret", "interval": 1},
        },
        "auth": {
            "keys": keys,
            "backstage": {"baseUrl": DEAD_URL, "issuer": "https://backstage.example.com/api/auth"},
            "signingKeysFile": "signing.secret",
            "signIn": {"enabled": True},
        },
        "listen": {"port": 0, "trustedProxies": ["127.0.0.1/32"]},
        "limits": {"actionsPerMinute": 100_000, "personPerMinute": 100_000},
        "sync": {"maxRequestsPerSecond": 500, "maxInFlight": 20, "interval": 2, "activeInterval": 2},
        "store": {"urlFile": "store.secret"},
    }
    litmus_section = {"baseUrl": "https://litmus.example.com", "apiToken": shown}
    return {"litmus": litmus_section, "litmusSidecar": section}


def _catalog(projects: Mapping[str, Project]) -> str:
    documents = []
    for instance, project in projects.items():
        annotations = {
            "litmuschaos.io/project-id": project.project_id,
            "litmuschaos.io/instance": instance,
        }
        documents.append(
            {
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "Component",
                "metadata": {"name": f"cart-{instance}", "annotations": annotations},
                "spec": {"type": "service", "owner": "team-a"},
            }
        )
    return "\n---\n".join(json.dumps(document) for document in documents)
