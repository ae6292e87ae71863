"""Every command is where the table says, and only what was asked for is imported."""

import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import click
import pytest

import sidecar.cli
from sidecar.cli.main import COMMANDS, commands, main

NEEDED_TO_SERVE = ("aiohttp", "sqlalchemy", "jinja2", "graphql", "prometheus_client", "cryptography")


def test_every_command_is_imported_under_its_own_name() -> None:
    assert {name: command.name for name, command in commands.commands.items()} == {
        name: name for name in COMMANDS
    }


def everything_below(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for one in command.commands.values():
            yield from everything_below(one)


def test_no_command_is_left_out() -> None:
    modules = [import_module(f"sidecar.cli.{one.name}") for one in pkgutil.iter_modules(sidecar.cli.__path__)]
    made = {value for one in modules for value in vars(one).values() if isinstance(value, click.Command)}
    assert made == made & set(everything_below(commands))
    assert len(made) > len(COMMANDS)


def test_a_word_that_is_no_command_is_answered_with_the_likeliest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokn"], {}) == 2
    assert "No such command 'tokn'. Did you mean 'tokens'?" in capsys.readouterr().err


@pytest.mark.service
@pytest.mark.parametrize("words", [["--version"], ["serv"], ["display-token"]])
def test_what_serves_is_not_imported_for_what_does_not(words: list[str]) -> None:
    script = (
        "import sys\n"
        "from sidecar.cli.main import entry_point\n"
        f"sys.argv = ['litmus-sidecar', *{words!r}]\n"
        "try:\n    entry_point()\n"
        "finally:\n    print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    imported = set(done.stdout.splitlines()[-1].split())
    assert "click" in imported, done.stderr
    assert not imported & set(NEEDED_TO_SERVE)
