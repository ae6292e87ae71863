"""What each step of a warm answer costs that is given before its request is parsed."""

# ruff: noqa: SLF001 - the steps are no one else's business

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time
from typing import Final, TextIO

from aiohttp import web

from benchmarks.abusing.wire import answered, connected
from benchmarks.pace import KEY, open_crowd, serving
from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row
from benchmarks.warm import cases, microseconds, settle
from sidecar.app.lifecycle import create_app, make_runner
from sidecar.config import load_config
from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.middleware.request import new_request_id
from sidecar.http.middleware.warm import WARM_ANSWERS, WarmAnswers, _tail
from sidecar.http.services import SERVICES, Services
from sidecar.telemetry.logs import configure_logging

ANSWER: Final = "query 20 kB"
ADDRESS: Final = "127.0.0.1"
EXPERIMENTS: Final = 50
TIMES: Final = 10_000
_MANY: Final = 1_000
"""Requests after which any answer is warm, or never will be."""


def each_us(step: Callable[[], object], rounds: int) -> float:
    """Return the CPU time of a step, all threads, in microseconds: the median of some rounds."""
    found = []
    for _ in range(rounds):
        begun = process_time()
        for _ in range(TIMES):
            step()
        found.append((process_time() - begun) / TIMES * 1e6)
    return median(found)


def steps(warm: WarmAnswers, services: Services, sent: bytes) -> dict[str, Callable[[], object]]:
    """Return the steps of an answer that is known, in their order."""
    asked = warm._keys.of_bytes(ADDRESS, sent)
    if asked is None:
        raise RuntimeError("The request has something odd of its own.")
    known = warm._known[asked.digest]
    entry = warm._kept[known.key]
    record = warm._record_of(known, entry)
    now, request_id = services.clock(), new_request_id()
    head = entry.head + _tail(now, request_id, closes=False)

    def count() -> None:
        record._counted.inc()
        record._seconds.observe(0.00002)

    return {
        "digest of the request's bytes": lambda: warm._keys.of_bytes(ADDRESS, sent),
        "two look-ups": lambda: (warm._known.get(asked.digest), warm._kept.get(known.key)),
        "checks that it still holds": lambda: warm._may_use(entry, services, services.clock(), None),
        "request id and `Date`": lambda: entry.head + _tail(now, new_request_id(), closes=False),
        "metrics": count,
        "line of the log": lambda: record._line.write(0.0001, request_id),
        "head and body in one piece": lambda: b"".join((head, *entry.parts)),
    }


@contextmanager
def nowhere() -> Iterator[TextIO]:
    """Give what takes a log and forgets it."""
    with Path(os.devnull).open("w", encoding="utf-8") as stream:
        yield stream


async def _ask(port: int, sent: bytes) -> bytes:
    async with connected(port) as (reader, writer):
        writer.write(sent)
        return (await answered(reader))[1]


async def _known(port: int, sent: bytes, warm: WarmAnswers) -> None:
    """Ask until the answer is given before the request is parsed."""
    for _ in range(_MANY):
        await _ask(port, sent)
        if warm.hits_at_once:
            return
    raise RuntimeError("The answer was never given before its request was parsed.")


async def measure(sizes: Sizes) -> list[Row]:
    """Return a row for each step, one for what is left of the whole, and one for that."""
    async with AsyncExitStack() as stack:
        path = await stack.enter_async_context(open_crowd(1, EXPERIMENTS, 0))
        _log_all(path)
        project = json.loads((path.parent / "projects.json").read_text())[0]
        case = next(case for case in cases(project) if case.name == ANSWER)
        sent = replace(case, headers=KEY).sent
        async with serving(path) as (process, url):
            port = int(url.rpartition(":")[2])
            await settle(process)
            whole = median(
                [
                    await microseconds(process, port, sent, sizes.round_seconds, 200)
                    for _ in range(sizes.rounds)
                ]
            )
        configure_logging(stream=stack.enter_context(nowhere()), as_json=True, in_batches=True)
        config = load_config([path], {})
        app = create_app(config)
        runner = make_runner(app, config, ConnectionLimits())
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, ADDRESS, 0).start()
        await _known(runner.addresses[0][1], sent, app[WARM_ANSWERS])
        found = {
            name: each_us(step, sizes.rounds)
            for name, step in steps(app[WARM_ANSWERS], app[SERVICES], sent).items()
        }
    found["socket, event loop, connection"] = max(0.0, whole - sum(found.values()))
    found["all of it"] = whole
    return [{"step": name, "us": round(value, 2)} for name, value in found.items()]


def _log_all(path: Path) -> None:
    """Have every request logged, as by default."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    whole["litmusSidecar"]["log"]["requests"] = "all"
    path.write_text(json.dumps(whole), encoding="utf-8")
