"""``litmus-sidecar``: the group of all commands."""

from collections.abc import Mapping, Sequence

import click

from sidecar import __version__
from sidecar.cli.check import check_command
from sidecar.cli.demo import demo_command
from sidecar.cli.display_token import display_token_command
from sidecar.cli.health import health_command
from sidecar.cli.init import init_command
from sidecar.cli.projects import projects_command
from sidecar.cli.running import run_line
from sidecar.cli.serve import serve_command
from sidecar.cli.share import share_command
from sidecar.cli.simulator import simulator_command
from sidecar.cli.store import store_group
from sidecar.cli.tokens import tokens_group


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command line and return its exit code: 0 fine, 1 findings or failure, 2 bad usage or config."""
    return run_line(commands, argv, environ, name="litmus-sidecar")


@click.group(help="Backend for the Litmus plugin of Backstage.")
@click.version_option(__version__, prog_name="litmus-sidecar")
def commands() -> None:
    """Group of all commands."""


for _command in (
    init_command,
    projects_command,
    serve_command,
    demo_command,
    simulator_command,
    check_command,
    health_command,
    display_token_command,
    tokens_group,
    store_group,
    share_command,
):
    commands.add_command(_command)
