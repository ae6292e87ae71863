"""The newcomer's script: what fails is told, with its step, and ends it.

What is typed is played in ``tests/packaging/test_wheel.py``.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.newcomer import Newcomer, StepFailedError, main, newcomers_environ

ENVIRON: Mapping[str, str] = {"PATH": os.environ["PATH"]}


def goes_well(newcomer: Newcomer) -> None:
    with newcomer.step("write"):
        newcomer.type("echo written > file")
    with newcomer.step("read"):
        newcomer.type('test "$(cat file)" = written')


def fails(newcomer: Newcomer) -> None:
    with newcomer.step("look"):
        newcomer.type("echo what it printed; exit 3")
    with newcomer.step("never"):
        newcomer.type("true")


def test_each_step_and_the_sum_are_a_table_and_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "steps.json"
    assert main(["--json", str(file)], ENVIRON, {"first": goes_well, "second": goes_well}) == 0
    cells = [line.split("|")[1:3] for line in capsys.readouterr().out.splitlines()[2:]]
    steps = ["write", "read", "**sum**"]
    expected = [[name, step] for name in ("first", "second") for step in steps]
    assert [[name.strip(), step.strip()] for name, step in cells] == expected
    assert [one["name"] for one in json.loads(file.read_text())["first"]] == ["write", "read"]


def test_a_step_that_fails_is_told_and_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], ENVIRON, {"first": fails, "second": goes_well}) == 1
    printed = capsys.readouterr()
    assert "| look |" in printed.out
    assert " FAILED |" in printed.out
    assert "never" not in printed.out
    assert "| second |" not in printed.out
    assert "ends with 3:\nwhat it printed" in printed.err


def test_a_part_alone_is_played_and_one_that_there_is_not_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts = {"first": fails, "second": goes_well}
    assert main(["second"], ENVIRON, parts) == 0
    with pytest.raises(SystemExit, match="2"):
        main(["third"], ENVIRON, parts)
    assert "there are first, second" in capsys.readouterr().err


def test_a_server_that_ends_without_telling_where_it_serves_is_told(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path, ENVIRON)
    with (
        pytest.raises(StepFailedError, match="did not tell where it serves:\nno port is free"),
        newcomer.leave_running("echo no port is free", r"on (http://\S+)"),
    ):
        pass


def test_a_newcomer_has_nothing_of_ours_in_the_environment() -> None:
    ours = {"LITMUS_AUTH_TOKEN": "t", "SIDECAR_KEY": "k", "PYTHONPATH": ".", "APP_CONFIG_litmus_baseUrl": "u"}
    assert newcomers_environ({**ours, **ENVIRON}) == ENVIRON
