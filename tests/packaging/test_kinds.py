"""The tests themselves: each says the rule that it holds, and has exactly the marks of what it needs."""

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.kinds import NEEDS, TESTS, StartedByFastTestError, spread
from tests.support.markdown import own_files

FILES: Final = [path for path in own_files(TESTS, ".py") if path.name.startswith("test_")]
MARKS: Final = {"fast", *NEEDS}
FILES_OF_THREE: Final = ["fast", "service", "fast", "browser", "fast", "service", "fast", "fast"]
"""What the tests of each need."""


class Nothing(pytest.Item):
    """A test that is only collected."""

    def runtest(self) -> None:
        raise NotImplementedError


def marks_of(item: pytest.Item) -> set[str]:
    return {one.name for one in item.iter_markers()} & MARKS


def items_of(request: pytest.FixtureRequest) -> list[pytest.Item]:
    """Return all tests that were collected; with a selection on the command line these are fewer."""
    return request.session.items


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_every_file_of_tests_opens_with_the_rule_it_holds(path: Path) -> None:
    rule = ast.get_docstring(ast.parse(path.read_text()))
    assert rule, "begin with a docstring that says what these tests hold"
    assert rule.partition("\n")[0].endswith("."), rule


def test_every_test_is_either_fast_or_says_what_it_needs(request: pytest.FixtureRequest) -> None:
    for item in items_of(request):
        marks = marks_of(item)
        assert marks == {"fast"} or (marks and "fast" not in marks), item.nodeid


def test_whoever_uses_a_browser_or_a_database_server_is_marked_and_nobody_else(
    request: pytest.FixtureRequest,
) -> None:
    for item in items_of(request):
        assert isinstance(item, pytest.Function)
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        uses = {"browser", "postgres"} & {*item.fixturenames}
        if "postgresql" in values:
            uses.add("postgres")
        assert marks_of(item) & {"browser", "postgres"} == uses, item.nodeid


def test_whoever_tests_the_whole_service_is_marked(request: pytest.FixtureRequest) -> None:
    for item in items_of(request):
        if item.path.is_relative_to(TESTS / "e2e"):
            assert "service" in marks_of(item), item.nodeid


def test_a_fast_test_is_refused_every_process() -> None:
    with pytest.raises(StartedByFastTestError):
        subprocess.run([sys.executable, "--version"], check=False)


@pytest.mark.service
def test_a_test_of_a_service_may_start_processes() -> None:
    done = subprocess.run([sys.executable, "--version"], check=False, capture_output=True)
    assert done.returncode == 0


def collected(request: pytest.FixtureRequest, needs: Sequence[str]) -> list[pytest.Item]:
    """Return tests as they are collected, three of each file; ``needs``: those of each file."""
    items: list[pytest.Item] = []
    for number, mark in enumerate(needs):
        for name in "abc":
            item = Nothing.from_parent(request.session, name=f"{number}{name}", path=TESTS / f"{number}.py")
            item.add_marker(mark)
            items.append(item)
    return items


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_worker_is_given_slow_files_first_and_fast_tests_last(
    request: pytest.FixtureRequest, workers: int
) -> None:
    items = collected(request, FILES_OF_THREE)
    spread_out = [*items]
    spread(spread_out, workers)
    assert sorted(item.name for item in spread_out) == [item.name for item in items]
    size = len(items) // workers
    for begin in range(0, len(items), size):
        are_fast = ["fast" in marks_of(item) for item in spread_out[begin : begin + size]]
        assert are_fast == sorted(are_fast)
        assert {*are_fast} == {False, True}


def test_two_of_six_workers_start_a_browser_and_two_others_a_database_server(
    request: pytest.FixtureRequest,
) -> None:
    spread_out = collected(request, ["service", "browser", "postgres", "service", "fast", "fast"] * 6)
    spread(spread_out, 6)
    size = len(spread_out) // 6
    needs = [
        {need for item in spread_out[begin : begin + size] for need in marks_of(item)}
        for begin in range(0, len(spread_out), size)
    ]
    assert needs == [
        *[{"browser", "service", "fast"}] * 2,
        *[{"postgres", "service", "fast"}] * 2,
        *[{"service", "fast"}] * 2,
    ]
