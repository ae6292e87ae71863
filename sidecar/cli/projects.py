"""``litmus-sidecar projects``: the projects that the configured token sees, or any token."""

from collections.abc import Mapping
from pathlib import Path

import click

from sidecar.app.clients import open_client
from sidecar.cli.options import (
    FINDINGS,
    FINE,
    config_option,
    echo_json,
    json_option,
    progress,
    run,
)
from sidecar.cli.starter.access import Flags, access_options, gather, is_interactive
from sidecar.cli.starter.entities import SeenProject, SeenProjects, seen, table
from sidecar.cli.starter.fragment import config_of, probe_text
from sidecar.config import Config, Instance, load_config
from sidecar.domain.errors import InstanceUnknownError, UpstreamError
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.telemetry.logs import configure_logging
from sidecar.telemetry.metrics import Metrics


async def listed(config: Config, instance: Instance) -> list[SeenProject]:
    """Return the projects that the instance's token sees.

    Raises:
        UpstreamError: If Litmus could not be asked, or rejects the token.
    """
    async with open_client(config, instance, Metrics("projects")) as client:
        return seen(instance.name, await LitmusAuth(client).list_projects(client.token()))


@click.command("projects", help="List the Litmus projects that the token sees, with id and role.")
@config_option
@access_options
@click.option("--instance", "instance_name", help="One Litmus instance; all if absent.")
@json_option
@click.pass_obj
def projects_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    flags: Flags,
    instance_name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Ask every instance, those of the flags in place of the configured ones."""
    configure_logging(level="error")
    if flags != Flags():
        told = gather(flags, environ, may_ask=is_interactive())
        config = config_of(probe_text(told.accesses), told.environ)
    else:
        config = load_config(config_paths, environ)
    instances = [one for one in config.instances if instance_name in {None, one.name}]
    if not instances:
        names = ", ".join(one.name for one in config.instances)
        raise InstanceUnknownError(f"No instance of this name is configured; there are: {names}.")
    projects: list[SeenProject] = []
    failed = False
    for instance in instances:
        progress(f"Asking {instance.name} at {instance.base_url}")
        try:
            projects += run(listed(config, instance))
        except UpstreamError as error:
            failed = True
            click.echo(f"error: Instance {instance.name}: {error}", err=True)
    if as_json:
        echo_json(SeenProjects(projects=projects))
    elif projects:
        click.echo(table(projects))
    elif not failed:
        click.echo("The token sees no project: invite its user to one, as Viewer.", err=True)
    return FINDINGS if failed else FINE
