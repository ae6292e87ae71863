"""The manifests for Kubernetes start the service: their command, environment and mounts, on this machine.

Only paths, the port and the addresses of neighbours are others. That the
manifests are the chart's is held by ``tests/packaging/test_chart.py``.
"""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from ruamel.yaml import YAML

from tests.e2e.conftest import Small
from tests.support.backstage import CATALOG_TOKEN, component, open_backstage
from tests.support.deployed import DEPLOY
from tests.support.pods import Pod
from tests.support.service import eventually

LITMUS: Final = "http://chaos-litmus-frontend-service.litmus:9091"
BACKSTAGE: Final = "http://backstage:7007"
KEYS: Final = {
    "backstage-key": "a-key-of-backstage-0123",
    "metrics-key": "a-key-of-prometheus-0123",
    "catalog-token": CATALOG_TOKEN,
}
OF_BACKSTAGE: Final = {
    "backend": {"baseUrl": "https://backstage.example.com", "database": {"client": "pg"}},
    "litmus": {"baseUrl": "https://litmus.example.com", "apiToken": "eyJhbGciOiJub25lIn0.eyJ1aWQiOiJiIn0."},
}
"""What Backstage's own ConfigMap has, beside much that is not ours."""


def deployment(kind: str) -> Any:
    path = DEPLOY / "kustomize" / kind / "resources.yaml"
    (found,) = (one for one in YAML(typ="safe").load_all(path) if one["kind"] == "Deployment")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def secrets(kind: str, small: Small, request: pytest.FixtureRequest) -> dict[str, str]:
    """What the Secret of the example has."""
    if kind == "sqlite":
        return {**KEYS, "litmus-token": small.token}
    store: str = request.getfixturevalue("shared_store")
    return {**KEYS, "litmus-password": "Litmus-1", "signing-key": "s" * 40, "store-url": store}


async def test_every_replica_of_the_manifests_starts_gets_ready_and_serves_the_catalog(
    kind: str, secrets: dict[str, str], small: Small, tmp_path: Path
) -> None:
    wanted = deployment(kind)
    async with AsyncExitStack() as stack:
        backstage = await stack.enter_async_context(open_backstage())
        backstage.entities = [component("cart", small.project.project_id)]
        config = (DEPLOY / "kustomize" / kind / "app-config.yaml").read_text()
        config = config.replace(LITMUS, small.simulator.url).replace(BACKSTAGE, backstage.url)
        config_maps = {
            "litmus-sidecar": {"app-config.yaml": config},
            "backstage-app-config": {"app-config.yaml": json.dumps(OF_BACKSTAGE)},
        }
        for replica in range(wanted["spec"]["replicas"]):
            pod = Pod(
                wanted,
                tmp_path / f"pod-{replica}",
                config_maps=config_maps,
                secrets={"litmus-sidecar": secrets},
            )
            process, url = await stack.enter_async_context(pod.running())
            await is_probed_well(pod, url)
            assert await entities(url) == ["component:default/cart"]
            assert await scraped(url) == 200
            assert process.returncode is None


async def is_probed_well(pod: Pod, url: str) -> None:
    """Wait until every probe of the container has the answer that it wants."""
    probes = [
        pod.container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")
    ]
    async with aiohttp.ClientSession(url) as session:

        async def answers(path: str) -> bool:
            async with session.get(path) as response:
                return response.status == 200

        for path in probes:
            await eventually(lambda path=path: answers(path))  # type: ignore[misc]


async def entities(url: str) -> list[str]:
    headers = {"X-Litmus-Sidecar-Key": KEYS["backstage-key"]}
    async with aiohttp.ClientSession(url, headers=headers) as session:
        found: list[str] = []

        async def there() -> bool:
            async with session.get("/api/v1/entities") as response:
                found[:] = [one["entityRef"] for one in (await response.json())["entities"]]
            return bool(found)

        await eventually(there)
        return found


async def scraped(url: str) -> int:
    headers = {"Authorization": f"Bearer {KEYS['metrics-key']}"}
    async with aiohttp.ClientSession(url, headers=headers) as session, session.get("/metrics") as response:
        return response.status
