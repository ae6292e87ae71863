"""All figures of one machine in one run: a Markdown table for each part, and one JSON file.

What is measured runs in processes of its own, the service alone on one core; Litmus,
readers and databases share the other. The pages' figures are made from the JSON
(``make figures``). Run it from the root of the repository: ``python -m benchmarks.bench``.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.abusing.process import OTHER_CORE
from benchmarks.parts import direct, large, nginx, projects, runs, stampede, steps, warm_answers
from benchmarks.parts.sizes import HUGE, QUICK, USUAL, Sizes
from benchmarks.parts.tables import TABLES, Row, markdown

PARTS: Final[Mapping[str, Callable[[Sizes], Awaitable[Sequence[Row]]]]] = {
    "warm": warm_answers.measure,
    "steps": steps.measure,
    "nginx": nginx.measure,
    "direct": direct.measure,
    "stampede": stampede.measure,
    "projects": projects.measure,
    "runs": runs.measure,
    "large": large.measure,
}
"""What measures each table."""
FILE: Final = Path("build/bench.json")


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def measured(name: str, sizes: Sizes) -> Sequence[Row] | None:
    """Measure a part and print its table; ``None``: it could not be measured, and why was said."""
    table = TABLES[name]
    print(f"\n### {table.title}\n", flush=True)
    try:
        # The table comes once it is whole; what is said on the way is for who waits.
        with redirect_stdout(sys.stderr):
            rows = uvloop.run(_measure(name, sizes))
    except (RuntimeError, TimeoutError, OSError, EOFError, ValueError, ExceptionGroup) as exc:
        print(f"Not measured: {type(exc).__name__} {exc}", flush=True)
        return None
    print(markdown(table, rows) if rows else "Skipped: what it compares with is not installed.", flush=True)
    return rows


async def _measure(name: str, sizes: Sizes) -> Sequence[Row]:
    return await PARTS[name](sizes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; return 1 if a part could not be measured, whatever the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="PART", help=f"all if absent: {', '.join(PARTS)}")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="as little as shows that it works")
    size.add_argument("--huge", action="store_true", help="also 5,000 projects, and 1,000,000 runs")
    parser.add_argument("--json", type=Path, default=FILE, metavar="FILE", help=f"all figures ({FILE})")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in PARTS]:
        parser.error(f"No such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.")
    about = machine()
    os.sched_setaffinity(0, {OTHER_CORE})
    sizes = QUICK if given.quick else HUGE if given.huge else USUAL
    found = {name: measured(name, sizes) for name in given.names or PARTS}
    parts = {name: rows for name, rows in found.items() if rows is not None}
    given.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {"machine": about, "quick": given.quick, "parts": parts}
    given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0 if len(parts) == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
