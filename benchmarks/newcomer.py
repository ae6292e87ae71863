"""A newcomer at a shell, and a clock: from nothing to the first page, and to the answers of the plugin.

``make newcomer``, or ``python -m benchmarks.newcomer [clone] [wheel] [--cold] [--json FILE]``, types what the
README and the tutorial say, in a temporary directory:

- ``clone``: a fresh clone of what is committed here, ``make demo``, the first page;
- ``wheel``: the wheel of that clone in an environment of its own, ``demo``, the first page; then ``init``,
  ``check`` and ``serve`` at a Litmus, for which the simulator stands, to the five answers of the plugin.

It prints each step with its seconds and the sum, and ends with 1 if a step fails. Packages come from the
index that pip is set up for; with ``--cold`` nothing from pip's cache. What needs no index is played by
``tests/packaging/test_wheel.py``.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, Final

import msgspec

from tests.replica.documents import QUERIES

ROOT: Final = Path(__file__).parents[1]
LONGEST_SECONDS: Final = 600.0
"""How long a command may take, or a server until it tells its address."""
_SHOWN_LINES: Final = 20
_OWN: Final = ("APP_CONFIG_", "LITMUS_", "MAKE", "PYTHON", "SIDECAR_", "VIRTUAL_ENV")
"""What a newcomer's environment has nothing of."""


class StepFailedError(Exception):
    """A command ended with an error, told nothing, or was not what the pages promise; the text says which."""


@dataclass(frozen=True)
class Step:
    """Something that the newcomer did."""

    name: str
    seconds: float
    is_done: bool


@dataclass
class Running:
    """A server that was left running."""

    told: tuple[str, ...]
    """What was looked for in what it printed, group by group."""
    code: int | None = None
    """Its exit code, once it was ended."""


@dataclass
class Newcomer:
    """Somebody who types commands in a directory."""

    directory: Path
    environ: Mapping[str, str]
    steps: list[Step] = field(default_factory=list)
    printed: str = ""
    """What commands printed that ended well."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note how long something takes, whether it succeeds or not."""
        began = time.perf_counter()
        is_done = False
        try:
            yield
            is_done = True
        finally:
            self.steps.append(Step(name, time.perf_counter() - began, is_done))

    def type(self, line: str, **environ: str) -> None:
        """Run a line to its end.

        Raises:
            StepFailedError: If it ends with an error.
        """
        with self._started(line, environ) as process:
            try:
                printed, _ = process.communicate(timeout=LONGEST_SECONDS)
            except BaseException as exc:
                _signal(process, signal.SIGKILL)
                if isinstance(exc, subprocess.TimeoutExpired):
                    raise StepFailedError(f"{line!r} does not end") from None
                raise
        if process.returncode != 0:
            raise StepFailedError(f"{line!r} ends with {process.returncode}:\n{_last(printed.splitlines())}")
        self.printed += printed

    @contextmanager
    def leave_running(self, line: str, telling: str, **environ: str) -> Iterator[Running]:
        """Start a server, go on once it tells what a pattern finds, and end it in the end.

        Raises:
            StepFailedError: If it ends, or tells nothing for too long.
        """
        with self._started(line, environ) as process:
            try:
                running = Running(_told(process, line, telling))
                yield running
            except BaseException:
                _signal(process, signal.SIGKILL)
                raise
            running.code = _ended(process)

    def _started(self, line: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
        """Start a line, with all that it starts in a group of its own."""
        return subprocess.Popen(  # noqa: S603 - what the pages say
            ["bash", "-c", line],  # noqa: S607 - the newcomer's own
            cwd=self.directory,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def _told(process: subprocess.Popen[str], line: str, telling: str) -> tuple[str, ...]:
    """Read what a server prints, to its end; return as soon as the pattern is found."""
    found: Queue[tuple[str, ...] | None] = Queue()
    printed: deque[str] = deque(maxlen=_SHOWN_LINES)

    def read() -> None:
        for one in process.stdout or ():
            printed.append(one.rstrip("\n"))
            if match := re.search(telling, one):
                found.put(match.groups())
        found.put(None)

    Thread(target=read, daemon=True).start()
    try:
        told = found.get(timeout=LONGEST_SECONDS)
    except Empty:
        told = None
    if told is None:
        raise StepFailedError(f"{line!r} did not tell where it serves:\n{_last(list(printed))}")
    return told


def _ended(process: subprocess.Popen[str]) -> int:
    """End a server as whoever stops it does, and return its exit code."""
    _signal(process, signal.SIGTERM)
    return process.wait(LONGEST_SECONDS)


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def _last(lines: Sequence[str]) -> str:
    return "\n".join(lines[-_SHOWN_LINES:])


def look_at(url: str) -> str:
    """Return a page.

    Raises:
        StepFailedError: If it is not answered with 200.
    """
    try:
        with urllib.request.urlopen(url, timeout=LONGEST_SECONDS) as response:  # noqa: S310 - our own
            return str(response.read().decode())
    except OSError as error:
        raise StepFailedError(f"{url} is not answered: {error}") from None


def ask(url: str, key: str, document: str, project_id: str) -> dict[str, Any]:
    """Return the data of an answer to the plugin, which shows nothing else before the first was read.

    Raises:
        StepFailedError: If there is none for too long.
    """
    body = json.dumps({"query": document, "variables": {"projectID": project_id, "request": {}}}).encode()
    headers = {"Content-Type": "application/json", "X-Litmus-Sidecar-Key": key}
    request = urllib.request.Request(f"{url}/api/query", body, headers)  # noqa: S310 - our own
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=LONGEST_SECONDS) as response:  # noqa: S310 - our own
                answer = json.load(response)
        except OSError as error:
            raise StepFailedError(f"The plugin gets no answer: {error}") from None
        if not answer.get("errors"):
            data: dict[str, Any] = answer["data"]
            return data
        # The service waits for its first synchronisation itself, up to 15 s each time.
        if time.monotonic() > deadline or answer["errors"][0]["extensions"]["code"] != "not_ready":
            raise StepFailedError(f"The plugin shows: {answer['errors'][0]['message']}")


def to_the_demo(newcomer: Newcomer, line: str, name: str) -> Running:
    """Start the demonstration and open its first page; return it once it was ended."""
    with ExitStack() as running:
        with newcomer.step(name):
            demo = running.enter_context(newcomer.leave_running(line, r"demo on (http://\S+)"))
        with newcomer.step("open the first page"):
            page = look_at(f"{demo.told[0]}/litmus")
            if "/litmus/entities/" not in page:
                raise StepFailedError("The first page has no entity")
    return demo


@dataclass(frozen=True)
class Served:
    """What the newcomer has in the end: a service that answers the plugin."""

    url: str
    key: str = field(repr=False)
    answers: tuple[dict[str, Any], ...]
    """The data of each answer, in the order in which the plugin asks."""


@contextmanager
def at_their_litmus(newcomer: Newcomer, **environ: str) -> Iterator[Served]:
    """From an address and a token of Litmus to the plugin's answers; it goes on to serve until left.

    ``environ`` is for what a newcomer does not set: any free port, say.
    """
    theirs = newcomer.leave_running("exec litmus-sidecar simulator --port 0", r"default: (\S+) token: (\S+)")
    with ExitStack() as running:
        url, token = running.enter_context(theirs).told
        files = "--write app-config.litmus.yaml --write-env litmus.env"
        with newcomer.step("litmus-sidecar init"):
            newcomer.type(
                f"litmus-sidecar init --litmus {url} --catalog-file catalog-info.yaml {files}",
                LITMUS_AUTH_TOKEN=token,
            )
        config = "--config app-config.litmus.yaml"
        with newcomer.step("litmus-sidecar check"):
            newcomer.type(f". ./litmus.env && litmus-sidecar check {config}", **environ)
        with newcomer.step("litmus-sidecar serve"):
            serve = f". ./litmus.env && exec litmus-sidecar serve {config}"
            serving = newcomer.leave_running(serve, r"Serving on (http://\S+)", **environ)
            served = running.enter_context(serving).told[0]
        key, project = key_and_project(newcomer.directory)
        with newcomer.step("the plugin's five answers"):
            answers = tuple(ask(served, key, document, project) for document in QUERIES)
        yield Served(served, key, answers)


def key_and_project(directory: Path) -> tuple[str, str]:
    """Return the key that ``init`` made for Backstage, and the id of the first project that it named."""
    key = re.search(r"^export SIDECAR_KEY=(\S+)$", (directory / "litmus.env").read_text(), re.MULTILINE)
    project = re.search(r"litmuschaos\.io/project-id: (\S+)", (directory / "catalog-info.yaml").read_text())
    if key is None or project is None:
        raise StepFailedError("init wrote no key, or no project")
    return key[1], project[1].strip("'\"")


def play_clone(newcomer: Newcomer) -> None:
    """From a fresh clone to the first page."""
    clone(newcomer)
    to_the_demo(newcomer, "cd litmus-sidecar && exec make demo PORT=0", "make demo, until it serves")


def clone(newcomer: Newcomer) -> None:
    """Clone what is committed here."""
    with newcomer.step("git clone"):
        newcomer.type(f"git clone --quiet '{ROOT}' litmus-sidecar")


def play_wheel(newcomer: Newcomer) -> None:
    """From the built wheel to the first page, and to the answers of the plugin."""
    if not (newcomer.directory / "litmus-sidecar").exists():
        clone(newcomer)
    with newcomer.step("pip wheel"):
        newcomer.type("python3 -m pip wheel --quiet --no-deps --wheel-dir wheels ./litmus-sidecar")
    with newcomer.step("pip install, into an environment of its own"):
        newcomer.type("python3 -m venv environment && environment/bin/pip install --quiet wheels/*.whl")
    path = f"{newcomer.directory}/environment/bin:{newcomer.environ['PATH']}"
    installed = Newcomer(newcomer.directory, {**newcomer.environ, "PATH": path}, newcomer.steps)
    to_the_demo(installed, "exec litmus-sidecar demo --port 0", "litmus-sidecar demo, until it serves")
    with at_their_litmus(installed, APP_CONFIG_litmusSidecar_listen_port="0"):
        pass


Part = Callable[[Newcomer], None]
PARTS: Final[Mapping[str, Part]] = {"clone": play_clone, "wheel": play_wheel}


def table(parts: Mapping[str, Sequence[Step]]) -> str:
    """Return what was done, with its seconds, as Markdown."""
    lines = ["| from | step | seconds |", "| --- | --- | --- |"]
    for name, steps in parts.items():
        lines += [
            f"| {name} | {one.name} | {one.seconds:.1f}{'' if one.is_done else ' FAILED'} |" for one in steps
        ]
        lines.append(f"| {name} | **sum** | **{sum(one.seconds for one in steps):.1f}** |")
    return "\n".join(lines)


def play(parts: Mapping[str, Part], environ: Mapping[str, str], directory: Path) -> dict[str, list[Step]]:
    """Play parts one after the other, to the first step that fails, whose reason goes to standard error."""
    played: dict[str, list[Step]] = {}
    for name, part in parts.items():
        newcomer = Newcomer(directory, environ, played.setdefault(name, []))
        try:
            part(newcomer)
        except StepFailedError as error:
            sys.stderr.write(f"error: {error}\n")
            break
    return played


def newcomers_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what of an environment somebody has who never saw the project."""
    return {name: value for name, value in environ.items() if not name.startswith(_OWN)}


def main(argv: Sequence[str], environ: Mapping[str, str], parts: Mapping[str, Part] = PARTS) -> int:
    """Play, print the table, and return the exit code: 1 if a step failed."""
    parser = argparse.ArgumentParser(prog="newcomer", description="Play the newcomer, with a clock.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all if none is named")
    parser.add_argument("--cold", action="store_true", help="take nothing from pip's cache")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the steps as JSON")
    given = parser.parse_args(argv)
    if unknown := set(given.parts) - set(parts):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    cold = {"PIP_NO_CACHE_DIR": "1"} if given.cold else {}
    with tempfile.TemporaryDirectory(prefix="litmus-sidecar-newcomer-") as directory:
        chosen = {name: part for name, part in parts.items() if name in (given.parts or parts)}
        played = play(chosen, {**newcomers_environ(environ), **cold}, Path(directory))
    sys.stdout.write(f"{table(played)}\n")
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(played), indent=2))
    return 0 if all(one.is_done for steps in played.values() for one in steps) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
