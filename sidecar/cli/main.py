"""The command ``litmus-sidecar``: each subcommand a few lines over the composition root."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec
import uvloop

from sidecar import __version__
from sidecar.app.compose import utc_now
from sidecar.app.lifecycle import serve
from sidecar.cli import shares as share_commands
from sidecar.cli import tokens as token_commands
from sidecar.cli.check import Found, check
from sidecar.cli.demo import run_demo
from sidecar.config import (
    LONGEST_TOKEN_DAYS,
    TOKEN_NAME,
    TOKEN_NAME_RULE,
    Config,
    Instance,
    describe,
    display_token,
    load_config,
    masked,
)
from sidecar.domain.errors import ConfigError, InstanceUnknownError, SidecarError
from sidecar.http.pictures.sharing import LONGEST_DAYS, Picture, PictureOptions
from sidecar.http.shapes.shares import ShareListShape
from sidecar.http.shapes.tokens import created_token_shape, token_list_shape, token_status_shape
from sidecar.insight.windows import WINDOWS
from sidecar.simulator.demo import serve_simulator
from sidecar.telemetry.logs import configure_logging

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
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_instance_option = click.option(
    "--instance", "instance_name", help="Litmus instance; the only one if absent."
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
@_json_option
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
    catalogs: list[Found] = []
    found = _run(check(config, offline=offline, tell=catalogs.append))
    (catalog,) = catalogs
    if as_json:
        counts = {"entities": catalog.entities, "projects": catalog.projects, "complete": catalog.is_whole}
        told = {"configuration": masked(config), "catalog": counts, "findings": found}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(describe(config).rstrip())
        click.echo()
        click.echo(_counted(catalog))
        for finding in found:
            click.echo(f"finding: {finding}")
        click.echo(f"{len(found)} findings" if found else "No findings.")
    return FINDINGS if found else FINE


def _counted(catalog: Found) -> str:
    entities = "1 entity names" if catalog.entities == 1 else f"{catalog.entities} entities name"
    projects = "1 project" if catalog.projects == 1 else f"{catalog.projects} projects"
    missing = "" if catalog.is_whole else "; Backstage's catalog was not read, or not in whole"
    return f"In the catalog {entities} {projects}{missing}."


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


@commands.group("tokens")
def tokens_group() -> None:
    """API tokens of the sidecar's user, at Litmus itself; no running service is needed."""


@tokens_group.command(
    "list", help="List them, without values. With credentials it signs in for that time, and makes no token."
)
@_config_option
@_instance_option
@_json_option
@click.pass_obj
def tokens_list_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    instance_name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Print the user's tokens and which one the configuration uses."""
    config, instance = _instance(environ, config_paths, instance_name)
    tokens, status = _run(token_commands.listed(config, instance))
    if as_json:
        _echo_json(token_list_shape(tokens, status, utc_now()))
    else:
        click.echo(token_commands.table(tokens, utc_now()))
    return FINE


@tokens_group.command("create", help="Make one, and print its value, this once.")
@_config_option
@_instance_option
@_json_option
@click.option("--name", required=True, help="Name in Litmus's list.")
@click.option("--days", type=click.IntRange(1, LONGEST_TOKEN_DAYS), required=True, help="Its lifetime.")
@click.pass_obj
def tokens_create_command(  # noqa: PLR0917  # click passes options by name
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    instance_name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
    name: str,
    days: int,
) -> int:
    """Print nothing but the value on standard output, so that it can be sent into a file."""
    if not TOKEN_NAME.fullmatch(name):
        raise click.BadParameter(TOKEN_NAME_RULE, param_hint="--name")
    config, instance = _instance(environ, config_paths, instance_name)
    created = _run(token_commands.create(config, instance, name, days))
    if as_json:
        _echo_json(created_token_shape(created))
    else:
        click.echo(created.value)
    return FINE


@tokens_group.command("revoke", help="Revoke one for good, by its ID in the list.")
@_config_option
@_instance_option
@click.argument("token_id", metavar="ID")
@click.pass_obj
def tokens_revoke_command(
    environ: Mapping[str, str], config_paths: tuple[Path, ...], instance_name: str | None, token_id: str
) -> int:
    """Revoke a token, and make sure that it is gone."""
    config, instance = _instance(environ, config_paths, instance_name)
    _run(token_commands.revoke(config, instance, token_id))
    click.echo("Revoked.", err=True)
    return FINE


@tokens_group.command(
    "rotate",
    help="Replace the token that the sidecar manages (credentials), now. The service revokes the one before, "
    "2 to 10 minutes later; if none runs, after its next start.",
)
@_config_option
@_instance_option
@_json_option
@click.pass_obj
def tokens_rotate_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    instance_name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Put a new token into place; replicas that run take it, and revoke the one before."""
    config, instance = _instance(environ, config_paths, instance_name)
    status = _run(token_commands.rotate(config, instance))
    if as_json:
        _echo_json(token_status_shape(status))
    else:
        click.echo(
            f"Rotated; the token in use is {status.token_id}. The service revokes the one before after 2 to "
            "10 minutes, once no replica uses it; if none runs, its next start does.",
            err=True,
        )
    return FINE


@commands.command("share", help="Sign an address that shows one picture of ENTITY to everybody.")
@click.argument("entity")
@_config_option
@click.option("--picture", type=click.Choice([one.value for one in Picture]), help="What is shown.")
@click.option("--days", type=click.IntRange(1, LONGEST_DAYS), help="How long it holds.")
@click.option("--window", type=click.Choice(list(WINDOWS)), help="Of trend and runs; 30d if absent.")
@click.option("--tz", metavar="ZONE", help="IANA zone of its days, Europe/Berlin say; UTC if absent.")
@click.option("--label", help="What stands on the left of a badge; resilience if absent.")
@click.option("--list", "is_list", is_flag=True, help="List what is shared of ENTITY, instead.")
@click.option("--revoke", "revoked_id", metavar="ID", help="Revoke a share of ENTITY, instead.")
@_json_option
@click.pass_obj
def share_command(  # noqa: PLR0917 - click passes options by name
    environ: Mapping[str, str],
    entity: str,
    config_paths: tuple[Path, ...],
    picture: str | None,
    days: int | None,
    window: str | None,
    tz: str | None,
    label: str | None,
    is_list: bool,  # noqa: FBT001 - click passes options by name
    revoked_id: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Share a picture, list what is shared, or revoke it."""
    entity_ref = share_commands.full_ref(entity)
    if entity_ref is None:
        raise click.BadParameter("must be a reference such as component:default/cart", param_hint="ENTITY")
    configure_logging(level="error")
    config = load_config(config_paths, environ)
    if is_list:
        rows = _run(share_commands.listed(config, entity_ref))
        if as_json:
            _echo_json(ShareListShape(shares=rows, next_cursor=None))
        else:
            click.echo(share_commands.table(rows))
    elif revoked_id is not None:
        _run(share_commands.revoke(config, entity_ref, revoked_id))
        click.echo("Revoked.", err=True)
    elif picture is None or days is None:
        raise click.UsageError("Sharing needs --picture and --days; or give --list, or --revoke ID.")
    else:
        options = PictureOptions(window=window, tz=tz, label=label)
        made = _run(share_commands.share(config, entity_ref, Picture(picture), options, days))
        if as_json:
            _echo_json(made)
        else:
            click.echo(made.url)
    return FINE


def _instance(
    environ: Mapping[str, str], config_paths: tuple[Path, ...], name: str | None
) -> tuple[Config, Instance]:
    configure_logging(level="error")
    config = load_config(config_paths, environ)
    try:
        return config, token_commands.chosen(config, name)
    except InstanceUnknownError as exc:
        raise click.BadParameter(str(exc), param_hint="--instance") from exc


def _echo_json(shape: msgspec.Struct) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(shape), indent=2).decode())


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)
