"""The whole service on real sockets, and how to wait for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.app.compose import open_services, utc_now
from sidecar.app.lifecycle import create_app, make_runner
from sidecar.app.tokens import DEFAULT_PACE, TokenPace
from sidecar.config import Config, parse_config
from sidecar.config.store_url import MEMORY_URL, parse_url
from sidecar.domain.model import Section, Snapshot
from sidecar.domain.ports import Clock
from sidecar.domain.runs import HistoryState
from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.identity.sign_in_limit import RefusalDelay
from sidecar.litmus.reading.history_progress import load_progress
from sidecar.simulator import Simulator
from sidecar.sync.schedule import BETWEEN_STEPS
from tests.support.databases import spare_migration

CEILING_SECONDS: Final = 60.0
"""How long a condition may take to come true; only a failing test ever waits so long."""

QUIET_SYNC: Final = {"interval": {"hours": 1}, "slowInterval": {"hours": 2}, "activeInterval": {"hours": 1}}
"""One synchronisation at the start, and then none within a test."""
QUICK_SYNC: Final = {
    "interval": {"milliseconds": 300},
    "slowInterval": {"milliseconds": 600},
    "activeInterval": {"milliseconds": 300},
}

QUICK_REFUSALS: Final = RefusalDelay(0.02)


async def eventually(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait until the condition holds."""
    # Most of what is waited for is there within a millisecond or two.
    pause = 0.001
    async with asyncio.timeout(CEILING_SECONDS):
        while True:
            result = condition()
            if isinstance(result, Awaitable):
                result = await result
            if result:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.02)


class _Server(TestServer):
    """The application behind the connections it has in earnest."""

    def __init__(self, app: web.Application, config: Config, bounds: ConnectionLimits) -> None:
        super().__init__(app, host="127.0.0.1")
        self._config = config
        self._bounds = bounds

    async def _make_runner(self, **_options: Any) -> web.BaseRunner:
        return make_runner(self.app, self._config, self._bounds)


class Service:
    """A running sidecar and a client for it."""

    def __init__(self, server: TestServer, session: aiohttp.ClientSession, services: Services) -> None:
        self._server = server
        self.session = session
        self.services = services

    def url(self, path: str) -> str:
        return str(self._server.make_url(path))

    async def get(self, path: str, **options: Any) -> aiohttp.ClientResponse:
        async with self.session.get(self.url(path), **options) as response:
            await response.read()
            return response

    async def post(
        self, body: bytes | str, headers: Mapping[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        """POST a raw body to the plugin's endpoint."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        async with self.session.post(self.url("/api/query"), data=body, headers=sent) as response:
            await response.read()
            return response

    async def query(self, document: str, project_id: str, **variables: Any) -> dict[str, Any]:
        """Ask as the plugin does, and return the answer's JSON."""
        given = {"projectID": project_id, "request": {}, **variables}
        response = await self.post(json.dumps({"query": document, "variables": given}))
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer

    async def ready(self) -> None:
        """Wait until every project was attempted, and of each that answers history and tags were read whole.

        From then on an answer changes with Litmus, the clock and the interval only,
        and Litmus is asked for nothing before an interval is over.
        """
        await self.attempted()
        await eventually(self._knows_history)

    async def attempted(self) -> None:
        """Wait until every project was attempted, whatever came of it."""
        await eventually(self._is_ready)

    async def _is_ready(self) -> bool:
        return (await (await self.get("/readyz")).json())["status"] in {"ok", "degraded"}

    async def _knows_history(self) -> bool:
        snapshots = {
            entity.project: self.services.snapshots.get(entity.project)
            for entity in self.services.catalogue.current.entities
        }
        states = await self.services.history.states()
        now = self.services.clock()
        # Where Litmus told of environments, their tags and the project's decide who acts.
        of = self.services.claims.of
        if not all(
            of(project).is_certain
            for project, snapshot in snapshots.items()
            if snapshot is not None and _was_read(snapshot, Section.ENVIRONMENTS)
        ):
            return False
        return all(
            project in states
            and _is_read_whole(states[project], snapshot, now)
            and _was_read(snapshot, Section.RUN_HISTORY)
            for project, snapshot in snapshots.items()
            if snapshot is not None and _was_read(snapshot, Section.EXPERIMENTS)
        )


def _is_read_whole(state: HistoryState, snapshot: Snapshot, now: datetime) -> bool:
    progress = load_progress(state.progress)
    if not state.is_complete or progress.increment is not None or progress.sweep is not None:
        return False
    if state.watermark_ms is not None and progress.counted_at is None:
        return False
    # A step that begins from an older snapshot is followed at once, or only after an interval.
    is_followed = state.watermark_ms is None or progress.seen_version == snapshot.version
    return is_followed or (state.synced_at is not None and now - state.synced_at > 5 * BETWEEN_STEPS)


def _was_read(snapshot: Snapshot, section: Section) -> bool:
    freshness = snapshot.freshness.get(section)
    return freshness is not None and freshness.error is None


def config_for(simulators: Mapping[str, tuple[Simulator, str]], catalog: Path, **sections: Any) -> Config:
    """Return a configuration for these simulators, given as name → (simulator, token)."""
    section = {
        "instances": [
            {"name": name, "baseUrl": simulator.url, "token": token}
            for name, (simulator, token) in simulators.items()
        ],
        "catalog": {"files": [str(catalog)], "interval": {"milliseconds": 100}},
        "store": {"url": f"sqlite:///{catalog.parent / 'sidecar.db'}"},
        "sync": {"maxRequestsPerSecond": 200, **QUIET_SYNC},
    }
    for name, value in sections.items():
        known = section.get(name)
        section[name] = {**known, **value} if isinstance(known, dict) else value
    return parse_config({"litmusSidecar": section}, directory=catalog.parent)


@asynccontextmanager
async def open_service(
    config: Config,
    *,
    wait_seconds: float = 10.0,
    extra_routes: Sequence[web.RouteDef] = (),
    token_pace: TokenPace = DEFAULT_PACE,
    refusal_pace: RefusalDelay = QUICK_REFUSALS,
    clock: Clock = utc_now,
    bounds: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - frozen
) -> AsyncIterator[Service]:
    """Serve the configuration on a free port of the loopback interface."""
    store = config.store.url.get_secret_value()
    if store != MEMORY_URL:
        spare_migration(parse_url(store))
    opened = partial(
        open_services,
        wait_seconds=wait_seconds,
        token_pace=token_pace,
        refusal_pace=refusal_pace,
        clock=clock,
    )
    app = create_app(config, open_services=opened)
    app.add_routes(extra_routes)
    server = _Server(app, config, bounds)
    await server.start_server()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Service(server, session, app[SERVICES])
    finally:
        app[SERVICES].sync.drain()
        await server.close()


def catalog_text(projects: Mapping[str, str]) -> str:
    """Return catalog documents: entity name → project id."""
    return "\n---\n".join(
        json.dumps(
            {
                "apiVersion": "backstage.io/v1alpha1",
                "kind": "Component",
                "metadata": {"name": name, "annotations": {"litmuschaos.io/project-id": project_id}},
                "spec": {"type": "service", "owner": "team-a"},
            }
        )
        for name, project_id in projects.items()
    )
