"""What helps people work here says what is so: targets of make, hooks, editors' settings, templates."""

import configparser
import itertools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.packaging.test_docs import PYPROJECT, ROOT
from tests.support.deployed import load
from tests.support.locks import read_lock
from tests.support.markdown import LONGEST_LINE

pytestmark = pytest.mark.service

Program = Callable[[str, str], str]
HOOKS: Final[list[dict[str, Any]]] = [
    hook for repo in load(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
]
DISTRIBUTIONS: Final = {"ruff": "ruff", "mypy": "mypy", "lint-imports": "import-linter"}
"""Which distribution brings a program that a hook runs."""
FORMS: Final = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))


def said(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return done.stdout


def tracked() -> list[Path]:
    """Return the text files of ours."""
    return [
        ROOT / name
        for name in said("git", "ls-files").splitlines()
        if (ROOT / name).is_file() and (ROOT / name).suffix not in {".png", ".ico", ".json", ".svg"}
    ]


def test_make_alone_lists_every_target_with_a_sentence(program: Program) -> None:
    make = program("make", "make")
    listed = re.findall(r"^ +make (\w+) +\S.+$", said(make), re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(phony.split())
    assert said(make) == said(make, "help")


def test_every_hook_runs_a_locked_tool_of_this_environment() -> None:
    """No hook has a version of its own that could be another one than that of CI."""
    repos = [repo["repo"] for repo in load(ROOT / ".pre-commit-config.yaml")["repos"]]
    assert set(repos) == {"local"}
    locked = {pin.name for pin in read_lock("dev")}
    for hook in HOOKS:
        place, _, program = hook["entry"].split()[0].rpartition("/")
        if program != "git":
            assert place == ".venv/bin"
            assert DISTRIBUTIONS[program] in locked


def test_the_hooks_run_the_linters_that_make_test_runs(program: Program) -> None:
    planned = said(program("make", "make"), "--dry-run", "test")
    programs = re.findall(r"^\.venv/bin/(?!pytest|python)(.+)$", planned, re.MULTILINE)
    linters = {program.removesuffix(" --check") for program in programs}
    run = {re.sub(r" --.*$", "", hook["entry"]).removeprefix(".venv/bin/") for hook in HOOKS}
    assert linters == {"ruff check", "ruff format", "mypy", "lint-imports"}
    assert linters <= run


def test_editors_are_told_the_widths_that_linters_hold() -> None:
    settings = configparser.ConfigParser()
    settings.read_string("[top]\n" + (ROOT / ".editorconfig").read_text())
    assert settings.getint("*.py", "max_line_length") == PYPROJECT["tool"]["ruff"]["line-length"]
    assert settings.getint("*.md", "max_line_length") == LONGEST_LINE


def test_files_are_as_editors_are_told_to_leave_them() -> None:
    wrong = [
        path
        for path in tracked()
        if (text := path.read_bytes().decode())
        and (not text.endswith("\n") or re.search(r"[ \t\r]$", text, re.MULTILINE))
    ]
    assert wrong == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_asks_each_question_once(form: Path) -> None:
    content = load(form)
    ids = [field["id"] for field in content["body"] if field["type"] != "markdown"]
    assert {"name", "description", "body"} <= content.keys()
    assert ids
    assert len(ids) == len(set(ids))


def test_what_is_to_be_renewed_is_where_the_bot_looks() -> None:
    looked = {
        update["package-ecosystem"]: ROOT / update["directory"].strip("/")
        for update in load(ROOT / ".github/dependabot.yml")["updates"]
    }
    assert (looked["docker"] / "Dockerfile").is_file()
    assert any(looked["pip"].glob("*.txt"))


def test_the_example_of_owners_names_places_that_there_are() -> None:
    lines = (ROOT / ".github/CODEOWNERS.example").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(owner.startswith("@") for owner in itertools.chain(*(rule[1:] for rule in rules)))
    assert [place for place, *_ in rules if place != "*" and not (ROOT / place.strip("/")).exists()] == []
