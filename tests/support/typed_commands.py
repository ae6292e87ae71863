"""What the pages tell people to type, command by command.

A fenced block of a shell's language is typed, and so is every indented block;
what is only to be read has a fence with its own language.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Final

from tests.support.markdown import ROOT, blocks_of, inline_code, repository_pages

SHELLS: Final = frozenset({"bash", "console", "sh", "shell"})
PROGRAM: Final = "litmus-sidecar"
PAGES: Final = tuple(page for page in repository_pages() if page.name != "CHANGELOG.md")
NOTES: Final = ROOT / "deploy/helm/litmus-sidecar/templates/NOTES.txt"
"""What the chart prints once it is installed; what is to be typed is indented there."""
_COMMENT: Final = re.compile(r"""((?:[^\s'"#]|'[^']*'|"[^"]*"|\s+(?!#)|(?<=\S)#)*)""")
_OF_OTHERS: Final = re.compile(r"^\$ ")
_SETS: Final = re.compile(r"[A-Z_]+=")
_OPERATORS: Final = re.compile(r"[|&;<>()$`]")


@dataclass(frozen=True)
class Typed:
    """A command of a page, which may be of several lines."""

    page: Path
    """Below the root of the repository."""
    line: str
    """Without comments and prompts, broken lines joined."""

    @property
    def is_plain(self) -> bool:
        """Tell whether it is our command alone, with nothing that only a shell understands."""
        return not _OPERATORS.search(self.line) and self.words[:1] == [PROGRAM]

    @property
    def words(self) -> list[str]:
        """The words of a line, after the variables that are set for it."""
        return list(dropwhile(_SETS.match, shlex.split(self.line)))

    @property
    def variables(self) -> dict[str, str]:
        """What is set for this line alone."""
        pairs = (word.split("=", 1) for word in takewhile(_SETS.match, shlex.split(self.line)))
        return {name: value for name, value in pairs}  # noqa: C416 - says which is which


def typed_commands() -> list[Typed]:
    """Return every command that the pages, and the notes of the chart, tell to type, in their order."""
    found = [Typed(page.relative_to(ROOT), line) for page in PAGES for line in commands_of(page.read_text())]
    return [*found, *(Typed(NOTES.relative_to(ROOT), line) for line in _noted(NOTES.read_text()))]


def commands_of(text: str) -> list[str]:
    """Return the commands of a Markdown page."""
    blocks = (
        token.content
        for token in blocks_of(text)
        if token.type == "code_block" or (token.type == "fence" and token.info in SHELLS)
    )
    return [line for block in blocks for line in split(block)]


def unnamed_fences(text: str) -> list[str]:
    """Return the first line of each fenced block that does not say its language."""
    return [
        token.content.partition("\n")[0]
        for token in blocks_of(text)
        if token.type == "fence" and not token.info
    ]


def split(block: str) -> Iterator[str]:
    """Yield the commands of a block; a function is one, from its name to its closing brace."""
    waiting = ""
    for raw in block.splitlines():
        waiting += _OF_OTHERS.sub("", raw)
        if waiting.endswith("\\"):
            waiting = re.sub(r"\s*\\$", " ", waiting)
            continue
        if _is_open(waiting):
            waiting += "\n"
            continue
        if line := _without_comment(waiting):
            yield line
        waiting = ""
    if waiting.strip():
        raise ValueError(f"This block ends within a command: {waiting}")


def _is_open(text: str) -> bool:
    if re.match(r"\w+\(\) \{", text):
        return not text.endswith("\n}")
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


def _without_comment(text: str) -> str:
    found = _COMMENT.match(text) if "\n" not in text else None
    return re.sub(r" {2,}", " ", (text if found is None else found[1]).strip())


def mentioned_lines() -> list[Typed]:
    """Return the lines of our own command that stand within sentences, arguments included."""
    return [
        Typed(page.relative_to(ROOT), code)
        for page in PAGES
        for code in inline_code(page.read_text())
        if code.startswith(f"{PROGRAM} ")
    ]


def _noted(text: str) -> Iterator[str]:
    filled = re.sub(r'\{\{ include "[\w.-]+" \. \}\}', PROGRAM, text)
    filled = filled.replace("{{ .Release.Namespace }}", "portal")
    # A range goes on in the line before it.
    filled = re.sub(r"\n\{\{- range [^}]*\}\}(.*?)\{\{ end \}\}", r"\1", filled)
    filled = re.sub(r"\{\{ \.(\w+) \}\}", r"<\1>", filled)
    for line in filled.splitlines():
        if line.startswith("  "):
            yield line.strip()
