"""How a command line becomes an exit code, and what its errors become."""

from collections.abc import Mapping, Sequence

import click

from sidecar.cli.options import BAD_CONFIGURATION, FINDINGS, FINE
from sidecar.domain.errors import ConfigError, SidecarError


def run_line(command: click.Command, argv: Sequence[str], environ: Mapping[str, str], *, name: str) -> int:
    """Run one command line and return its exit code: 0 fine, 1 findings or failure, 2 bad usage or config."""
    try:
        result = command.main(args=list(argv), prog_name=name, standalone_mode=False, obj=dict(environ))
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
