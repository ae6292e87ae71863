"""The command ``litmus-sidecar``: each subcommand a few lines over the composition root."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import uvloop

from sidecar import __version__
from sidecar.app import serve
from sidecar.check import check
from sidecar.config import Config, describe, display_token, load_config, masked
from sidecar.demo import run_demo
from sidecar.errors import SidecarError
from sidecar.logs import configure_logging
from sidecar.simulator.demo import serve_simulator

FINE: Final = 0
FINDINGS: Final = 1
BAD_CONFIGURATION: Final = 2
LOG_LEVELS: Final = ("debug", "info", "warning", "error")

T = TypeVar("T")

_config_option = click.option(
    "--config",
    "config_paths",
    multiple=True,
    type=click.Path(path_type=Path),
    default=("app-config.yaml",),
    show_default=True,
    help="File of Backstage's app-config; repeatable, later files win.",
)
_log_level_option = click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS),
    default="info",
    show_default=True,
    help="Lowest level logged.",
)


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
        for problem in getattr(exc, "problems", (str(exc),)):
            click.echo(f"error: {problem}", err=True)
        return BAD_CONFIGURATION
    except OSError as exc:
        click.echo(f"error: {exc.strerror or exc}", err=True)
        return FINDINGS
    return int(result or FINE)


@click.group(help="Backend for the Litmus plugin of Backstage.")
@click.version_option(__version__, prog_name="litmus-sidecar")
def commands() -> None:
    """Group of all commands."""


@commands.command("serve", help="Serve, as configured.")
@_config_option
@_log_level_option
@click.pass_obj
def serve_command(environ: Mapping[str, str], config_paths: tuple[Path, ...], log_level: str) -> int:
    """Serve until told to end."""
    config = load_config(config_paths, environ)
    configure_logging(level=log_level)
    return _run(serve(config, announce=lambda url: click.echo(f"Serving on {url}", err=True)))


@commands.command("demo", help="Serve a made-up world: an embedded simulated ChaosCenter, no configuration.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True, help="0 takes any.")
@_log_level_option
def demo_command(port: int, log_level: str) -> int:
    """Serve the demonstration until told to end."""
    configure_logging(level=log_level)
    return _run(run_demo(port, announce=click.echo))


@commands.command("simulator", help="Serve the simulated ChaosCenter alone, for trying things out.")
@click.option("--port", type=click.IntRange(0, 65_535), default=9002, show_default=True, help="0 takes any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def simulator_command(port: int, host: str) -> int:
    """Serve the simulator until interrupted."""
    try:
        _run(serve_simulator(host, port, click.echo))
    except KeyboardInterrupt:
        return FINE
    return FINE


@commands.command("check", help="Look for mistakes. 0: fine, 1: findings, 2: bad configuration.")
@_config_option
@click.option("--offline", is_flag=True, help="Ask no Litmus.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    offline: bool,  # noqa: FBT001 - click passes options by name
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Print what would be used, secrets masked, and everything that looks wrong."""
    configure_logging(level="error")
    config: Config = load_config(config_paths, environ)
    found = _run(check(config, offline=offline))
    if as_json:
        click.echo(json.dumps({"configuration": masked(config), "findings": found}, indent=2))
    else:
        click.echo(describe(config).rstrip())
        click.echo()
        for finding in found:
            click.echo(f"finding: {finding}")
        click.echo(f"{len(found)} findings" if found else "No findings.")
    return FINDINGS if found else FINE


@commands.command(
    "display-token", help="Print a display token for litmus.apiToken: links work, Litmus refuses it."
)
@click.option("--uid", required=True, help="Id of a Litmus user; links contain it.")
def display_token_command(uid: str) -> int:
    """Print a display token."""
    try:
        click.echo(display_token(uid))
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--uid") from exc
    return FINE


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)
