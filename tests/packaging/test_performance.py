"""The pages say what was measured, and nothing else."""

import json
import re
import runpy
from pathlib import Path
from typing import Any, Final

from benchmarks.parts.tables import TABLES, Row, markdown

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/explanation/performance.md"
FIGURES: Final[dict[str, Any]] = json.loads((ROOT / "docs/figures/bench.json").read_text())
MADE: Final = runpy.run_path(str(ROOT / "docs/make_performance.py"))


def test_the_pages_have_the_figures_of_the_file() -> None:
    """If not: make figures, after make bench."""
    for path, page in MADE["pages"]().items():
        assert path.read_text() == page


def test_every_figure_has_its_place_once() -> None:
    pages = "".join(path.read_text() for path in MADE["pages"]())
    begun = re.findall(r"<!-- (\w+): made by docs/make_performance.py -->", pages)
    assert (
        sorted(begun) == sorted(re.findall(r"<!-- end of (\w+) -->", pages)) == sorted(MADE["texts"](FIGURES))
    )


def test_every_part_was_measured_and_is_on_the_page() -> None:
    """Of a machine with nginx."""
    assert set(FIGURES["parts"]) == set(TABLES)
    for name, rows in FIGURES["parts"].items():
        assert rows
        assert markdown(TABLES[name], rows) in PAGE.read_text()


def test_what_was_not_measured_is_no_data_and_not_nought() -> None:
    row: Row = {
        "meanwhile": "quiet",
        "experiments": 5_000,
        "median_ms": 1.0,
        "p99_ms": 2.0,
        "ratio": 1.0,
        "gap_ms": None,
    }
    assert (
        markdown(TABLES["large"], [row]).splitlines()[-1] == "| quiet | 5,000 | 1.00 | 2.00 | 1.0 | no data |"
    )


def test_capacity_is_reckoned_by_what_is_needed_for_good_and_growth_from_the_smallest() -> None:
    at_rest = {"projects": 100, "experiments": 5, "core": 0.01, "memory_mb": 100}
    behind = {"projects": 1_100, "experiments": 5, "core": 0.22, "memory_mb": 150}
    rows = [
        {**at_rest, "requests_per_second": 2.0, "needed_per_second": 2.0},
        {**behind, "requests_per_second": 44.0, "needed_per_second": 22.0},
    ]
    small, large = MADE["capacity"](rows)
    assert small["kilobytes"] is None
    assert large["kilobytes"] == 50.0
    assert round(small["cpu_seconds"], 6) == round(large["cpu_seconds"], 6) == 0.36
    assert round(large["fit"]) == 5_000


def test_the_plan_grows_with_what_the_largest_row_took() -> None:
    rows: list[dict[str, float]] = [
        {
            "projects": 100,
            "experiments": 5,
            "core": 0.01,
            "memory_mb": 100,
            "requests_per_second": 2.0,
            "needed_per_second": 2.0,
        },
        {
            "projects": 1_000,
            "experiments": 5,
            "core": 0.13,
            "memory_mb": 190,
            "requests_per_second": 26.0,
            "needed_per_second": 20.0,
        },
    ]
    assert [row["figure"] for row in MADE["plan"](rows)] == [10_000, 200.0, "1.00", 2.0, 1_100.0]
