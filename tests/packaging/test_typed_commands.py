"""Every command of the pages can be typed: ours parse, and each is played or has its reason why not."""

import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import Final

import click
import pytest

from sidecar.cli.main import commands
from tests.packaging.commands_elsewhere import NOT_TYPED, PLAYED
from tests.support.markdown import ROOT
from tests.support.typed_commands import (
    PAGES,
    PROGRAM,
    Typed,
    commands_of,
    mentioned_lines,
    split,
    typed_commands,
    unnamed_fences,
)

TYPED: Final = typed_commands()


def ours(typed: Typed) -> list[str] | None:
    """Return what is given to our command, where a line runs it, by itself or through another program."""
    words = typed.words
    for place, word in enumerate(words):
        given = list(takewhile(lambda one: one[0] not in ">|;&", words[place + 1 :]))
        if Path(word).name == PROGRAM and (place == 0 or set(given[:1]) & set(commands.commands)):
            return given
    return None


def parsed(words: list[str]) -> None:
    """Parse a line as the program does, and run nothing.

    Raises:
        click.ClickException: If the program would refuse it.
    """
    command: click.Command = commands
    context: click.Context | None = None
    while isinstance(command, click.Group):
        name, inner, rest = command.resolve_command(click.Context(command, info_name=PROGRAM), words)
        assert inner is not None
        assert name is not None
        command, words = inner, rest
        if not isinstance(command, click.Group):
            context = command.make_context(name, list(words), obj={})
    assert context is not None


def test_every_line_of_our_own_command_parses() -> None:
    lines = [(typed, words) for typed in TYPED if (words := ours(typed)) is not None]
    assert len(lines) >= 20
    for typed, words in lines:
        try:
            parsed(words)
        except click.ClickException as error:
            pytest.fail(f"{typed.page}: {typed.line}: {error.format_message()}")


def test_what_a_sentence_mentions_of_our_own_command_parses() -> None:
    for typed in mentioned_lines():
        words = typed.words[1:]
        is_name_alone = all(re.fullmatch(r"[a-z]+(?:-[a-z]+)*", word) for word in words)
        try:
            parsed([*words, "--help"] if is_name_alone else words)
        except click.exceptions.Exit:
            pass  # what --help and --version do
        except click.ClickException as error:
            pytest.fail(f"{typed.page}: {typed.line}: {error.format_message()}")


@pytest.mark.parametrize(
    "line", ["check --expalin plain_http", "tokens rotated", "serve --port 8080", "share"]
)
def test_a_line_that_the_program_would_refuse_is_found(line: str) -> None:
    with pytest.raises(click.ClickException):
        parsed(shlex.split(line))


def test_every_block_that_is_not_typed_says_its_language() -> None:
    assert {str(page): found for page in PAGES if (found := unnamed_fences(page.read_text()))} == {}


def test_no_row_is_left_of_a_command_that_no_page_has() -> None:
    lines = {typed.line for typed in TYPED}
    assert [line for line in (*PLAYED, *NOT_TYPED) if line not in lines] == []
    assert set(PLAYED) & set(NOT_TYPED) == set()


@pytest.mark.parametrize("line", PLAYED)
def test_the_test_that_plays_a_command_is_there_and_writes_its_words(line: str) -> None:
    played = PLAYED[line]
    path, _, name = played.test.partition("::")
    text = (ROOT / path).read_text()
    assert re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE), f"{played.test} is gone"
    if played.calls is not None:
        assert played.calls.removesuffix(".py").replace("/", ".") in text
        text = (ROOT / played.calls).read_text()
    assert [word for word in played.says if word not in text] == []


def test_files_that_reasons_name_are_there() -> None:
    named = {path for reason in NOT_TYPED.values() for path in re.findall(r"\btests/[\w/]+(?:\.py)?", reason)}
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
    targets = {name for reason in NOT_TYPED.values() for name in re.findall(r"`make (\w+)`", reason)}
    assert [name for name in targets if f"\n{name}:" not in (ROOT / "Makefile").read_text()] == []


def test_a_page_is_split_into_the_commands_that_are_typed() -> None:
    page = """\
# Page

    first --with 'a # in it'      # and why
    second \\
      --on=two

- In a list:

      third "of
      two lines"

```yaml
not: typed
```

```console
$ fourth   word
greet() {
  echo hello
}
```
"""
    assert commands_of(page) == [
        "first --with 'a # in it'",
        "second --on=two",
        'third "of\ntwo lines"',
        "fourth word",
        "greet() {\n echo hello\n}",
    ]


def test_a_block_that_ends_within_a_command_is_a_fault() -> None:
    with pytest.raises(ValueError, match="ends within a command"):
        list(split("echo 'open\n"))


def test_ci_installs_what_is_typed() -> None:
    """What of it a bare Debian does not have."""
    (packages,) = re.findall(r"^packages=\((.+)\)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert {"curl", "jq", "openssl"} <= set(packages.split())
