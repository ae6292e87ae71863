"""Every page can be followed and read: links lead somewhere, paragraphs are short, no page is lost."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.markdown import ROOT, anchors, broken_links, long_paragraphs, repository_pages, targets

pytestmark = pytest.mark.service

PAGES: Final = repository_pages()
PROSE: Final = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""The changelog is a list to search in; the rest is read."""
INDEX: Final = ROOT / "docs/README.md"
TOLD_PLACES: Final = re.compile(r"\b(?:docs|deploy|requirements)/[\w/.-]*\w\.(?:md|py|ya?ml|json|txt)\b")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PROSE, ids=name_of)
def test_no_paragraph_is_long(page: Path) -> None:
    assert long_paragraphs(page.read_text()) == []


def test_every_page_of_the_documentation_is_reached_from_its_index() -> None:
    listed = {
        (INDEX.parent / target.partition("#")[0]).resolve()
        for target in targets(INDEX.read_text())
        if "://" not in target
    }
    assert {page for page in (ROOT / "docs").rglob("*.md") if page != INDEX} <= listed


def test_every_file_of_ours_that_code_and_settings_mention_is_there() -> None:
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    missing = {
        f"{name}: {place}"
        for name in told.stdout.splitlines()
        if Path(name).suffix in {".py", ".yaml", ".toml", ".html", ".yml", ""} and (ROOT / name).is_file()
        for place in TOLD_PLACES.findall((ROOT / name).read_text())
        if not (ROOT / place).is_file()
    }
    assert missing == set()


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# What's `asOf`, and why?\n\n## Twice\n\n## Twice\n\n```\n# no heading\n```\n")
    assert anchors(page) == {"whats-asof-and-why", "twice", "twice-1"}


@pytest.mark.parametrize(
    "link",
    ["there.md#heading", "#here", "https://example.com/x?y#z", "mailto:a@example.com", "there.md", "."],
)
def test_a_good_link_is_no_fault(link: str, tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Heading\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n[text]({link})\n")
    assert broken_links(page) == []


@pytest.mark.parametrize(
    "text",
    [
        "[text](gone.md)",
        "[text](there.md#gone)",
        "[text](#gone)",
        "![picture](gone.png)",
        "[text][name]\n\n[name]: gone.md",
        "[text](https:///no-host)",
        "[text](htps://example.com)",
        "| table |\n| --- |\n| [text](gone.md) |",
    ],
)
def test_a_bad_link_is_a_fault(text: str, tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Heading\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n{text}\n")
    assert len(broken_links(page)) == 1


@pytest.mark.parametrize("text", ["line\n" * 6, "- " + "  line\n" * 6, "> line\n" * 6, "long words " * 20])
def test_a_long_paragraph_is_found(text: str) -> None:
    assert len(long_paragraphs(text)) == 1


@pytest.mark.parametrize(
    "text", ["line\n" * 5, "- line\n" * 9, "```\n" + "line\n" * 9 + "```", "| a |\n| --- |\n" + "| b |\n" * 9]
)
def test_lists_and_code_of_any_length_are_no_paragraph(text: str) -> None:
    assert long_paragraphs(text) == []
