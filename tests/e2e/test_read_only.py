"""The service writes into its working directory alone: all other file systems are mounted read-only."""

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.e2e.conftest import Small
from tests.e2e.test_commands import url_of
from tests.support.service import CEILING_SECONDS, eventually

ROOT: Final = Path(__file__).parents[2]
IN_READ_ONLY: Final = """
mount --make-rprivate /
mount --bind "$1" "$1"
awk '{print $5}' /proc/self/mountinfo | sort -u | while read -r point; do
  case "$point" in "$1"|/proc|/proc/*|/sys|/sys/*|/dev|/dev/*) ;; *) mount -o remount,bind,ro "$point" ;; esac
done
if touch "$2" 2>/dev/null; then echo "$2 can be written" >&2; exit 99; fi
cd "$1"
shift 2
exec "$@"
"""
"""Arguments: what may be written, what must not be possible to write, the command."""


@pytest.fixture
def unshare(program: Callable[[str, str], str]) -> tuple[str, ...]:
    """The command that begins a set of mounts of its own; skips where the system allows none."""
    command = (program("unshare", "util-linux"), *(() if os.geteuid() == 0 else ("-r",)), "-m")
    tried = subprocess.run(  # noqa: S603 - changes nothing outside of itself
        [*command, "mount", "--make-rprivate", "/"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("this system allows no mounts of our own")
    return command


async def test_service_writes_nowhere_but_into_its_working_directory(
    small: Small, unshare: tuple[str, ...], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    section = {
        "listen": {"port": 0},
        "instances": [{"name": "default", "baseUrl": small.simulator.url, "token": small.token}],
        "catalog": {"files": [str(small.catalog)]},
    }
    (tmp_path / "app-config.json").write_text(json.dumps({"litmusSidecar": section}))
    service = (sys.executable, "-m", "sidecar", "serve", "--config", str(tmp_path / "app-config.json"))
    process = await asyncio.create_subprocess_exec(
        *(*unshare, "sh", "-ec", IN_READ_ONLY, "sh", str(data), str(tmp_path / "elsewhere"), *service),
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)},
    )
    try:
        async with aiohttp.ClientSession(await url_of(process.stderr)) as session:

            async def is_ready() -> bool:
                async with session.get("/readyz") as response:
                    answer = await response.json()
                return bool(answer["status"] == "ok" and answer["store"]["state"] == "ok")

            await eventually(is_ready)
            async with session.get("/litmus/entities/component/default/cart") as page:
                assert page.status == 200
        process.terminate()
        process.terminate()
        async with asyncio.timeout(CEILING_SECONDS):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert "litmus-sidecar.db" in {path.name for path in data.iterdir()}
