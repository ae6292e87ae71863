"""What the sidecar answers the frontend package, as its unit tests are served it.

``python -m tests.support.plugin_answers`` records it anew, from the demonstration;
a test compares the records with what the demonstration answers today.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp.test_utils import TestServer

from sidecar.app.lifecycle import create_app
from sidecar.cli.demo import demo_config
from sidecar.simulator import demo_catalog, open_demo
from sidecar.telemetry.logs import configure_logging
from tests.support.service import eventually

FIXTURES: Final = Path(__file__).parents[2] / "plugin" / "tests" / "fixtures"
ENTITY: Final = "/api/v1/entities/component/default/checkout"
PATHS: Final[Mapping[str, str]] = {
    "overview": f"{ENTITY}/overview?window=30d",
    "content": f"{ENTITY}/content",
    "runs": f"{ENTITY}/runs?limit=25",
    "portfolio": "/api/v1/portfolio?group=owner&window=30d&limit=200",
    "attention": "/api/v1/attention?limit=200",
    "now": "/api/v1/now?limit=200",
    "entities": "/api/v1/entities?limit=200",
    "unknown": "/api/v1/entities/component/default/nobody/overview",
}
"""By the name of the file that keeps the answer."""
ACTION: Final = "checkout-pod-dns-error"
"""The experiment that is run, for the answers to an action."""
_LOOPBACK: Final = re.compile(r"http://127\.0\.0\.1:\d+")


async def answers(base_url: str) -> dict[str, Any]:
    """Return every answer by its name: those of :data:`PATHS`, and ``begun`` and ``action`` of a run."""
    async with aiohttp.ClientSession(base_url) as session:
        found = {name: await _read(session, path) for name, path in PATHS.items()}
        experiment = next(
            one["experimentID"] for one in found["content"]["experiments"] if one["name"] == ACTION
        )
        run = f"{ENTITY}/experiments/{experiment}/run"
        async with session.post(run, json={}) as response:
            found["begun"] = await response.json()
        found["action"] = await _read(session, f"/api/v1/actions/{found['begun']['actionID']}")
    return found


async def _read(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(path) as response:
        return json.loads(await response.read())


def keys_of(answer: Any) -> dict[str, Any] | None:
    """Return the keys of an answer and those within; of a list those of all rows. ``None``: no object."""
    rows = answer if isinstance(answer, list) else [answer]
    keys: dict[str, Any] = {}
    for row in rows:
        if isinstance(row, dict):
            for key, value in row.items():
                below = keys_of(value)
                keys[key] = {**(keys.get(key) or {}), **below} if below else keys.get(key)
    return keys or None


def missing(recorded: dict[str, Any] | None, today: dict[str, Any] | None, place: str = "") -> list[str]:
    """Return which recorded keys an answer has not; what is empty or ``null`` today tells nothing."""
    if recorded is None or today is None:
        return []
    gone = [f"{place}{key}" for key in recorded if key not in today]
    for key, below in recorded.items():
        gone += missing(below, today.get(key), f"{place}{key}.")
    return gone


async def record() -> None:
    """Write every answer of a new demonstration."""
    configure_logging(level="error")
    FIXTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        catalog = Path(directory) / "catalog-info.yaml"
        catalog.write_text(demo_catalog(), encoding="utf-8")
        async with open_demo() as demo:
            server = TestServer(create_app(demo_config(demo, catalog, 0)), host="127.0.0.1")
            await server.start_server()
            try:
                base_url = str(server.make_url("")).rstrip("/")
                await _read_whole(base_url)
                for name, answer in (await answers(base_url)).items():
                    text = _LOOPBACK.sub("https://litmus.example.com", json.dumps(answer, indent=1))
                    (FIXTURES / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
            finally:
                await server.close()


async def _read_whole(base_url: str) -> None:
    async with aiohttp.ClientSession(base_url) as session:

        async def whole() -> bool:
            overview = await _read(session, PATHS["overview"])
            return bool(overview.get("asOf") and overview["history"]["isComplete"])

        await eventually(whole)


if __name__ == "__main__":
    asyncio.run(record())
