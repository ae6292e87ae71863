"""Warm queries beside nginx that caches the same answers, keyed by method, address and body.

``python -m benchmarks.parts.nginx FOLDER PORT UPSTREAM`` becomes such an nginx, of one process.
"""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.abusing.process import SERVER_CORE, Child, child, drained
from benchmarks.abusing.target import Needs, Target, open_target
from benchmarks.abusing.wire import ask
from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row
from benchmarks.warm import Case, cases, first, microseconds, settle
from tests.support.service import eventually

_CONFIGURATION: Final = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/errors crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 10000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=answers:10m;
  server {{
    listen 127.0.0.1:{port};
    client_body_buffer_size 256k;
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_cache answers; proxy_cache_methods GET HEAD POST; proxy_cache_valid 200 1h;
      proxy_cache_key "$request_method$request_uri$request_body";
      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
    }}
  }}
}}
"""


def is_installed() -> bool:
    """Tell whether there is an nginx."""
    return shutil.which("nginx") is not None


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


@asynccontextmanager
async def _nginx(upstream: int) -> AsyncIterator[tuple[Child, int]]:
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="litmus-sidecar-nginx-") as folder:
        arguments = (folder, str(port), str(upstream))
        async with child("benchmarks.parts.nginx", *arguments, core=SERVER_CORE) as process, drained(process):
            yield process, port


async def _row(case: Case, target: Target, nginx: Child, port: int, sizes: Sizes) -> Row:
    body, _, _ = await first(target.port, case)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(sizes.rounds):
        times[0].append(await microseconds(nginx, port, case.sent, sizes.round_seconds, 200))
        times[1].append(await microseconds(target.process, target.port, case.sent, sizes.round_seconds, 200))
    cached, ours = median(times[0]), median(times[1])
    return {
        "answer": case.name,
        "bytes": len(body),
        "nginx_us": round(cached, 1),
        "sidecar_us": round(ours, 1),
        "ratio": round(cached / ours, 3),
    }


async def measure(sizes: Sizes) -> list[Row]:
    """Return a row for each warm query; none without nginx."""
    if not is_installed():
        return []
    needs = Needs(experiments=300, sync_seconds=60, log_requests="errors")
    async with open_target(needs) as target, _nginx(target.port) as (nginx, port):
        await settle(target.process)
        chosen = [one for one in cases(target.large) if one.method == "POST"]
        chosen = [one for one in chosen if one.name.startswith(sizes.answers)]

        async def answers() -> bool:
            with suppress(OSError, EOFError):
                return await ask(port, chosen[0].sent.replace(b"keep-alive", b"close")) == 200
            return False

        await eventually(answers)
        return [await _row(case, target, nginx, port, sizes) for case in chosen]


def main() -> None:
    folder, port, upstream = sys.argv[1:]
    configuration = Path(folder) / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, upstream=upstream))
    program = shutil.which("nginx") or "nginx"
    os.execv(program, [program, "-p", folder, "-c", str(configuration)])  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
