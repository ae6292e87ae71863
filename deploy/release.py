"""Judge whether HEAD is the version that pyproject.toml says, and print what the changelog says of it.

``make release`` begins and ends with this. The version is written once, in
pyproject.toml; the tag of git, ``v`` before it, says which commit is that version.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def section(changelog: str, version: str) -> tuple[str, str] | None:
    """Return what stands in the heading behind the version, and the text below; ``None``: no such heading."""
    found = re.search(
        rf"^## \[{re.escape(version)}\] - ([^\n]+)\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    return None if found is None else (found[1].strip(), found[2].strip())


def unkept_schema(root: Path) -> str | None:
    """Return the newest migration of the store if no database of it is kept for the tests of upgrades."""
    migrations = sorted((root / "sidecar/store/migrations/versions").glob("s[0-9]*_*.py"))
    revision = migrations[-1].name[1:5] if migrations else None
    if revision is None or (root / f"tests/store/fixtures/{revision}.sqlite.sql").exists():
        return None
    return revision


def problems(version: str, tags: Collection[str], changed: Collection[str], changelog: str) -> Iterator[str]:
    """Yield a sentence for each reason why this is not the release of the version.

    Args:
        version: What pyproject.toml says.
        tags: Those at HEAD.
        changed: Files that are not as in HEAD.
        changelog: The whole text.
    """
    tag = f"v{version}"
    if tag not in tags:
        others = sorted(one for one in tags if re.match(r"v\d", one))
        has = f"the tag {', '.join(others)}" if others else "no tag of a version"
        yield f"pyproject.toml says version {version}, but HEAD has {has}; {tag} would be right."
    if changed:
        yield f"These files are not as in HEAD: {', '.join(sorted(changed))}. Commit or remove them."
    found = section(changelog, version)
    if found is None:
        yield f"CHANGELOG.md has no heading '## [{version}] - YYYY-MM-DD'."
    elif not _DATE.fullmatch(found[0]):
        yield f"CHANGELOG.md says '{found[0]}' of {version}; write the day of the release, YYYY-MM-DD."


def _git(root: Path, *arguments: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 - reads only
        ["git", "-C", str(root), *arguments],  # noqa: S607 - the developer's own
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def main(root: Path) -> int:
    """Print the section and return 0, or the problems and 1."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    changed = [line[3:] for line in _git(root, "status", "--porcelain")]
    found = list(problems(version, _git(root, "tag", "--points-at", "HEAD"), changed, changelog))
    if revision := unkept_schema(root):
        found.append(
            f"tests/store/fixtures has no database of migration {revision}; "
            "python -m tests.store.make_fixtures writes it."
        )
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201 - its answer
    if found:
        return 1
    _, text = section(changelog, version) or ("", "")
    print(text)  # noqa: T201 - its answer
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1]))
