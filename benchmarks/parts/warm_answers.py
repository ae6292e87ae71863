"""Warm answers beside a bare handler, with every request logged and with failed ones alone."""

from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row
from benchmarks.warm import run


async def measure(sizes: Sizes) -> list[Row]:
    """Return a row for each answer and each setting of the log."""
    return [
        {
            "answer": figure.name,
            "log": log,
            "bytes": figure.size,
            "bare_us": round(figure.bare_us, 1),
            "sidecar_us": round(figure.sidecar_us, 1),
            "ratio": round(figure.ratio, 3),
            "goal": figure.goal,
        }
        for log, answers in (("all", sizes.answers), ("errors", sizes.answers_unlogged))
        for figure in await run(answers, sizes.rounds, sizes.round_seconds, log)
    ]
