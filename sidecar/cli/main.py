"""``litmus-sidecar``: the group of all commands, where the process begins."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click

from sidecar import __version__
from sidecar.cli.on_demand import CommandsOnDemand
from sidecar.cli.running import run_line

COMMANDS: Final = {
    "check": "sidecar.cli.check:check_command",
    "demo": "sidecar.cli.demo:demo_command",
    "display-token": "sidecar.cli.display_token:display_token_command",
    "health": "sidecar.cli.health:health_command",
    "init": "sidecar.cli.init:init_command",
    "projects": "sidecar.cli.projects:projects_command",
    "serve": "sidecar.cli.serve:serve_command",
    "share": "sidecar.cli.share:share_command",
    "simulator": "sidecar.cli.simulator:simulator_command",
    "store": "sidecar.cli.store:store_group",
    "tokens": "sidecar.cli.tokens:tokens_group",
}
"""Where each command is, by name."""


def entry_point() -> None:
    """Run the command line of this process and end it with its exit code."""
    sys.exit(main(sys.argv[1:], os.environ))


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command line and return its exit code: 0 fine, 1 findings or failure, 2 bad usage or config."""
    return run_line(commands, argv, environ, name="litmus-sidecar")


@click.group(help="Backend for the Litmus plugin of Backstage.", commands=CommandsOnDemand(COMMANDS))
@click.version_option(__version__, prog_name="litmus-sidecar")
def commands() -> None:
    """Group of all commands."""
