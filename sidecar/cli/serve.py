"""``litmus-sidecar serve``: the service, as configured."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from sidecar.app.lifecycle import serve
from sidecar.cli.options import config_option, log_level_option, run
from sidecar.config import load_config
from sidecar.telemetry.logs import configure_logging


@click.command("serve", help="Serve, as configured; SIGHUP reads the configuration again.")
@config_option
@log_level_option
@click.pass_obj
def serve_command(environ: Mapping[str, str], config_paths: tuple[Path, ...], log_level: str) -> int:
    """Serve until told to end."""
    config = load_config(config_paths, environ)
    configure_logging(level=log_level, in_batches=True)
    return run(
        serve(
            config,
            announce=lambda url: click.echo(f"Serving on {url}", err=True),
            read_again=partial(load_config, config_paths, environ),
        )
    )
