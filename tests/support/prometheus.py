"""A real Prometheus, started by a test on a free port, and what it answers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.service import eventually


class Prometheus:
    """A running server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def get(self, path: str, **parameters: str) -> Any:
        """Return the ``data`` of an answer of its HTTP API; what it refuses fails the test."""
        async with self._session.get(f"{self._url}/api/v1/{path}", params=parameters) as response:
            answer = await response.json()
        assert answer["status"] == "success", f"{answer.get('error')}: {parameters}"
        return answer["data"]

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the samples of an expression now."""
        result: list[dict[str, Any]] = (await self.get("query", query=expr))["result"]
        return result

    async def is_up(self) -> bool:
        try:
            async with self._session.get(f"{self._url}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def open_prometheus(program: str, config: dict[str, Any], directory: Path) -> AsyncIterator[Prometheus]:
    """Run the server with this configuration, its data in the directory, until the block ends."""
    path = directory / "prometheus.json"
    path.write_text(json.dumps(config))
    written = directory / "prometheus.log"

    def addresses() -> list[str]:
        """Return where it says it listens, on the port it got."""
        return re.findall(r'msg="Listening on" address=(\S+)', written.read_text())

    with written.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={path}",
            f"--storage.tsdb.path={directory / 'data'}",
            "--web.listen-address=127.0.0.1:0",
            stdout=log,
            stderr=log,
        )
        try:
            async with aiohttp.ClientSession() as session:
                await eventually(lambda: bool(addresses()))
                prometheus = Prometheus(f"http://{addresses()[0]}", session)
                await eventually(prometheus.is_up)
                yield prometheus
        finally:
            process.terminate()
            await process.wait()
