"""A service to be attacked: the real command, with a neighbour, keys and a signed-in person of its own."""

import asyncio
import json
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.abusing.neighbour import PERSON
from benchmarks.abusing.process import LAST, OTHER_CORE, SERVER_CORE, START_SECONDS, Child, child, drained
from benchmarks.abusing.wire import ask, cookie_of, request
from tests.support.backstage import Backstage, open_backstage, user_claims

KEYS: Final = {"attacker": "attacker-0123456789abcdef", "caller": "caller-0123456789abcdef"}
CATALOG: Final = "catalog-info.yaml"


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an attack needs of the service beyond the usual."""

    experiments: int = 0
    """Of the large project."""
    entities: int = 2
    descriptors: int | None = None
    """Limit of open files, soft and hard; ``None``: the machine's."""
    person: bool = False
    """Whether somebody is to be signed in."""
    backstage: bool = False
    """Whether there is a Backstage, with a person who may ask without a limit."""
    sync_seconds: int = 1
    """Of every interval."""
    log_requests: str = "all"
    """Setting ``log.requests``."""
    malady: str | None = None
    """What the neighbour's answers about roles have from the start."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A running service."""

    port: int
    process: Child
    neighbour: Child
    folder: Path
    small: str
    """Id of the small project."""
    large: str
    cookie: str
    """Of the person who signed in with Litmus; empty without one."""
    token: str
    """Of the person of Backstage, for an hour; empty without one."""
    answers: Counter[str] = field(default_factory=Counter)
    """What the attacker saw: statuses, and ``closed``."""


def document(name: str, project: str, **metadata: Any) -> dict[str, Any]:
    """Return a document of the catalog."""
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name, "annotations": {"litmuschaos.io/project-id": project}, **metadata},
        "spec": {"type": "service", "lifecycle": "production", "owner": "team-a"},
    }


def write_catalog(folder: Path, documents: list[dict[str, Any]]) -> None:
    """Replace the catalog file at once; it is followed every second."""
    new = folder / "new"
    new.write_text("\n---\n".join(json.dumps(one) for one in documents), encoding="utf-8")
    new.replace(folder / CATALOG)


def usual_documents(projects: Mapping[str, str], entities: int) -> list[dict[str, Any]]:
    """Return a document for the large project and all the others for the small one."""
    few = [document(f"service-{number:04}", projects["small"]) for number in range(max(entities - 1, 1))]
    return [document("large", projects["large"]), *few]


def _configuration(
    neighbour: Mapping[str, str], folder: Path, needs: Needs, backstage: Backstage | None
) -> Path:
    section: dict[str, Any] = {
        "listen": {"host": "127.0.0.1", "port": 0},
        "instances": [{"name": "default", "baseUrl": neighbour["url"], "token": neighbour["token"]}],
        "catalog": {"files": [CATALOG], "interval": {"seconds": 1}},
        "auth": {
            "keys": [
                {"name": name, "secret": key, "scopes": ["read", "metrics"]} for name, key in KEYS.items()
            ],
            "signIn": {"enabled": True},
        },
        "log": {"requests": needs.log_requests},
        "store": {"url": f"sqlite:///{folder / 'sidecar.db'}"},
        "sync": {
            "maxRequestsPerSecond": 100,
            "requestTimeout": {"seconds": 5},
            "interval": {"seconds": needs.sync_seconds},
            "activeInterval": {"seconds": needs.sync_seconds},
            "slowInterval": {"seconds": needs.sync_seconds},
            "maxStale": {"days": 1},
        },
    }
    if backstage is not None:
        section["auth"]["backstage"] = {"baseUrl": backstage.url, "issuer": backstage.issuer}
        section["limits"] = {"personPerMinute": 1_000_000, "personWorkMsPerMinute": 60_000}
    path = folder / "app-config.yaml"
    path.write_text(json.dumps({"litmusSidecar": section}), encoding="utf-8")
    return path


async def port_of(process: Child) -> int:
    """Return the port of a service that starts."""
    said = []
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                said.append(await process.line())
                if found := re.search(r"Serving on http://\S+:(\d+)", said[-1]):
                    return int(found[1])
    except (EOFError, TimeoutError) as exc:
        raise RuntimeError("The service did not start:\n" + "".join(said[-20:])) from exc


async def _is_up(port: int, project: str) -> bool:
    """Tell whether the service is ready and knows the project."""
    query = "query($p: ID!) { getExperimentStats(projectID: $p) { totalExperiments } }"
    body = json.dumps({"query": query, "variables": {"p": project}}).encode()
    key = {"X-Litmus-Sidecar-Key": KEYS["caller"]}
    ready = await ask(port, request("GET", "/readyz"))
    return ready == 200 and await ask(port, request("POST", "/api/query", key, body)) == 200


async def _wait(port: int, *projects: str) -> None:
    async with asyncio.timeout(START_SECONDS):
        for project in projects:
            while not await _is_up(port, project):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.1)


async def _sign_in(port: int) -> str:
    form = urlencode({"username": PERSON, "password": "Litmus-1"}).encode()
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Origin": f"http://127.0.0.1:{port}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return await cookie_of(port, request("POST", "/litmus/sign-in", headers, form))


def _person_token(backstage: Backstage) -> str:
    return backstage.keys[-1].sign(user_claims(now=datetime.now(UTC)))


@asynccontextmanager
async def open_target(needs: Needs) -> AsyncIterator[Target]:
    """Start a service with all it needs in a temporary directory; all of it ends with the context."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="litmus-sidecar-abuse-")))
        neighbour = await stack.enter_async_context(
            child("benchmarks.abusing.neighbour", str(needs.experiments), core=OTHER_CORE, nice=LAST)
        )
        place = json.loads(await neighbour.line())
        await stack.enter_async_context(drained(neighbour))
        if needs.malady is not None:
            neighbour.tell({"malady": needs.malady, "only": "get_project_role"})
        write_catalog(folder, usual_documents(place, needs.entities))
        backstage = await stack.enter_async_context(open_backstage()) if needs.backstage else None
        process = await stack.enter_async_context(
            child(
                "sidecar",
                "serve",
                "--config",
                str(_configuration(place, folder, needs, backstage)),
                core=SERVER_CORE,
                descriptors=needs.descriptors,
            )
        )
        port = await port_of(process)
        await stack.enter_async_context(drained(process))
        await _wait(port, place["small"], place["large"])
        yield Target(
            port=port,
            process=process,
            neighbour=neighbour,
            folder=folder,
            small=place["small"],
            large=place["large"],
            cookie=await _sign_in(port) if needs.person else "",
            token=_person_token(backstage) if backstage is not None else "",
        )
