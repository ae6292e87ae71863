"""The script of attacks runs: its findings are for people to judge, on a machine that is quiet."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections import Counter
from pathlib import Path

from benchmarks.abusing.attacks import ATTACKS
from tests.support.service import CEILING_SECONDS

ROOT = Path(__file__).parents[2]


async def abuse(*arguments: str) -> tuple[int | None, str]:
    """Run the script; what it started ends with it."""
    command = (sys.executable, "-m", "benchmarks.abuse", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=STDOUT)
    try:
        async with asyncio.timeout(3 * CEILING_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode()


async def test_attacks_are_measured_beside_quiet_moments_and_the_service_lives(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    names = ("deep-json", "gzip-bombs")
    # Long enough that an attacker is answered on a machine that does something else, too.
    code, said = await abuse(*names, "--seconds", "1.5", "--quiet-seconds", "0.5", "--json", str(figures))
    assert code == 0, said
    rows = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("|")]
    assert [row[0] for row in rows[2:]] == list(names)
    assert {len(row) for row in rows} == {len(rows[0])}
    found = json.loads(figures.read_text())["attacks"]
    assert [one["name"] for one in found] == list(names)
    for one in found:
        assert one["alive"], said
        assert one["peak_mb"] >= one["before_mb"] * 0.9 > 0
        for moment in ("quiet", "attacked"):
            for caller in ("health", "query"):
                waits = one[moment][caller]
                assert waits["asked"] > waits["failed"] == 0, said
                assert 0 < waits["median_ms"] <= waits["worst_ms"]
        # The attacker was heard, and not served.
        assert sum(one["answers"].values()) > 0
        assert "500" not in one["answers"]


async def test_an_attack_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    code, said = await abuse("moon")
    assert code == 2
    assert "No such attack: moon. There are: " in said
    assert all(attack.name in said for attack in ATTACKS)


def test_every_attack_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(attack.name for attack in ATTACKS).items() if count > 1] == []
