"""``litmus-sidecar``: the group of all commands, and what their errors become."""

import os
import sys
from collections.abc import Mapping, Sequence

import click

from sidecar import __version__
from sidecar.cli.check import check_command
from sidecar.cli.demo import demo_command
from sidecar.cli.display_token import display_token_command
from sidecar.cli.init import init_command
from sidecar.cli.options import BAD_CONFIGURATION, FINDINGS, FINE
from sidecar.cli.projects import projects_command
from sidecar.cli.serve import serve_command
from sidecar.cli.share import share_command
from sidecar.cli.simulator import simulator_command
from sidecar.cli.tokens import tokens_group
from sidecar.domain.errors import ConfigError, SidecarError


def entry_point() -> None:
    """Run the command line of this process and end it with its exit code."""
    sys.exit(main(sys.argv[1:], os.environ))


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command line and return its exit code: 0 fine, 1 findings or failure, 2 bad usage or config."""
    try:
        result = commands.main(
            args=list(argv), prog_name="litmus-sidecar", standalone_mode=False, obj=dict(environ)
        )
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.Abort:
        return FINDINGS
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except SidecarError as exc:
        for problem in exc.problems if isinstance(exc, ConfigError) else (str(exc),):
            click.echo(f"error: {problem}", err=True)
        return BAD_CONFIGURATION if isinstance(exc, ConfigError) else FINDINGS
    except OSError as exc:
        click.echo(f"error: {exc.strerror or exc}", err=True)
        return FINDINGS
    return int(result or FINE)


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
    display_token_command,
    tokens_group,
    share_command,
):
    commands.add_command(_command)
