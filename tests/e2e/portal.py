"""A sidecar between a Backstage with people and a Litmus, for tests of who may see and do what."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sidecar.config import parse_config
from sidecar.simulator.documents import OWNER, Experiment, Project
from tests.e2e.conftest import Small
from tests.support.backstage import ISSUER, Backstage, component, open_backstage, user_claims
from tests.support.service import QUIET_SYNC, Service, open_service

KEY = "backstage-key-0123456789"
RUNNER = "pipeline-key-0123456789"


@dataclass
class Portal:
    """A sidecar between a Backstage and a Litmus: ``cart`` is alice's team's, ``bank`` is bob's."""

    service: Service
    backstage: Backstage
    small: Small
    bank: Project

    def token(self, user: str = "alice", **changes: Any) -> str:
        return self.backstage.keys[-1].sign(
            user_claims(f"user:default/{user}", now=datetime.now(UTC), **changes)
        )

    def headers(self, user: str | None = "alice", key: str | None = KEY) -> dict[str, str]:
        headers = {} if key is None else {"X-Litmus-Sidecar-Key": key}
        return headers if user is None else {**headers, "Authorization": f"Bearer {self.token(user)}"}

    @property
    def experiment(self) -> Experiment:
        return next(iter(self.small.world.experiments.values()))

    async def post(
        self, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        sent = {**(self.headers() if headers is None else headers), "Content-Type": "application/json"}
        url = self.service.url(path)
        data = json.dumps({} if body is None else body)
        async with self.service.session.post(url, data=data, headers=sent) as response:
            return response.status, await response.json()

    async def status(self, method: str, path: str, body: object, headers: dict[str, str]) -> int:
        sent = {**headers, "Content-Type": "application/json"}
        url = self.service.url(path)
        async with self.service.session.request(method, url, data=json.dumps(body), headers=sent) as response:
            return response.status

    async def run(self, user: str | None = "alice", key: str | None = KEY, **body: object) -> tuple[int, Any]:
        return await self.post(self.run_path, body, headers=self.headers(user, key))

    @property
    def run_path(self) -> str:
        return f"/api/v1/entities/component/default/cart/experiments/{self.experiment.experiment_id}/run"

    async def query(self, document: str, project: str, headers: dict[str, str]) -> dict[str, Any]:
        variables = {"projectID": project, "experimentID": self.experiment.experiment_id, "request": {}}
        status, answer = await self.post(
            "/api/query", {"query": document, "variables": variables}, headers=headers
        )
        assert status == 200, answer
        return answer

    def started(self) -> int:
        return self.small.simulator.asked("runChaosExperiment")


@asynccontextmanager
async def open_portal(
    small: Small, visibility: str = "off", *, store: str | None = None, **actions: Any
) -> AsyncIterator[Portal]:
    """Serve with ``auth.catalogVisibility`` and ``actions`` as given; ``store``: a database to share."""
    for run in list(small.world.runs):
        small.world.finish_run(run)
    user = small.world.user_named("backstage")
    assert user is not None
    bank = small.world.add_project("bank", owner=user, members={user.user_id: OWNER})
    async with open_backstage() as backstage:
        backstage.groups = {
            "user:default/alice": ["group:default/team-a"],
            "user:default/root": ["group:default/platform"],
        }
        bobs = component("bank", bank.project_id)
        bobs["relations"] = [{"type": "ownedBy", "targetRef": "group:default/team-b"}]
        backstage.entities = [component("cart", small.project.project_id), bobs]
        section = {
            "instances": [{"name": "default", "baseUrl": small.simulator.url, "token": small.token}],
            "catalog": {"backstage": {"baseUrl": backstage.url, "token": "catalog-reader-0123456789"}},
            "sync": {"maxRequestsPerSecond": 200, **QUIET_SYNC},
            "store": {"url": store or f"sqlite:///{small.catalog.parent / 'portal.db'}"},
            "auth": {
                "keys": [
                    {"name": "backstage", "secret": KEY, "scopes": ["read", "run"]},
                    {"name": "pipeline", "secret": RUNNER, "scopes": ["run"]},
                ],
                "backstage": {"baseUrl": backstage.url, "issuer": ISSUER},
                "admins": ["group:default/platform"],
                "catalogVisibility": visibility,
            },
            "actions": actions,
        }
        config = parse_config({"litmusSidecar": section}, directory=small.catalog.parent)
        async with open_service(config) as service:
            await service.ready()
            yield Portal(service, backstage, small, bank)
