"""What a warm answer costs: CPU time of the service, beside a bare aiohttp handler with the same bytes.

Both are asked in turns, in many short rounds, each alone on one core; the load comes from
another. Ratios of the medians are printed: 1.00 is what aiohttp itself takes. Run it from
the root of the repository: ``python -m benchmarks.warm``.
"""

import argparse
import asyncio
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from benchmarks.abusing.process import SERVER_CORE, Child, child
from benchmarks.abusing.target import KEYS, Needs, Target, open_target
from benchmarks.abusing.wire import connected, request
from benchmarks.warming.load import OWN, anew, load

KEY: Final = {"X-Litmus-Sidecar-Key": KEYS["caller"]}
ENTITY: Final = "component/default/large"
RESTING_SECONDS: Final = 2.0
_NOT_MODIFIED: Final = 304
_EXPERIMENTS: Final = 300


@dataclass(frozen=True, kw_only=True)
class Case:
    """A warm answer that is measured."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    keep: bool = True
    status: int = 200
    goal: float
    """Wanted at least."""

    @property
    def sent(self) -> bytes:
        """The bytes of the request."""
        return request(self.method, self.path, self.headers, self.body, keep=self.keep)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was measured of a case."""

    name: str
    size: int
    """Bytes of the body."""
    bare_us: float
    sidecar_us: float
    goal: float

    @property
    def ratio(self) -> float:
        """The bare handler's time in the sidecar's: 1 is as fast."""
        return self.bare_us / self.sidecar_us


def _query(project: str, text: str) -> bytes:
    query = (
        "query q($p: ID!, $r: ListExperimentRequest!) { %s }" if "$r" in text else "query q($p: ID!) { %s }"
    )
    variables: dict[str, object] = {"p": project}
    if "$r" in text:
        variables["r"] = {}
    return json.dumps({"query": query % text, "variables": variables}).encode()


_STATS: Final = (
    "getExperimentRunStats(projectID: $p) { totalExperimentRuns totalCompletedExperimentRuns "
    "totalTerminatedExperimentRuns totalRunningExperimentRuns totalStoppedExperimentRuns "
    "totalErroredExperimentRuns }"
)
_LIST: Final = (
    "listExperiment(projectID: $p, request: {pagination: {page: 0, limit: %d}}) { "
    "totalNoOfExperiments experiments { "
    "experimentID name cronSyntax infra { infraID name isActive } recentExperimentRunDetails { "
    "experimentRunID phase resiliencyScore updatedAt updatedBy { username } } } }"
)


def cases(project: str) -> list[Case]:
    """Return what is measured, of a project by its id."""
    queries = {
        "0.3 kB": _STATS,
        "1 kB": _LIST % 1,
        "20 kB": _LIST % 13,
        "200 kB": _LIST % 130,
    }
    found = [
        Case(
            name=f"query {size}{'' if keep else ', a connection each'}",
            method="POST",
            path="/api/query",
            headers=KEY,
            body=_query(project, text),
            keep=keep,
            goal=0.80 if size == "0.3 kB" and keep else 0.85,
        )
        for keep in (True, False)
        for size, text in queries.items()
    ]
    for name, path in (
        ("overview", f"/api/v1/entities/{ENTITY}/overview?window=7d"),
        ("entity page", f"/litmus/entities/{ENTITY}"),
        ("badge", f"/litmus/entities/{ENTITY}/badge.svg"),
    ):
        found.append(Case(name=name, method="GET", path=path, headers=KEY, goal=0.6))
        found.append(
            Case(name=f"{name} 304", method="GET", path=path, headers=KEY, goal=0.6, status=_NOT_MODIFIED)
        )
    return found


def cases_of_backstage(project: str, token: str) -> list[Case]:
    """Return what is measured of requests as Backstage's proxy sends them, of a person by their token.

    One that is traced adds a ``traceparent``.
    """
    person = {**KEY, "Authorization": f"Bearer {token}"}
    traced = {"traceparent": f"00-{OWN}{OWN}-{OWN}-01"}
    return [
        Case(
            name=f"query 20 kB {name}{'' if keep else ', a connection each'}",
            method="POST",
            path="/api/query",
            headers=headers,
            body=_query(project, _LIST % 13),
            keep=keep,
            goal=0.85,
        )
        for name, headers, keep in (
            ("of a person", person, True),
            ("of a person", person, False),
            ("with a traceparent", {**KEY, **traced}, True),
            ("with an X-Request-ID", {**KEY, "X-Request-ID": OWN}, True),
            ("of a person, traced", {**person, **traced}, True),
            ("of a person, traced", {**person, **traced}, False),
        )
    ]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all its threads."""
    total = 0
    for figures in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # A thread that has ended.
            total += int(figures.read_text(encoding="ascii").split()[0])
    return total / 1e9


async def microseconds(process: Child, port: int, sent: bytes, seconds: float, status: int) -> float:
    """Ask for a while; return the CPU time that the process took for each answer.

    Raises:
        RuntimeError: If an answer had another status, or none came.
    """
    before = cpu_seconds(process.pid)
    counts = await load(port, sent, seconds, status=status)
    if counts.wrong or not counts.answers:
        raise RuntimeError(f"{counts.wrong} of {counts.answers} answers had another status than {status}.")
    return (cpu_seconds(process.pid) - before) / counts.answers * 1e6


async def first(port: int, case: Case) -> tuple[bytes, str, str | None]:
    """Ask once; return body, content type and tag."""
    async with connected(port) as (reader, writer):
        writer.write(anew(case.sent))
        head = await reader.readuntil(b"\r\n\r\n")
        fields = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.decode().split("\r\n")[1:])
        }
        body = await reader.readexactly(int(fields.get("content-length", "0")))
    return body, fields.get("content-type", "application/json").partition(";")[0], fields.get("etag")


async def settle(process: Child) -> None:
    """Wait until the service has read what it reads first: it takes little, and no less than a moment ago."""
    last = math.inf
    while True:
        before = cpu_seconds(process.pid)
        await asyncio.sleep(RESTING_SECONDS)
        taken = cpu_seconds(process.pid) - before
        if taken < RESTING_SECONDS / 50 or last * 0.8 <= taken < RESTING_SECONDS / 20:
            return
        last = taken


async def measure(target: Target, wanted: Sequence[str], rounds: int, seconds: float) -> list[Figure]:
    """Measure the cases whose names begin with one of ``wanted``; print each row once it is known."""
    figures = []
    await settle(target.process)
    known = [*cases(target.large), *cases_of_backstage(target.large, target.token)]
    chosen = [case for case in known if not wanted or case.name.startswith(tuple(wanted))]
    with tempfile.TemporaryDirectory(prefix="litmus-sidecar-bare-") as folder:
        sizes = []
        for number, case in enumerate(chosen):
            body, content_type, _ = await first(target.port, case)
            if b'"errors"' in body:
                raise RuntimeError(f"{case.name}: {body.decode()}")
            sizes.append(len(body))
            (Path(folder) / str(number)).write_bytes(b"" if case.status == _NOT_MODIFIED else body)
            (Path(folder) / f"{number}.type").write_text(content_type, encoding="ascii")
        async with child("benchmarks.warming.bare", folder, core=SERVER_CORE) as bare:
            bare_port = int(await bare.line())
            for number, case in enumerate(chosen):
                plain = request(case.method, f"/{number}", case.headers, case.body, keep=case.keep)
                times: tuple[list[float], list[float]] = ([], [])
                for _ in range(rounds):
                    times[0].append(await microseconds(bare, bare_port, plain, seconds, 200))
                    times[1].append(await _sidecar_microseconds(target, case, seconds))
                figure = Figure(
                    name=case.name,
                    size=sizes[number],
                    bare_us=median(times[0]),
                    sidecar_us=median(times[1]),
                    goal=case.goal,
                )
                figures.append(figure)
                print(row(figure), flush=True)
    return figures


async def _sidecar_microseconds(target: Target, case: Case, seconds: float) -> float:
    """Ask the sidecar for a while; once more where a synchronisation changed the tag meanwhile."""

    async def asked() -> float:
        tag = {"If-None-Match": (await first(target.port, case))[2] or ""}
        headers = {**case.headers, **(tag if case.status == _NOT_MODIFIED else {})}
        sent = request(case.method, case.path, headers, case.body, keep=case.keep)
        return await microseconds(target.process, target.port, sent, seconds, case.status)

    try:
        return await asked()
    except RuntimeError:
        return await asked()


COLUMNS: Final = ("answer", "bytes", "bare µs", "sidecar µs", "ratio", "goal")


def row(figure: Figure) -> str:
    """Return a line of the table."""
    return (
        f"| {figure.name} | {figure.size:,} | {figure.bare_us:.0f} | {figure.sidecar_us:.0f} "
        f"| {figure.ratio:.2f} | {figure.goal:.2f} |"
    )


async def run(wanted: Sequence[str], rounds: int, seconds: float, log_requests: str) -> list[Figure]:
    """Start the service and measure."""
    print("| " + " | ".join(COLUMNS) + " |\n" + "| --- " * len(COLUMNS) + "|", flush=True)
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(
            open_target(
                Needs(experiments=_EXPERIMENTS, sync_seconds=60, log_requests=log_requests, backstage=True)
            )
        )
        return await measure(target, wanted, rounds, seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="what the cases' names begin with; all if absent"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="how long each of both is asked in a round (1)"
    )
    parser.add_argument("--log", choices=("all", "errors", "off"), default="all", help="log.requests (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures are written")
    given = parser.parse_args(arguments)
    figures = uvloop.run(run(given.names, given.rounds, given.seconds, given.log))
    if given.json is not None:
        given.json.write_text(
            json.dumps([asdict(one) | {"ratio": round(one.ratio, 3)} for one in figures], indent=2) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
