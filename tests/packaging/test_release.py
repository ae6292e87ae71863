"""What is released is the commit that says so, and `make release` sends nothing anywhere."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.packaging.test_docs import ROOT

pytestmark = pytest.mark.service

RELEASED: Final = """\
# Changelog

## [1.2.3] - 2026-11-30

### Added

- A thing.

## [1.2.2] - 2026-10-01

- Older.
"""


class Checkout:
    """A repository of one commit, which is released as 1.2.3 unless a test changes it."""

    def __init__(self, root: Path, git: str) -> None:
        self.root = root
        self._git = git
        self.git("init", "--quiet")
        self.write("pyproject.toml", '[project]\nname = "thing"\nversion = "1.2.3"\n')
        self.write("CHANGELOG.md", RELEASED)

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def git(self, *arguments: str) -> None:
        identity = (
            "-c",
            "user.name=Nobody",
            "-c",
            "user.email=nobody@example.com",
            "-c",
            "commit.gpgsign=false",
        )
        subprocess.run([self._git, "-C", str(self.root), *identity, *arguments], check=True)  # noqa: S603

    def commit(self, *tags: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "All")
        for tag in tags:
            self.git("tag", tag)

    def judged(self) -> tuple[int, str, list[str]]:
        """Return the exit code, what is printed, and the problems."""
        done = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, str(ROOT / "deploy/release.py"), str(self.root)],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.splitlines()


@pytest.fixture
def checkout(tmp_path: Path, program: Callable[[str, str], str]) -> Checkout:
    return Checkout(tmp_path, program("git", "git"))


def test_commit_with_tag_and_changelog_of_its_version_is_released(checkout: Checkout) -> None:
    checkout.commit("v1.2.3", "some-other-tag")
    assert checkout.judged() == (0, "### Added\n\n- A thing.\n", [])


def test_tag_of_another_version_is_refused(checkout: Checkout) -> None:
    checkout.commit("v1.3.0")
    code, printed, (problem,) = checkout.judged()
    assert (code, printed) == (1, "")
    assert "version 1.2.3, but HEAD has the tag v1.3.0" in problem


def test_every_reason_is_told_at_once(checkout: Checkout) -> None:
    checkout.write("CHANGELOG.md", RELEASED.replace("2026-11-30", "unreleased"))
    checkout.commit()
    checkout.write("pyproject.toml", '[project]\nname = "thing"\nversion = "1.2.3"\ndescription = "x"\n')
    checkout.write("left-over.py", "")
    code, printed, (untagged, changed, undated) = checkout.judged()
    assert (code, printed) == (1, "")
    assert "no tag of a version; v1.2.3 would be right" in untagged
    assert "left-over.py, pyproject.toml" in changed
    assert "'unreleased'" in undated


def test_changelog_without_the_version_is_refused(checkout: Checkout) -> None:
    checkout.write("CHANGELOG.md", RELEASED.replace("1.2.3", "1.2x3"))
    checkout.commit("v1.2.3")
    code, _, (problem,) = checkout.judged()
    assert code == 1
    assert "## [1.2.3] - YYYY-MM-DD" in problem


def test_schema_that_no_test_of_upgrades_knows_is_refused(checkout: Checkout) -> None:
    (checkout.root / "sidecar/store/migrations/versions").mkdir(parents=True)
    (checkout.root / "tests/store/fixtures").mkdir(parents=True)
    for name in ("s0001_first", "s0002_second"):
        checkout.write(f"sidecar/store/migrations/versions/{name}.py", "")
    checkout.write("tests/store/fixtures/0001.sqlite.sql", "")
    checkout.commit("v1.2.3")
    code, _, (problem,) = checkout.judged()
    assert code == 1
    assert "no database of migration 0002" in problem


def test_release_is_judged_first_checked_and_neither_signed_nor_uploaded(
    program: Callable[[str, str], str],
) -> None:
    planned = subprocess.run(  # noqa: S603 - only prints what would be done
        [program("make", "make"), "--dry-run", "--old-file", ".venv/.dev", "release"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    own = [line for line in planned.splitlines() if "make[" not in line]
    assert "deploy/release.py" in own[0]
    assert "deploy/release.py" in own[-1]
    assert "twine check --strict dist/*" in planned
    assert "cyclonedx-py" in planned
    assert not any(word in planned for word in ("upload", "gpg", "cosign", "sigstore", "git push"))
