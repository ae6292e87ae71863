"""The demonstration behind a small Backstage app.

Alice is in shop-team, which owns the shop's entities; bob is in platform-team.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from sidecar.config import Config, parse_config
from sidecar.simulator import World
from sidecar.simulator.demo import Demo, open_demo
from sidecar.simulator.demo_catalog import demo_catalog
from tests.support.acting import ShiftedClock
from tests.support.app_catalog import AppCatalog
from tests.support.backstage import ISSUER
from tests.support.backstage_app import BackstageApp, open_backstage_app
from tests.support.service import Service, eventually, open_service

KEY: Final = "backstage-key-0123456789"
CART: Final = "component/default/cart"
MISSED: Final = "canary-every-five-minutes"
"""Experiment of the cart whose schedule missed its times of the last half an hour."""
KNOWN_FOR: Final = timedelta(minutes=40)
"""For so long the sidecar has known the schedules; of times before it tells nothing."""
GROUPS: Final = {
    "user:default/alice": ["group:default/shop-team"],
    "user:default/bob": ["group:default/platform-team"],
}
_RELATIONS: Final = {
    "owner": ("ownedBy", "group"),
    "system": ("partOf", "system"),
    "domain": ("partOf", "domain"),
}
"""What the catalog makes of names in ``spec``."""


@dataclass(frozen=True, kw_only=True)
class DemoPortal:
    """A running app, the sidecar behind its proxy and the worlds behind that."""

    app: BackstageApp
    service: Service
    worlds: Demo

    async def ask(self, path: str) -> dict[str, Any]:
        """Return what the sidecar's API answers to Backstage itself."""
        response = await self.service.get(f"/api/v1{path}", headers={"X-Litmus-Sidecar-Key": KEY})
        answer: dict[str, Any] = await response.json()
        return answer


@asynccontextmanager
async def open_demo_portal(system: str, folder: Path) -> AsyncIterator[DemoPortal]:
    """Serve the app of a frontend system in front of the demonstration, once all of that was read.

    Nobody but the caller starts experiments by hand; schedules go on. Database and
    catalog are written into the folder.
    """
    catalog = folder / "catalog-info.yaml"
    catalog.write_text(demo_catalog(), encoding="utf-8")
    async with open_demo() as worlds, open_backstage_app(system, AppCatalog(_entities()), KEY) as app:
        app.backstage.groups = GROUPS
        app.litmus_url = worlds.default.url
        worlds.default.world.motion.starters = ()
        clock = ShiftedClock(-KNOWN_FOR)
        _miss_latest(worlds.default.world, clock())
        async with open_service(_config(worlds, catalog, app.backstage.url), clock=clock) as service:
            app.target = service.url("").rstrip("/")
            await service.ready()
            portal = DemoPortal(app=app, service=service, worlds=worlds)
            clock.ahead = timedelta(0)
            for entity in service.services.catalogue.current.entities:
                await service.services.sync.hurry(entity.project)
            await eventually(lambda: _tells_missed(portal))
            yield portal


def _config(worlds: Demo, catalog: Path, backstage_url: str) -> Config:
    section = {
        "instances": [
            {"name": "default", "baseUrl": worlds.default.url, "token": worlds.default_token},
            {"name": "staging", "baseUrl": worlds.staging.url, "token": worlds.staging_token},
        ],
        "catalog": {"files": [str(catalog)]},
        "sync": {
            "maxRequestsPerSecond": 100,
            # The simulated Litmus takes as long to answer as the browser to show it: not every second.
            "interval": {"seconds": 6},
            # A step of the history that ends as the clock is put forward is followed only after it.
            "slowInterval": {"seconds": 8},
            "activeInterval": {"seconds": 3},
        },
        "store": {"url": f"sqlite:///{catalog.parent}/portal.db"},
        "auth": {
            "keys": [{"name": "backstage", "secret": KEY, "scopes": ["read"]}],
            "backstage": {"baseUrl": backstage_url, "issuer": ISSUER},
        },
        "actions": {"policy": "owners", "production": "owners"},
    }
    return parse_config({"litmusSidecar": section}, directory=catalog.parent)


def _miss_latest(world: World, since: datetime) -> None:
    """Take the latest runs of a schedule out of Litmus, as if they had never been started."""
    since_ms = since.timestamp() * 1000
    for run in world.runs.copy():
        if world.experiments[run.experiment_id].name == MISSED and run.created_at_ms >= since_ms:
            world.runs.remove(run)


async def _tells_missed(portal: DemoPortal) -> bool:
    schedules = (await portal.ask(f"/entities/{CART}/content"))["schedules"]
    return any(one["missed"] and one["missed"]["number"] for one in schedules)


def _entities() -> list[dict[str, Any]]:
    """Return the demonstration's entities and the two people as Backstage's catalog answers with them."""
    found = [_processed(dict(one)) for one in YAML(typ="safe").load_all(demo_catalog())]
    for user, groups in GROUPS.items():
        name = user.partition("/")[2]
        members = [group.partition("/")[2] for group in groups]
        person = {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "User",
            "metadata": {"name": name, "annotations": {}},
            "spec": {"memberOf": members},
        }
        found.append(_processed(person))
    return found


def _processed(entity: dict[str, Any]) -> dict[str, Any]:
    """Return a document with what the catalog adds to it: namespace, ids and relations."""
    metadata, spec = entity["metadata"], entity["spec"]
    relations = [
        {"type": relation, "targetRef": f"{kind}:default/{spec[name]}"}
        for name, (relation, kind) in _RELATIONS.items()
        if name in spec
    ]
    relations += [
        {"type": "memberOf", "targetRef": f"group:default/{name}"} for name in spec.get("memberOf", [])
    ]
    uid = f"{entity['kind']}-{metadata['name']}".lower()
    return {
        **entity,
        "metadata": {"namespace": "default", "uid": uid, "etag": uid, **metadata},
        "relations": relations,
    }
