"""Two callers who do nothing wrong, as a process of their own: how long do they wait?

One asks ``/healthz`` on a new connection each time, as Kubernetes does, the
other a warm ``POST /api/query`` on one connection, as Backstage does. The
argument is JSON: port, key, project. Lines on standard input begin and end a
measurement; the end is answered with its times as a line of JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import uvloop

from benchmarks.abusing.wire import Streams, answered, ask, connected, request

PAUSE_SECONDS: Final = 0.02
LONGEST_SECONDS: Final = 5.0
"""Who waits longer has failed."""
QUERY: Final = """query listExperiment($projectID: ID!, $request: ListExperimentRequest!) {
  listExperiment(projectID: $projectID, request: $request) {
    experiments {
      experimentID cronSyntax name experimentType infra { infraID name environmentID isActive }
      recentExperimentRunDetails { experimentRunID phase resiliencyScore updatedAt }
    }
  }
}"""


@dataclass
class Times:
    """What one of the two callers saw since the measurement began."""

    milliseconds: list[float] = field(default_factory=list)
    failed: int = 0
    """Without an answer, or with another one than 200; their times count too."""
    late: float = 0.0
    """Milliseconds that the probe itself was late at most: what the machine adds."""


class Caller:
    """Asks the same again and again."""

    def __init__(self, once: Callable[[], Awaitable[int]]) -> None:
        self._once = once
        self.times = Times()
        self._since: float | None = None
        """When what is still waited for was asked."""

    def begin(self) -> None:
        """Forget what was seen so far."""
        self.times = Times()

    def seen(self) -> Times:
        """Return what was seen since the begin; a wait that goes on counts for as long as it has lasted."""
        found = self.times.milliseconds
        lasting = 0.0 if self._since is None else (perf_counter() - self._since) * 1000
        if lasting > max(found, default=0.0):
            found.append(lasting)
        return self.times

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            started = self._since = perf_counter()
            try:
                async with asyncio.timeout(LONGEST_SECONDS):
                    status = await self._once()
            except (OSError, EOFError, TimeoutError):
                status = 0
            times, self._since = self.times, None
            times.milliseconds.append((perf_counter() - started) * 1000)
            times.failed += status != 200
            started = perf_counter()
            await asyncio.sleep(PAUSE_SECONDS)
            self.times.late = max(self.times.late, (perf_counter() - started - PAUSE_SECONDS) * 1000)


class Kept:
    """A connection that is opened again once it is lost."""

    def __init__(self, port: int, sent: bytes) -> None:
        self._port = port
        self._sent = sent
        self._streams: Streams | None = None
        self._context: Any = None

    async def once(self) -> int:
        """Ask once, and return the status."""
        if self._streams is None:
            self._context = connected(self._port)
            self._streams = await self._context.__aenter__()
        reader, writer = self._streams
        try:
            writer.write(self._sent)
            return (await answered(reader))[0]
        except BaseException:
            writer.transport.abort()
            self._streams = None
            raise


def query_of(key: str, project: str) -> bytes:
    """Return the plugin's largest question as a request that keeps the connection."""
    body = json.dumps({"query": QUERY, "variables": {"projectID": project, "request": {}}}).encode()
    return request("POST", "/api/query", {"X-Litmus-Sidecar-Key": key}, body, keep=True)


async def measure(port: int, key: str, project: str) -> None:
    health = Caller(lambda: ask(port, request("GET", "/healthz")))
    query = Caller(Kept(port, query_of(key, project)).once)
    tasks = [asyncio.create_task(one.run()) for one in (health, query)]
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := await commands.readline():
        if json.loads(line)["measure"] == "end":
            seen = {"health": vars(health.seen()), "query": vars(query.seen())}
            sys.stdout.write(json.dumps(seen) + "\n")
            sys.stdout.flush()
        health.begin()
        query.begin()
    for task in tasks:
        task.cancel()
    # Nobody listens any more.
    os._exit(0)


def main() -> None:
    given = json.loads(sys.argv[1])
    uvloop.run(measure(given["port"], given["key"], given["project"]))


if __name__ == "__main__":
    main()
