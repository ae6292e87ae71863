"""Markdown pages as their parser reads them: links, anchors, paragraphs, tables."""

import functools
import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[2]
LONGEST_PARAGRAPH_LINES: Final = 5
LONGEST_LINE: Final = 120
_PARSER: Final = MarkdownIt("commonmark").enable("table")
_NOT_OURS: Final = frozenset({"node_modules", "build", "dist", "test-artefacts"})


@functools.cache
def repository_pages() -> tuple[Path, ...]:
    """Return every Markdown page of the repository, what others installed or left there aside."""
    return own_files(ROOT, ".md")


def own_files(folder: Path, ending: str) -> tuple[Path, ...]:
    """Return the files below a folder whose names end so, what others installed or left there aside."""
    found: list[Path] = []
    for at, below, files in os.walk(folder):
        # What npm installs has a hundred thousand files, and is not entered.
        below[:] = [name for name in below if _is_ours(name)]
        found += [Path(at, name) for name in files if name.endswith(ending) and _is_ours(name)]
    return tuple(sorted(found))


@functools.cache
def blocks_of(text: str) -> tuple[Token, ...]:
    """Return the blocks of a page; several tests ask about each while they are collected."""
    return tuple(_PARSER.parse(text))


def _is_ours(name: str) -> bool:
    return name == ".github" or not (name in _NOT_OURS or name.startswith("."))


def anchors(page: Path) -> set[str]:
    """Return what a link to a part of a page may end with, as GitHub makes it from headings."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    tokens = blocks_of(page.read_text())
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            slug = re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def targets(text: str) -> Iterator[str]:
    """Yield where the links and pictures of a page lead."""
    for child in _inline(text):
        for name in ("href", "src"):
            target = child.attrs.get(name)
            if target is not None:
                yield str(target)


def broken_links(page: Path) -> list[str]:
    """Return what is wrong with the links of a page; nothing is asked of the network."""
    return [fault for target in targets(page.read_text()) if (fault := _fault(page, target))]


def long_paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a page that are too long or too wide, each by its line and beginning."""
    lines = text.splitlines()
    found = []
    for token in blocks_of(text):
        if token.type != "paragraph_open" or token.map is None:
            continue
        first, last = token.map
        if last - first > LONGEST_PARAGRAPH_LINES or any(
            len(line) > LONGEST_LINE and not _cannot_be_broken(line) for line in lines[first:last]
        ):
            found.append(f"line {first + 1}: {lines[first]}")
    return found


def section(page: str, heading: str) -> str:
    """Return the text between a heading of a page, of the first or second level, and the next such."""
    marked = re.split(rf"^##? {re.escape(heading)}$", page, maxsplit=1, flags=re.MULTILINE)
    if len(marked) == 1:
        raise ValueError(f"There is no heading {heading!r}")
    return re.split(r"^##? ", marked[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """Return the first cell of every row of the tables, headings left out."""
    tokens = blocks_of(text)
    return [
        "".join(child.content for child in tokens[place + 2].children or ())
        for place, token in enumerate(tokens)
        if token.type == "tr_open" and tokens[place + 1].type == "td_open"
    ]


def code_blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [t.content for t in blocks_of(text) if t.type == "fence" and t.info == language]


def inline_code(text: str) -> Iterator[str]:
    """Yield what a page shows as code within a sentence or a cell."""
    yield from (child.content for child in _inline(text) if child.type == "code_inline")


def _inline(text: str) -> Iterator[Token]:
    for token in blocks_of(text):
        yield from token.children or ()


def _fault(page: Path, target: str) -> str | None:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        is_address = parts.scheme in {"http", "https"} and parts.hostname and "." in parts.hostname
        return None if is_address or parts.scheme == "mailto" else f"{target} is no address"
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not file.exists():
        return f"{target} leads to no file"
    if parts.fragment and (file.suffix != ".md" or parts.fragment not in anchors(file)):
        return f"{target} leads to no heading"
    return None


def _cannot_be_broken(line: str) -> bool:
    return " " not in line.strip().removeprefix("- ")
