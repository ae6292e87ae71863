"""Child processes: started on one core, told things by lines, and surely ended."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from sidecar.runtime.supervision import end_all

START_SECONDS: Final = 60.0
_LAUNCH: Final = "benchmarks.abusing.launch"
_CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = _CORES[0]
OTHER_CORE: Final = _CORES[-1]
"""Of attacker, neighbour and probe; the server's own on a machine with one core only."""
FIRST: Final = -20
LAST: Final = 10
"""Niceness: of the service and the probe, so that the machine disturbs little, and of who attacks."""


class Child:
    """A running child, told things by lines of JSON, and heard."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    def tell(self, command: Mapping[str, Any]) -> None:
        """Write a command as a line of JSON."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        with suppress(OSError, RuntimeError):
            self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def line(self, seconds: float = START_SECONDS) -> str:
        """Return its next line.

        Raises:
            EOFError: If it ended.
            TimeoutError: If it says nothing.
        """
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        async with asyncio.timeout(seconds):
            found = await self._process.stdout.readline()
        if not found:
            raise EOFError(f"Child {self.pid} ended with {await self._process.wait()}.")
        return found.decode()

    async def rest(self) -> str:
        """Return what else it has said already, for an error."""
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        return (await self._process.stdout.read(64 * 1024)).decode("utf-8", "replace")

    async def drain(self) -> None:
        """Read and forget what it says, so that it never waits for us."""
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        while await self._process.stdout.read(64 * 1024):
            pass


@asynccontextmanager
async def child(
    *arguments: str, core: int, nice: int = FIRST, descriptors: int | None = None
) -> AsyncIterator[Child]:
    """Run ``python -m`` with these arguments on a core; it is killed at the end."""
    limits = {"core": core, "nice": nice, "descriptors": descriptors}
    command = [sys.executable, "-m", _LAUNCH, json.dumps(limits), *arguments]
    # What is installed has its byte code; a checkout keeps it from its first start on, if it may.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, limit=2**20, start_new_session=True, env=environment
    )
    try:
        yield Child(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def drained(one: Child) -> AsyncIterator[None]:
    """Let a child talk without being heard."""
    task = asyncio.create_task(one.drain())
    try:
        yield
    finally:
        await end_all({task})


def worked_and_waited(pid: int) -> tuple[float, float]:
    """Return for how many seconds the main thread of a process had a core, and wanted one in vain.

    Raises:
        OSError: If it has ended.
    """
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as figures:  # noqa: PTH123 - plainly, as below
        worked, waited, _ = figures.read().split()
    return int(worked) / 1e9, int(waited) / 1e9


def resident_mb(pid: int) -> float | None:
    """Return the resident memory of a process in MB; ``None``: it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123 - often, so plainly
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        return None
    return None
