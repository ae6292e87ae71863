"""What a test needs, and so which loop it belongs to, by where it lies and by the fixtures that it uses.

``fast`` is what starts no process and no whole service; the others say what it
needs: a ``service``, a ``browser``, ``postgres``. Nobody has to mark a test,
but for one outside of ``tests/e2e`` that starts processes by itself (as
``fast`` it would be refused its first one) or computes for seconds.
"""

import functools
import sys
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Final

# Starts a process when it is imported, which else is within whichever test needs it first.
import croniter  # noqa: F401
import pytest

TESTS: Final = Path(__file__).parents[1]
WHOLE: Final = (TESTS / "e2e", TESTS / "benchmarks")
"""Where every test starts a service."""
NEEDS: Final = ("service", "browser", "postgres")
STARTED_BY_FEW: Final = ("browser", "postgres")
"""What takes seconds to start, once in each worker."""

_under_way: set[str] = set()


class StartedByFastTestError(Exception):
    """A test that was to be fast starts a process."""

    def __init__(self) -> None:
        super().__init__("a fast test starts no process: give it the mark 'service'")


@functools.cache
def _is_whole(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in WHOLE)


def needs_of(item: pytest.Item) -> set[str]:
    """Return what a test needs beside the interpreter; none for a fast one."""
    fixtures: set[str] = set(getattr(item, "fixturenames", ()))
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec is not None else ()
    needs = {mark.name for mark in item.iter_markers("service")}
    if "program" in fixtures or _is_whole(item.path):
        needs.add("service")
    if "browser" in fixtures:
        needs.add("browser")
    # The parameter of a fixture that takes a database only once it knows which.
    if "postgres" in fixtures or any(value == "postgresql" for value in values):
        needs.add("postgres")
    return needs


def mark(items: list[pytest.Item]) -> None:
    """Give each test the marks of what it needs, or ``fast``."""
    for item in items:
        given = {one.name for one in item.iter_markers()}
        for name in (needs_of(item) or {"fast"}) - given:
            item.add_marker(name)


def spread(items: list[pytest.Item], workers: int) -> None:
    """Have each worker begin with files that are not all fast, and end with fast tests.

    Each is given as many of the items, in their order, and whoever has none left takes some of the last that
    another one has: fast ones end together. Not every worker starts a browser and a database server.
    """
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    slow_files = [tests for tests in files if not all(item.get_closest_marker("fast") for item in tests)]
    slow = {item.path for tests in slow_files for item in tests}
    fast = iter([item for item in items if item.path not in slow])
    dealt: list[list[list[pytest.Item]]] = [[] for _ in range(workers)]
    # What not everybody may have comes first, and the others make up for it.
    for tests in sorted(slow_files, key=lambda tests: len(_takers(tests, workers))):
        min((dealt[number] for number in _takers(tests, workers)), key=len).append(tests)
    spread_out: list[pytest.Item] = []
    for number, own in enumerate(dealt, 1):
        spread_out += chain.from_iterable(own)
        end = len(items) * number // workers
        spread_out += islice(fast, max(0, end - len(spread_out)))
    items[:] = [*spread_out, *fast]


def _takers(tests: list[pytest.Item], workers: int) -> range:
    """Return the workers that may be given a file: a third of them if it needs what starts slowly."""
    third = max(1, workers // 3)
    for place, need in enumerate(STARTED_BY_FEW):
        if any(item.get_closest_marker(need) for item in tests):
            return range(workers)[place * third : (place + 1) * third] or range(workers)
    return range(workers)


def begin(item: pytest.Item) -> None:
    """Note what the test that begins may start."""
    _under_way.clear()
    _under_way.update(one.name for one in item.iter_markers())


def end() -> None:
    """Note that no test is under way."""
    _under_way.clear()


def _watch(event: str, _arguments: object) -> None:
    if event == "subprocess.Popen" and "fast" in _under_way:
        raise StartedByFastTestError


def watch_processes() -> None:
    """Refuse processes to fast tests from now on, to the end of the interpreter."""
    sys.addaudithook(_watch)
