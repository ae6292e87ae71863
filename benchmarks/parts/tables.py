"""What was measured, as Markdown: one place for the terminal, the page and the README."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Value = str | float | None
Row = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    head: str
    key: str
    """Of the rows' values."""
    digits: int = 0
    """Behind the point."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """How a part's rows are shown."""

    title: str
    columns: tuple[Column, ...]


def _column(head: str, key: str, digits: int = 0) -> Column:
    return Column(head=head, key=key, digits=digits)


TABLES: Final[Mapping[str, Table]] = {
    "warm": Table(
        title="Warm answers beside a bare aiohttp handler with the same bytes, CPU time per answer",
        columns=(
            _column("answer", "answer"),
            _column("`log.requests`", "log"),
            _column("bytes", "bytes"),
            _column("bare, µs", "bare_us"),
            _column("sidecar, µs", "sidecar_us"),
            _column("ratio", "ratio", 2),
            _column("goal", "goal", 2),
        ),
    ),
    "steps": Table(
        title="Steps of a warm answer of 20 kB that is known by its request's bytes, CPU time",
        columns=(_column("step", "step"), _column("µs", "us", 1)),
    ),
    "nginx": Table(
        title="Warm answers beside nginx with `proxy_cache` keyed by the body, CPU time per answer",
        columns=(
            _column("answer", "answer"),
            _column("bytes", "bytes"),
            _column("nginx, µs", "nginx_us"),
            _column("sidecar, µs", "sidecar_us"),
            _column("nginx / sidecar", "ratio", 2),
        ),
    ),
    "direct": Table(
        title="What a reader waits for, beside the direct path to an upstream",
        columns=(
            _column("upstream answers after, ms", "late_ms"),
            _column("direct, median ms", "direct_ms", 2),
            _column("sidecar, median ms", "sidecar_ms", 2),
        ),
    ),
    "stampede": Table(
        title="Requests at once for projects that were not read yet",
        columns=(
            _column("requests", "requests"),
            _column("projects", "projects"),
            _column("answered with data", "answered"),
            _column("requests to Litmus meanwhile", "upstream"),
            _column("seconds", "seconds", 2),
        ),
    ),
    "projects": Table(
        title="Projects kept fresh on default settings; Litmus answers after 20 ms",
        columns=(
            _column("projects", "projects"),
            _column("experiments in each", "experiments"),
            _column("all read after, s", "all_read_seconds", 1),
            _column("stale", "stale"),
            _column("requests per second", "requests_per_second", 1),
            _column("needed per second", "needed_per_second", 1),
            _column("share of a core", "core", 3),
            _column("memory, MB", "memory_mb"),
            _column("killed and ready again after, s", "ready_again_seconds", 2),
        ),
    ),
    "runs": Table(
        title="Runs stored, and windows over all of them",
        columns=(
            _column("database", "database"),
            _column("runs", "runs"),
            _column("stored per second", "stored_per_second"),
            _column("histories read, s", "read_seconds", 2),
            _column("portfolio 30d, s", "month_seconds", 3),
            _column("portfolio 12mo, s", "year_seconds", 3),
            _column("overview, ms", "overview_ms", 1),
            _column("peak memory, MB", "peak_mb"),
        ),
    ),
    "large": Table(
        title="Readers of a small project while a large one is synchronised without a pause",
        columns=(
            _column("meanwhile", "meanwhile"),
            _column("experiments", "experiments"),
            _column("median, ms", "median_ms", 2),
            _column("p99, ms", "p99_ms", 2),
            _column("p99 in that of quiet", "ratio", 1),
            _column("event loop late by at most, ms", "gap_ms"),
        ),
    ),
}
"""By the part's name, in the order in which they are shown."""


def text_of(value: Value, digits: int = 0) -> str:
    """Return a cell's text; "no data" where there is none."""
    if value is None:
        return "no data"
    return value if isinstance(value, str) else f"{value:,.{digits}f}"


def markdown(table: Table, rows: Sequence[Row]) -> str:
    """Return the table."""
    lines = [[column.head for column in table.columns], ["---"] * len(table.columns)]
    lines += [[text_of(row.get(one.key), one.digits) for one in table.columns] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
