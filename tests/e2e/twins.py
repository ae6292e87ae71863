"""A catalog in which entities are hidden, and who asks every route for them and for what does not exist."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from sidecar.actions.kinds.run import RunBody
from sidecar.actions.kinds.schedule import ScheduleBody
from sidecar.actions.kinds.start_schedule import StartScheduleBody
from sidecar.actions.kinds.stop import StopBody
from sidecar.config import parse_config
from sidecar.domain.model import Principal
from sidecar.http.gate.caller import Caller
from sidecar.http.pages.frame import form_token
from sidecar.http.route import Route
from sidecar.http.shapes.shares import ShareBody
from sidecar.http.shapes.tokens import TokenBody
from sidecar.simulator.documents import OWNER, VIEWER
from tests.e2e.conftest import Small
from tests.support.backstage import ISSUER, Backstage, StoppableClock, component, open_backstage, user_claims
from tests.support.service import QUIET_SYNC, Service, open_service
from tests.support.visitor import Visitor

KEY: Final = "twins-key-0123456789"
SEEN: Final = "component:default/cart"
BODIES: Final[Mapping[Any, Mapping[str, Any] | None]] = {
    RunBody: {"force": True},
    StopBody: {"all": True},
    ScheduleBody: {"suspended": True},
    StartScheduleBody: {},
    ShareBody: {"picture": "badge", "expiresInDays": 1},
    TokenBody: {"name": "walked", "expiresInDays": 1},
}
"""A good body for each type that a route takes."""
FORM: Final = {"suspended": "true", "force": "true"}
_UNLIKE: Final = {"date", "x-request-id"}


@dataclass(frozen=True)
class Twin:
    """An entity that some do not see; every word of it begins with ``word``."""

    word: str

    @property
    def nobody(self) -> "Twin":
        """One that does not exist, with words as long."""
        return Twin("x" * len(self.word))

    @property
    def name(self) -> str:
        return f"{self.word}vault"

    @property
    def ref(self) -> str:
        return f"component:default/{self.name}"

    @property
    def system(self) -> str:
        return f"system:default/{self.word}parts"

    @property
    def told(self) -> tuple[str, ...]:
        """What a query may ask for it by."""
        return self.name, self.ref, self.system, f"group:default/{self.word}team", f"{self.word} title"

    def documents(self, project_id: str, kin: str) -> list[dict[str, Any]]:
        """Return it and its system, which names the project too; ``kin`` owns it beside its own team."""
        owned = [{"type": "ownedBy", "targetRef": kin}]
        entity = component(self.name, project_id)
        entity["metadata"]["title"] = f"{self.word} title"
        entity["relations"] = [*owned, {"type": "partOf", "targetRef": self.system}]
        system = component(f"{self.word}parts", project_id, kind="System")
        system["relations"] = [*owned, {"type": "partOf", "targetRef": f"domain:default/{self.word}realm"}]
        return [entity, system]


class Seen(Twin):
    """The entity that everybody sees."""

    @property
    def name(self) -> str:
        return self.word


ZEBRA: Final = Twin("zebra")
"""Names the very project of the entity that everybody sees."""
OKAPI: Final = Twin("okapi")
"""Names a project of its own."""


@dataclass(frozen=True)
class Answered:
    """An answer without what differs by itself."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def without(self, *asked: str) -> "Answered":
        """Return it without the words that the question had; a tag of bytes that repeat them goes, too."""
        headers, body = dict(self.headers), self.body
        for word in asked:
            headers = {name: value.replace(word, "asked") for name, value in headers.items()}
            body = body.replace(word.encode(), b"asked")
        if body != self.body:
            headers.pop("Etag", None)
        return Answered(self.status, tuple(headers.items()), body)

    @property
    def text(self) -> str:
        return f"{self.headers} {self.body.decode(errors='replace')}"


@dataclass
class Asker:
    """Somebody who asks routes of the table."""

    service: Service
    headers: Mapping[str, str]
    form_token: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    """What ``{id}`` is behind each segment of a path."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """Id of the project of each twin that has one of its own."""

    async def ask(
        self,
        route: Route,
        twin: Twin,
        *,
        method: str,
        action: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Ask as the route wants to be asked, for this entity or this action."""
        path = self._path(route, twin, action)
        sent = {**self.headers, "X-Request-ID": "walk", "Accept-Encoding": "identity", **(headers or {})}
        data: Any = None
        if method in {"POST", "DELETE"}:
            sent["Origin"] = self.service.url("/").rstrip("/")
            is_form = path.startswith("/litmus")
            sent["Content-Type"] = f"application/{'x-www-form-urlencoded' if is_form else 'json'}"
            if is_form:
                data = urlencode({"csrf": self.form_token, **FORM})
            elif route.body is not None:
                data = json.dumps(BODIES[route.body])
        url = URL(self.service.url(path)).with_query(query or {})
        async with self.service.session.request(
            method, url, headers=sent, data=data, allow_redirects=False
        ) as response:
            kept = [(key, value) for key, value in response.headers.items() if key.lower() not in _UNLIKE]
            return Answered(response.status, tuple(kept), await response.read())

    def project_of(self, twin: Twin) -> str:
        """Return the id of the twin's own project; of who has none, one that does not exist."""
        return self.projects.get(twin.word, "0" * 36)

    def _path(self, route: Route, twin: Twin, action: str) -> str:
        """Fill the path; a parameter that nothing is known of fails the walk."""
        fillers = {
            "kind": "component",
            "namespace": "default",
            "name": twin.name,
            "instance": "default",
            "file": "pages.css",
        }
        path = route.path
        for parameter in re.findall(r"{(\w+)}", path):
            if parameter == "id":
                before = path[: path.index("{id}")].rstrip("/").rpartition("/")[2]
                value = {"actions": action, "projects": self.project_of(twin), **self.ids}[before]
            else:
                value = fillers[parameter]
            path = path.replace(f"{{{parameter}}}", value)
        return path


@dataclass
class Twins:
    """A sidecar, and what was done for the hidden entities by somebody who sees them."""

    service: Service
    backstage: Backstage
    small: Small
    clock: StoppableClock
    actions: dict[str, str] = field(default_factory=dict)
    """Id of an action of each twin."""
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    """Ids of the things below each twin."""
    projects: dict[str, str] = field(default_factory=dict)
    """Id of the project of each twin that has one of its own."""

    def token(self, user: str) -> str:
        return self.backstage.keys[-1].sign(user_claims(f"user:default/{user}", now=self.clock()))

    async def person(self, user: str) -> Asker:
        return await self._asker(user, {"Authorization": f"Bearer {self.token(user)}"})

    async def behind_proxy(self, user: str) -> Asker:
        return await self._asker(user, {"X-Forwarded-User": user})

    async def signed_in(self, user: str) -> Asker:
        visitor = Visitor(self.service)
        assert (await visitor.sign_in(user)).status == 303
        field_of = (await visitor.get("/litmus")).page.all("input", name="csrf")[0]
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        return Asker(self.service, {"Cookie": cookies}, field_of.attributes["value"], projects=self.projects)

    async def _asker(self, user: str, headers: Mapping[str, str]) -> Asker:
        # Who sees no entity is shown no form, but can make one up.
        caller = Caller(Principal(name=f"user:default/{user}", scopes=frozenset()))
        token = await form_token(self.service.services, caller)
        return Asker(self.service, headers, token or "", projects=self.projects)

    async def prepare(self) -> None:
        """Run an experiment and share a picture of each twin, in the name of an admin who sees all."""
        headers = {"Authorization": f"Bearer {self.token('root')}", "Content-Type": "application/json"}
        experiments = list(self.small.world.experiments.values())
        for twin, experiment in ((ZEBRA, experiments[0]), (OKAPI, experiments[-1])):
            base = f"/api/v1/entities/component/default/{twin.name}"
            begun = await self._post(f"{base}/experiments/{experiment.experiment_id}/run", RunBody, headers)
            share = await self._post(f"{base}/share", ShareBody, headers)
            self.actions[twin.word] = begun["actionID"]
            self.ids[twin.word] = {
                "experiments": experiment.experiment_id,
                "share": share["id"],
                "tokens": "none-of-these",
            }

    async def _post(self, path: str, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        url, data = self.service.url(path), json.dumps(BODIES[body])
        async with self.service.session.post(url, data=data, headers=headers) as response:
            assert response.status in {201, 202}, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer


@asynccontextmanager
async def open_twins(small: Small, extra_routes: Sequence[web.RouteDef] = ()) -> AsyncIterator[Twins]:
    """Serve with ``catalogVisibility: enforce``: alice and ada (an admin) see cart alone, root everything.

    vera is Viewer of cart's project in Litmus and has no role in the okapi's.
    """
    world = small.world
    for run in list(world.runs):
        world.finish_run(run)
    user = world.user_named("backstage")
    assert user is not None
    own = world.add_project("okapi", owner=user, members={user.user_id: OWNER})
    world.add_experiment(own, world.add_infra(own, world.add_environment(own, "pre"), "far"), "okapi-kill")
    world.set_role(small.project, world.add_user("vera"), VIEWER)
    async with open_backstage() as backstage:
        backstage.groups = {
            "user:default/alice": ["group:default/team-a"],
            "user:default/ada": ["group:default/platform"],
            "user:default/root": ["group:default/platform"],
        }
        backstage.entities = [
            component("cart", small.project.project_id),
            *ZEBRA.documents(small.project.project_id, "group:default/zebrateam"),
            *OKAPI.documents(own.project_id, "group:default/okapiteam"),
        ]
        backstage.visible = {"user:default/alice": {SEEN}, "user:default/ada": {SEEN}}
        section = {
            "instances": [{"name": "default", "baseUrl": small.simulator.url, "token": small.token}],
            "catalog": {"backstage": {"baseUrl": backstage.url, "token": "catalog-reader-0123456789"}},
            "sync": {"maxRequestsPerSecond": 200, **QUIET_SYNC},
            "store": {"url": f"sqlite:///{small.catalog.parent / 'twins.db'}"},
            "limits": {"actionsPerMinute": 100_000, "personPerMinute": 100_000},
            "auth": {
                "keys": [{"name": "backstage", "secret": KEY, "scopes": ["read", "admin"]}],
                "backstage": {"baseUrl": backstage.url, "issuer": ISSUER},
                "proxy": {"trustedProxies": ["127.0.0.1/32"]},
                "signIn": {"enabled": True},
                "admins": ["group:default/platform"],
                "catalogVisibility": "enforce",
            },
        }
        config = parse_config({"litmusSidecar": section}, directory=small.catalog.parent)
        clock = StoppableClock()
        async with open_service(config, clock=clock, extra_routes=extra_routes) as service:
            await service.ready()
            # Time stands, so that answers differ by what was asked alone. Not before: what is read a moment
            # after something else would never be.
            clock.stop()
            twins = Twins(service, backstage, small, clock, projects={OKAPI.word: own.project_id})
            await twins.prepare()
            yield twins
