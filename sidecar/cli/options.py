"""What several commands share: options, exit codes, how a command runs and prints."""

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec
import uvloop

FINE: Final = 0
FINDINGS: Final = 1
BAD_CONFIGURATION: Final = 2
LOG_LEVELS: Final = ("debug", "info", "warning", "error")

T = TypeVar("T")

config_option = click.option(
    "--config",
    "config_paths",
    multiple=True,
    type=click.Path(path_type=Path),
    default=("app-config.yaml",),
    show_default=True,
    help="File of Backstage's app-config; repeatable, later files win.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
instance_option = click.option("--instance", "instance_name", help="Litmus instance; the only one if absent.")
log_level_option = click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS),
    default="info",
    show_default=True,
    help="Lowest level logged.",
)


def echo_json(shape: msgspec.Struct) -> None:
    """Print a shape as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(shape), indent=2).decode())


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines for people, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def progress(text: str) -> None:
    """Tell somebody at a terminal what takes its time; nobody else is told."""
    if sys.stderr.isatty():
        click.echo(f"{text} …", err=True)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end on an event loop of its own, and return what came of it."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)
