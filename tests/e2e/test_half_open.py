"""Few descriptors and many half-open connections: health and people already known are served."""

import asyncio
import json
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.e2e.conftest import Small
from tests.support.service import CEILING_SECONDS

DESCRIPTORS, HALF_OPEN, ADDRESSES = 256, 400, 8
KEY = "reader-secret-0123456789"
LIMITED = (
    "import resource, runpy\n"
    f"resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS // 2}, {DESCRIPTORS}))\n"
    "runpy.run_module('sidecar', run_name='__main__', alter_sys=True)\n"
)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def limited_service(small: Small, directory: Path) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Run the command with few descriptors; give its port, and what it logged once it has ended."""
    section = {
        "listen": {"port": 0},
        "instances": [{"name": "default", "baseUrl": small.simulator.url, "token": small.token}],
        "catalog": {"files": [str(small.catalog)]},
        "auth": {"keys": [{"name": "backstage", "secret": KEY, "scopes": ["read"]}]},
        "store": {"url": f"sqlite:///{directory / 'sidecar.db'}"},
    }
    path = directory / "limited.yaml"
    path.write_text(json.dumps({"litmusSidecar": section}))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LIMITED, "serve", "--config", str(path), stderr=PIPE, limit=2**20
    )
    assert process.stderr is not None
    logged: list[bytes] = []
    found: re.Match[bytes] | None = None
    try:
        async with asyncio.timeout(CEILING_SECONDS):
            while line := await process.stderr.readline():
                logged.append(line)
                if found := re.search(rb"on http://\S+:(\d+)", line):
                    break
        assert found, b"".join(logged).decode()
        reading = asyncio.create_task(process.stderr.read())
        yield int(found[1]), logged
        assert process.returncode is None
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(CEILING_SECONDS):
            logged.append(await reading)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answer_of(streams: Streams, path: str, **headers: str) -> bytes:
    """Ask on this very connection, and return the status line; nothing if it was cut off."""
    reader, writer = streams
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())
    async with asyncio.timeout(CEILING_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        assert size is not None
        await reader.readexactly(int(size[1]))
    return head.split(b"\r\n")[0]


async def probed(port: int) -> bytes:
    """Ask for health on a connection of its own, once: a probe that is cut off counts as a failure."""
    probe = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await answer_of(probe, "/healthz")
    finally:
        probe[1].transport.abort()


async def hold_half_open(port: int, number: int, opened: list[int]) -> None:
    """Send half a head again and again, each time once the one before was cut off."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(f"127.0.1.{1 + number % ADDRESSES}", 0)
            )
        except OSError:
            continue
        opened[number] += 1
        try:
            writer.write(b"GET /healthz HTTP/1.1\r\nX-Half: ")
            while await reader.read(1_000):
                pass
        except OSError:
            pass
        finally:
            writer.transport.abort()
        # In its own time: this loop has others to serve.
        await asyncio.sleep(0.05)


async def test_health_and_who_is_known_are_served_beside_more_half_open_connections_than_descriptors(
    small: Small, tmp_path: Path
) -> None:
    async with limited_service(small, tmp_path) as (port, logged):
        known = await asyncio.open_connection("127.0.0.1", port)
        assert await answer_of(known, "/api/v1/entities", X_Litmus_Sidecar_Key=KEY) == b"HTTP/1.1 200 OK"
        opened = [0] * HALF_OPEN
        crowd = [asyncio.create_task(hold_half_open(port, number, opened)) for number in range(HALF_OPEN)]
        try:
            asked = 0
            # Until all have come, and some were cut off and came again.
            while asked < 20 or not all(opened) or max(opened) < 3:
                asked += 1
                assert await probed(port) == b"HTTP/1.1 200 OK"
                status = await answer_of(known, "/api/v1/entities", X_Litmus_Sidecar_Key=KEY)
                assert status == b"HTTP/1.1 200 OK"
        finally:
            for task in crowd:
                task.cancel()
            await asyncio.wait(crowd)
            known[1].transport.abort()
    text = b"".join(logged).decode()
    assert "Too many open files" not in text
    assert "Traceback" not in text
