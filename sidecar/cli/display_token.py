"""``litmus-sidecar display-token``: a token that makes links work and that Litmus refuses."""

import click

from sidecar.cli.options import FINE
from sidecar.config import display_token


@click.command(
    "display-token", help="Print a display token for litmus.apiToken: links work, Litmus rejects it."
)
@click.option("--uid", required=True, help="Id of a Litmus user; links contain it.")
def display_token_command(uid: str) -> int:
    """Print a display token."""
    try:
        click.echo(display_token(uid))
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--uid") from exc
    return FINE
