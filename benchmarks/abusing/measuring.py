"""One attack measured: what others wait for before it and meanwhile, and what the process takes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Final

from benchmarks.abusing.attacks import Attack, attack_for
from benchmarks.abusing.process import OTHER_CORE, Child, child, resident_mb, worked_and_waited
from benchmarks.abusing.target import KEYS, Target, open_target
from benchmarks.abusing.wire import ask, request
from sidecar.runtime.supervision import end_all

WARM_SECONDS: Final = 0.5
SETTLING_SECONDS: Final = 1.0
LIFE_SECONDS: Final = 10.0
"""After the attack, for one answer of a process that lives."""
LONGEST_SECONDS: Final = 120.0
"""Of one attack, start and end of its service included."""
_SAMPLE_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Waits:
    """What one caller waited for; milliseconds. ``None``: nothing was asked."""

    median_ms: float | None
    worst_ms: float | None
    asked: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Both callers over the same time."""

    health: Waits
    query: Waits
    probe_late_ms: float
    """How late the probe itself was at most: what the machine adds to the worst."""
    worked: float | None
    """The share of the time for which the service's event loop had a core."""
    kept_waiting: float | None
    """The share for which it wanted one in vain; ``None``: it has ended."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of one attack."""

    name: str
    what: str
    quiet: Moment
    attacked: Moment
    query_ratio: float | None
    """The other caller's median meanwhile, in those of its quiet one."""
    before_mb: float | None
    peak_mb: float | None
    after_mb: float | None
    alive: bool
    answers: Mapping[str, int]
    """What the attacker saw."""


async def measure(attack: Attack, *, quiet_seconds: float, seconds: float) -> Finding:
    """Run one attack against a service of its own.

    Raises:
        RuntimeError: If the service does not start.
        TimeoutError: If all takes far longer than it may.
    """
    async with asyncio.timeout(LONGEST_SECONDS), open_target(attack.needs) as target:
        given = {"port": target.port, "key": KEYS["caller"], "project": target.small}
        async with child("benchmarks.abusing.probe", json.dumps(given), core=OTHER_CORE) as probe:
            await asyncio.sleep(WARM_SECONDS)
            quiet = await _seen(probe, target, asyncio.sleep(quiet_seconds))
            before = resident_mb(target.process.pid)
            async with _peak_of(target) as sizes:
                attacked = await _seen(probe, target, attack_for(attack, target, seconds))
            await asyncio.sleep(SETTLING_SECONDS)
        return Finding(
            name=attack.name,
            what=attack.what,
            quiet=quiet,
            attacked=attacked,
            query_ratio=_ratio(attacked.query.median_ms, quiet.query.median_ms),
            before_mb=before,
            peak_mb=max(sizes, default=None),
            after_mb=resident_mb(target.process.pid),
            alive=target.process.is_alive and await _answers(target.port),
            answers=dict(target.answers.most_common()),
        )


async def _seen(probe: Child, target: Target, meanwhile: Awaitable[None]) -> Moment:
    """Return what the callers wait for meanwhile."""
    probe.tell({"measure": "begin"})
    started, before = perf_counter(), _reckoned(target)
    await meanwhile
    seconds, after = perf_counter() - started, _reckoned(target)
    probe.tell({"measure": "end"})
    said = await probe.line()
    if not said.startswith("{"):
        raise RuntimeError(f"The probe failed: {said + await probe.rest()}")
    seen = json.loads(said)
    return Moment(
        health=_waits(seen["health"]),
        query=_waits(seen["query"]),
        probe_late_ms=max(one["late"] for one in seen.values()),
        worked=None if before is None or after is None else (after[0] - before[0]) / seconds,
        kept_waiting=None if before is None or after is None else (after[1] - before[1]) / seconds,
    )


def _reckoned(target: Target) -> tuple[float, float] | None:
    try:
        return worked_and_waited(target.process.pid)
    except OSError:
        return None


def _waits(seen: Mapping[str, Any]) -> Waits:
    times: list[float] = seen["milliseconds"]
    return Waits(
        median_ms=median(times) if times else None,
        worst_ms=max(times, default=None),
        asked=len(times),
        failed=seen["failed"],
    )


def _ratio(attacked: float | None, quiet: float | None) -> float | None:
    return attacked / quiet if attacked is not None and quiet else None


@asynccontextmanager
async def _peak_of(target: Target) -> AsyncIterator[list[float]]:
    sizes: list[float] = []

    async def watch() -> None:
        while (size := resident_mb(target.process.pid)) is not None:
            sizes.append(size)
            await asyncio.sleep(_SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield sizes
    finally:
        await end_all({watching})


async def _answers(port: int) -> bool:
    """Tell whether the service still answers, if not at once."""
    until = perf_counter() + LIFE_SECONDS
    while perf_counter() < until:
        try:
            async with asyncio.timeout(LIFE_SECONDS):
                if await ask(port, request("GET", "/healthz")) == 200:
                    return True
        except (OSError, EOFError, TimeoutError):
            pass
        await asyncio.sleep(0.1)
    return False
