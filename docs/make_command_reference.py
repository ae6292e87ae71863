"""Write docs/reference/commands.md from the command line itself.

``make reference`` rewrites the page; a test compares, so it cannot fall behind.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from sidecar.cli.main import commands

PAGE: Final = Path(__file__).with_name("reference") / "commands.md"

INTRODUCTION: Final = """\
# Commands

<!-- Made by docs/make_command_reference.py from the command line; change it there. -->

`--config` names files of Backstage's `app-config.yaml`; see [configuration](configuration.md). What a command
returns is in [exit codes](health.md#exit-codes). `python -m sidecar` is the same as `litmus-sidecar`.
"""


def page() -> str:
    """Return the text of the page."""
    parts = list(_commands(commands, click.Context(commands, info_name="litmus-sidecar")))
    overview = ["| command | does |", "| --- | --- |"]
    overview += [f"| `{name}` | {_sentence(command)} |" for name, command, _ in parts]
    return "\n".join([INTRODUCTION, *overview, *(_section(*part) for part in parts)]) + "\n"


def _commands(
    group: click.Group, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command that does something, with its whole name."""
    for name, command in sorted(group.commands.items()):
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)
        else:
            yield inner.command_path, command, inner


def _sentence(command: click.Command) -> str:
    return " ".join((command.help or "").split())


def _section(name: str, command: click.Command, context: click.Context) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    rows = [
        f"| `{option.replace('|', chr(92) + '|')}` | {' '.join(meaning.split())} |"
        for option, meaning in (record for record in records if record is not None)
        if meaning
    ]
    return "\n".join(
        [f"\n## `{name}`\n", f"```text\n{usage}\n```\n", "| option | meaning |", "| --- | --- |", *rows]
    )


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} is written\n")
