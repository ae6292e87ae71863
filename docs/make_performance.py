"""Write the tables of docs/explanation/performance.md and README.md from docs/figures/bench.json.

``make figures`` takes the figures of the last ``make bench`` and rewrites both; a test
compares, so no page can say what was not measured.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.parts.tables import TABLES, Column, Row, Table, Value, markdown, text_of

ROOT: Final = Path(__file__).parents[1]
FIGURES: Final = ROOT / "docs/figures/bench.json"
CORE_SHARE: Final = 0.5
"""Of a core that a service is planned to take."""
ENTITIES: Final = 100_000
IN_A_PROJECT: Final = 10
_PLACE: Final = "<!-- {name}: made by docs/make_performance.py -->\n\n{text}\n<!-- end of {name} -->"

_CAPACITY: Final = Table(
    title="What a project takes",
    columns=(
        Column(head="projects", key="projects"),
        Column(head="experiments in each", key="experiments"),
        Column(head="CPU seconds per project and hour", key="cpu_seconds", digits=2),
        Column(head="memory beyond the first row, kB per project", key="kilobytes", digits=1),
        Column(head="projects for half a core", key="fit"),
    ),
)
_PLAN: Final = Table(
    title="The plan",
    columns=(Column(head="step", key="step"), Column(head="figure", key="figure")),
)
_BRIEF: Final = Table(
    title="In brief",
    columns=(Column(head="measured", key="measured"), Column(head="figure", key="figure")),
)
Figures = Mapping[str, Any]


def _extent(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["projects"], row["experiments"]


def core_needed(row: Mapping[str, Any]) -> float:
    """Return what of a core the projects take for good.

    What was sent while it was measured can be more or less than what is needed: slower lanes come in waves.
    """
    return float(row["core"] * row["needed_per_second"] / max(row["requests_per_second"], 0.1))


def capacity(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return what a project takes, for each number of projects."""
    found: list[Row] = []
    for row in rows:
        more = row["projects"] - rows[0]["projects"]
        beyond = (row["memory_mb"] - rows[0]["memory_mb"]) * 1000 / more if more else None
        found.append(
            {
                "projects": row["projects"],
                "experiments": row["experiments"],
                "cpu_seconds": core_needed(row) * 3600 / row["projects"],
                "kilobytes": beyond,
                "fit": CORE_SHARE * row["projects"] / core_needed(row) if row["core"] else None,
            }
        )
    return found


def plan(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return what a large catalog takes, reckoned from the largest measured number of projects."""
    largest = max(rows, key=_extent)
    projects = ENTITIES // IN_A_PROJECT
    per_second = largest["needed_per_second"] * projects / largest["projects"]
    cores = core_needed(largest) * projects / largest["projects"]
    smallest = rows[0]
    more = largest["projects"] - smallest["projects"]
    growth = max(0.0, (largest["memory_mb"] - smallest["memory_mb"]) / more) if more else 0.0
    return [
        {"step": f"Projects of {ENTITIES:,} entities, {IN_A_PROJECT} in each", "figure": projects},
        {"step": "Requests to Litmus per second, each project read at `sync.interval`", "figure": per_second},
        {"step": "Cores for that", "figure": text_of(cores, 2)},
        {"step": "Replicas at half a core each", "figure": max(1, -(-cores // CORE_SHARE))},
        {"step": "Memory of a replica, MB", "figure": smallest["memory_mb"] + growth * projects},
    ]


def _one(rows: Sequence[Mapping[str, Any]], **wanted: Value) -> Mapping[str, Any] | None:
    return next((row for row in rows if wanted.items() <= row.items()), None)


def brief(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
    """Return what most readers want to know, of what was measured."""
    rows: list[Row] = [
        {
            "measured": f"{row['answer']}, warm: CPU time, and how fast beside a bare aiohttp handler",
            "figure": f"{text_of(row['sidecar_us'])} µs, {text_of(row['ratio'], 2)}",
        }
        for row in parts.get("warm", ())
        if row["log"] == "all" and row["answer"] in {"query 1 kB", "query 20 kB", "entity page", "badge"}
    ]
    if slow := max(parts.get("direct", ()), key=lambda row: row["late_ms"], default=None):
        told = f"a warm answer beside a Litmus that takes {slow['late_ms']} ms"
        rows.append({"measured": f"Wait for {told}", "figure": f"{text_of(slow['sidecar_ms'], 2)} ms"})
    if crowd := max(parts.get("projects", ()), key=_extent, default=None):
        each = f"{text_of(crowd['projects'])} projects of {text_of(crowd['experiments'])} experiments"
        told = f"{each} kept fresh: share of a core, memory"
        figure = f"{text_of(crowd['core'], 2)}, {text_of(crowd['memory_mb'])} MB"
        rows.append({"measured": told, "figure": figure})
    if stored := _one(parts.get("runs", ()), database="SQLite"):
        rows.append({"measured": "Runs stored per second, SQLite", "figure": stored["stored_per_second"]})
    return rows


def texts(figures: Figures) -> Mapping[str, str]:
    """Return what stands at each place, by its name."""
    parts = figures["parts"]
    about = figures["machine"]
    told = f"Measured on {about['date']}, {about['cores']} cores, Python {about['python']}"
    told += ", by a quick run that only shows that it works.\n" if figures["quick"] else ".\n"
    tables = [
        f"### {table.title}\n\n{markdown(table, parts[name])}"
        for name, table in TABLES.items()
        if parts.get(name)
    ]
    projects = parts["projects"]
    return {
        "figures": "\n".join([told, *tables]),
        "capacity": markdown(_CAPACITY, capacity(projects)),
        "plan": markdown(_PLAN, plan(projects)),
        "brief": f"{told}\n{markdown(_BRIEF, brief(parts))}",
    }


def filled(page: str, made: Mapping[str, str]) -> str:
    """Return a page with each of its places filled."""
    for name, text in made.items():
        place = re.compile(rf"<!-- {name}: .*?<!-- end of {name} -->", re.DOTALL)
        whole = _PLACE.format(name=name, text=text)
        page = place.sub(whole.replace("\\", r"\\"), page)
    return page


def pages() -> Mapping[Path, str]:
    """Return each page as it is to be."""
    made = texts(json.loads(FIGURES.read_text(encoding="utf-8")))
    return {
        path: filled(path.read_text(encoding="utf-8"), made)
        for path in (ROOT / "docs/explanation/performance.md", ROOT / "README.md")
    }


if __name__ == "__main__":
    for path, page in pages().items():
        path.write_text(page, encoding="utf-8")
        sys.stdout.write(f"{path} is written\n")
