"""Readers of a small project, quiet and while a large one is synchronised again and again."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from statistics import quantiles
from typing import Any, Final

from aiohttp import ClientSession

from benchmarks.abusing.process import OTHER_CORE, Child, child
from benchmarks.abusing.target import KEYS, Needs, Target, open_target
from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row
from benchmarks.warm import settle

HOUR: Final = 3_600
_BUCKET: Final = re.compile(
    r'^litmus_sidecar_event_loop_lag_seconds_bucket\{le="([\d.]+|\+Inf)"\} ([\d.e+]+)', re.MULTILINE
)


async def _lags(session: ClientSession, target: Target) -> dict[float, float]:
    """Return how many turns came at most so late, by seconds."""
    headers = {"X-Litmus-Sidecar-Key": KEYS["caller"]}
    async with session.get(f"http://127.0.0.1:{target.port}/metrics", headers=headers) as response:
        text = await response.text()
    return {float(bound): float(count) for bound, count in _BUCKET.findall(text)}


def largest_gap_ms(before: dict[float, float], after: dict[float, float]) -> float | None:
    """Return the bound that no turn of the time between came later than; ``None``: later than any bound."""
    turns = {bound: after[bound] - before[bound] for bound in sorted(after)}
    most = max(turns.values(), default=0.0)
    found = next((bound for bound, count in turns.items() if count == most), float("inf"))
    return None if found == float("inf") else found * 1000


async def _watch(target: Target, probe: Child, seconds: float) -> dict[str, Any]:
    async with ClientSession() as session:
        before = await _lags(session, target)
        probe.tell({"measure": "begin"})
        await asyncio.sleep(seconds)
        probe.tell({"measure": "end"})
        seen = json.loads(await probe.line())["query"]
        after = await _lags(session, target)
    if seen["failed"]:
        raise RuntimeError(f"{seen['failed']} requests of the probe failed.")
    cuts = quantiles(seen["milliseconds"], n=100, method="inclusive")
    gap_ms = largest_gap_ms(before, after)
    return {"median_ms": round(cuts[49], 3), "p99_ms": round(cuts[98], 3), "gap_ms": gap_ms}


async def _readers(sizes: Sizes, sync_seconds: int) -> dict[str, Any]:
    needs = Needs(experiments=sizes.experiments, sync_seconds=sync_seconds)
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(open_target(needs))
        if sync_seconds == HOUR:
            await settle(target.process)
        given = json.dumps({"port": target.port, "key": KEYS["caller"], "project": target.small})
        probe = await stack.enter_async_context(child("benchmarks.abusing.probe", given, core=OTHER_CORE))
        return await _watch(target, probe, sizes.watch_seconds)


async def measure(sizes: Sizes) -> list[Row]:
    """Return a row for quiet and one for the synchronisation."""
    quiet, busy = await _readers(sizes, HOUR), await _readers(sizes, 1)
    return [
        {"meanwhile": "quiet", "experiments": sizes.experiments, "ratio": 1.0, **quiet},
        {
            "meanwhile": "synchronised every second",
            "experiments": sizes.experiments,
            "ratio": round(busy["p99_ms"] / quiet["p99_ms"], 2),
            **busy,
        },
    ]
