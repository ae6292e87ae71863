"""The run of all figures works; what it finds is for people to judge, on a machine that is quiet."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bench import PARTS, main
from benchmarks.parts.large import largest_gap_ms
from benchmarks.parts.runs import has_postgresql
from benchmarks.parts.sizes import QUICK
from benchmarks.parts.tables import TABLES, markdown
from tests.support.service import CEILING_SECONDS

ROOT = Path(__file__).parents[2]


async def bench(*arguments: str) -> tuple[int | None, str, str]:
    """Run the script; what it started ends with it."""
    command = (sys.executable, "-m", "benchmarks.bench", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(3 * CEILING_SECONDS):
            said, beside = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode(), beside.decode()


async def test_each_part_is_a_table_and_all_are_one_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "bench.json"
    code, said, beside = await bench("steps", "stampede", "runs", "--quick", "--json", str(file))
    assert code == 0, said + beside
    figures: dict[str, Any] = json.loads(file.read_text())
    assert figures["quick"]
    assert list(figures["parts"]) == ["steps", "stampede", "runs"]
    for name, rows in figures["parts"].items():
        assert f"### {TABLES[name].title}\n\n{markdown(TABLES[name], rows)}" in said
    assert all(row["us"] > 0 for row in figures["parts"]["steps"][:-2])
    (stampede,) = figures["parts"]["stampede"]
    assert stampede["answered"] == stampede["requests"] == QUICK.requests
    # The requests of each project's first reading, and none for each of those who wait.
    assert stampede["projects"] <= stampede["upstream"] < stampede["requests"]
    databases = ["SQLite", "PostgreSQL"] if has_postgresql() else ["SQLite"]
    assert [row["database"] for row in figures["parts"]["runs"]] == databases
    for row in figures["parts"]["runs"]:
        assert row["runs"] == QUICK.runs
        assert min(row[key] for key in ("stored_per_second", "overview_ms", "peak_mb")) > 0


def test_a_part_that_there_is_not_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["moon"])
    assert refused.value.code == 2
    assert f"No such part: moon. There are: {', '.join(PARTS)}." in capsys.readouterr().err


def test_every_part_has_its_table() -> None:
    assert list(PARTS) == list(TABLES)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({0.001: 10.0, 0.05: 10.0, float("inf"): 10.0}, 1.0),
        ({0.001: 10.0, 0.05: 12.0, float("inf"): 12.0}, 50.0),
        ({0.001: 10.0, 0.05: 12.0, float("inf"): 13.0}, None),
    ],
)
def test_the_largest_gap_is_the_bound_that_no_turn_exceeded(
    after: dict[float, float], expected: float | None
) -> None:
    before = {0.001: 5.0, 0.05: 5.0, float("inf"): 5.0}
    assert largest_gap_ms(before, after) == expected
