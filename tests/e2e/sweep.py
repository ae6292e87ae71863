"""Asks every route of a marked sidecar in every way, and keeps what was told."""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from sidecar.http.route import Route
from sidecar.http.routes import ROUTES
from sidecar.litmus.wire.token import fingerprint
from tests.e2e.sweeping import (
    ADMIN_KEY,
    HANGS,
    PASSWORD,
    PERSON_TOKEN,
    READER_KEY,
    SCRAPER_KEY,
    WRONG_KEY,
    Marked,
)
from tests.replica.documents import RUN_STATS
from tests.support.service import Service
from tests.support.visitor import Visitor

KEY_HEADER: Final = "X-Litmus-Sidecar-Key"
CALLERS: Final[Mapping[str, Mapping[str, str]]] = {
    "nobody": {},
    "stranger": {KEY_HEADER: WRONG_KEY},
    "admin": {KEY_HEADER: ADMIN_KEY},
    "reader": {"Authorization": f"Bearer {READER_KEY}"},
    "scraper": {"Authorization": f"Bearer {SCRAPER_KEY}"},
    "person": {KEY_HEADER: READER_KEY, "Authorization": f"Bearer {PERSON_TOKEN}"},
}


class Sweep:
    """Asks every route in every way, and looks at every answer."""

    def __init__(self, service: Service, marked: Marked) -> None:
        self._service = service
        self._marked = marked
        self.statuses: dict[str, set[int]] = defaultdict(set)
        self.told: list[tuple[str, str]] = []
        """Place and text of every answer; looked through at the end, when all secrets are known."""
        self.created: list[str] = []
        """Values that were told on purpose."""
        self.forms: Mapping[str, Mapping[str, int]] = {}
        """What came of forms, by condition."""
        self._callers = dict(CALLERS)
        self._seen_by: dict[str, set[int]] = defaultdict(set)

    async def sign_in(self) -> None:
        """Have somebody signed in with Litmus among the callers; their session is a secret from now on."""
        visitor = Visitor(self._service)
        answer = await visitor.sign_in("managed", PASSWORD)
        assert answer.status == 303, answer.text
        (secret,) = visitor.cookies.values()
        sessions = self._service.services.sessions
        assert sessions is not None
        session = await sessions.find(secret)
        assert session is not None
        self._marked.leaks.add("cookie", secret)
        self._marked.leaks.add("digest of the cookie", session.id)
        self._marked.leaks.add("sealed token", session.sealed_token.decode())
        self._callers["signed in"] = {"Cookie": f"litmus-session={secret}"}

    async def all(self, condition: str) -> None:
        """Ask every route, in the condition that is in force.

        As everybody and with every body while Litmus is fine, else as who may most.
        """
        if condition == HANGS:
            # Each waits for as long as its requests are waited for, so all wait together.
            await asyncio.gather(*(self._of(route, condition, is_fine=False) for route in ROUTES))
            return
        for route in ROUTES:
            await self._of(route, condition, is_fine=condition == "fine")

    async def _of(self, route: Route, condition: str, *, is_fine: bool) -> None:
        for method in ("GET", "POST", "PUT") if route.method == "*" else (route.method,):
            place = f"{method} {route.path} while Litmus is {condition}"
            bodies = self._bodies(route, method)
            for number, path in enumerate(self._paths(route) if is_fine else self._paths(route)[:1]):
                for kind, body in bodies if is_fine and not number else bodies[:1]:
                    await self._ask(place, route.name, (method, path), {**CALLERS["admin"], **kind}, body)
            for caller in self._callers if is_fine else ():
                headers = {**self._callers[caller], **bodies[0][0]}
                path = self._paths(route)[-1]
                line = (method, path)
                status = await self._ask(f"{place} by {caller}", route.name, line, headers, bodies[0][1])
                self._seen_by[caller].add(status)

    def told_to(self, caller: str) -> set[int]:
        """Return the statuses that a caller saw."""
        return self._seen_by[caller]

    def refuse_leaks(self) -> None:
        """Fail if any answer holds a secret; a value told on purpose must be nowhere but there."""
        self._marked.learn()
        # Many answers are the same; each is looked through once.
        for text, place in {text: place for place, text in self.told}.items():
            self._marked.leaks.refuse(place, text)

    def _paths(self, route: Route) -> list[str]:
        """Fill the template in: for instances whose token is managed, in a file, given, and refused."""
        paths = []
        for instance in ("managed", "filed", "default", "opaque"):
            token = self._marked.extra.token if "/tokens/" in route.path else None
            values = {
                "kind": "component",
                "namespace": "default",
                "name": f"cart-{instance}",
                "instance": instance,
                "id": fingerprint(token) if token is not None else self._experiment(instance),
                "file": "style.css",
            }
            names = re.findall(r"{(\w+)}", route.path)
            paths.append(route.path.format(**{name: values.get(name, "x") for name in names}))
        return list(dict.fromkeys(paths))

    def _experiment(self, instance: str) -> str:
        project = self._marked.projects.get(instance)
        world = self._marked.simulator.world
        if project is None:
            return "none"
        return next(
            experiment.experiment_id
            for experiment in world.experiments.values()
            if experiment.project_id == project.project_id
        )

    def _bodies(self, route: Route, method: str) -> list[tuple[dict[str, str], str | None]]:
        """Return content types and bodies: good ones, and what nobody should send."""
        if method == "GET":
            return [({}, None)]
        project = self._marked.projects["default"]
        good: Any = {}
        if route.name == "query":
            good = {"query": RUN_STATS, "variables": {"projectID": project.project_id, "request": {}}}
        if route.name == "token_create":
            good = {"name": "swept", "expiresInDays": 30}
        if route.name == "action_run":
            good = {"force": True}
        as_json = {"Content-Type": "application/json"}
        return [
            (as_json, json.dumps(good)),
            (as_json, '{"name": "x", "broken'),
            ({"Content-Type": "application/x-www-form-urlencoded"}, "a=b"),
        ]

    async def _ask(
        self, place: str, route: str, line: tuple[str, str], headers: dict[str, str], body: str | None
    ) -> int:
        data = None if body is None else body.encode()
        async with self._service.session.request(
            line[0], self._service.url(line[1]), headers=headers, data=data, allow_redirects=False
        ) as response:
            text = (await response.read()).decode("utf-8", "replace")
            self.statuses[route].add(response.status)
            if route == "token_create" and response.status == 201:
                answer = json.loads(text)
                self.created.append(answer.pop("token"))
                text = json.dumps(answer)
            self.told.append((place, text))
            self.told.append((f"headers of {place}", repr(response.headers)))
            return response.status
