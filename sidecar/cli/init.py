"""``litmus-sidecar init``: from an address and a token to the configuration of both sides.

Asks Litmus as ``check`` does, and changes nothing there. What it prints holds
no secret of anybody's; the keys that it generates are shown once, or written to
a file that only its owner reads.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from sidecar.cli.check import InstanceAnswer, ask_instances
from sidecar.cli.options import FINE, progress, run
from sidecar.cli.starter.access import Accesses, Flags, access_options, gather, is_interactive
from sidecar.cli.starter.entities import SeenProject, catalog_text, readable, seen
from sidecar.cli.starter.fragment import (
    CATALOG_VARIABLE,
    KEY_VARIABLE,
    Places,
    config_of,
    environment_text,
    fragment_text,
    probe_text,
    variables,
)
from sidecar.cli.starter.frontend import SYSTEMS
from sidecar.cli.starter.printed import Starter, sections
from sidecar.domain.errors import UpstreamError
from sidecar.litmus.transport.auth import Membership
from sidecar.telemetry.logs import configure_logging

SIDECAR_URL: Final = "http://127.0.0.1:8080"
BACKSTAGE_URL: Final = "http://localhost:7007"
_KEY_BYTES: Final = 32
_SECRET_MODE: Final = 0o600
_OPEN_MODE: Final = 0o644
_GENERATED: Final = (KEY_VARIABLE, CATALOG_VARIABLE)


async def start(told: Accesses, places: Places) -> Starter:
    """Ask each Litmus what its token is worth, and make the fragment that fits.

    Raises:
        ConfigError: If an address, a token or a file cannot be used.
        UpstreamError: If a Litmus could not be asked, or rejects the token.
    """
    answers = await ask_instances(config_of(probe_text(told.accesses), told.environ), (), is_whole=False)
    projects: list[SeenProject] = []
    for answer in answers:
        projects += seen(answer.instance, _memberships(answer))
    fragment = fragment_text(told.accesses, places, answers[0].user_id or "backstage")
    needed = variables(told.accesses, places)
    generated = {
        name: secrets.token_hex(_KEY_BYTES)
        for name in _GENERATED
        if name in needed and not told.environ.get(name)
    }
    # What is printed has to be what ``serve`` takes.
    config_of(fragment, {**told.environ, **generated})
    return Starter(
        default=told.accesses[0].name,
        fragment=fragment,
        projects=projects,
        needed=needed,
        generated=generated,
        advice=[f"{finding.sentence}." for answer in answers for finding in (*answer.way, *answer.unwise)],
    )


def _memberships(answer: InstanceAnswer) -> Sequence[Membership]:
    if answer.failures:
        raise UpstreamError(" ".join(failure.sentence for failure in answer.failures))
    if answer.memberships is None:
        raise UpstreamError(f"Instance {answer.instance}: Litmus did not list the projects; ask again.")
    return answer.memberships


def write_new(path: Path, text: str, *, is_secret: bool) -> None:
    """Write a file that is not there yet; one that holds secrets only for its owner.

    Raises:
        click.ClickException: If it is there, or cannot be written.
    """
    mode = _SECRET_MODE if is_secret else _OPEN_MODE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise click.ClickException(f"{path} exists; init never overwrites.") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


@click.command("init", help="Ask Litmus, then print the configuration for Backstage and the sidecar.")
@access_options
@click.option(
    "--external-url",
    multiple=True,
    metavar="[NAME=]URL",
    help="Litmus as people's browsers open it; as --litmus if absent.",
)
@click.option(
    "--backstage",
    "backstage_url",
    metavar="URL",
    help=f"Backstage's backend, backend.baseUrl.  [default: {BACKSTAGE_URL}, none with --catalog-file]",
)
@click.option(
    "--sidecar",
    "sidecar_url",
    metavar="URL",
    help=f"The sidecar as Backstage reaches it.  [default: {SIDECAR_URL}]",
)
@click.option(
    "--catalog-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read entities of FILE, not Backstage's catalog; written with a component per project if absent.",
)
@click.option(
    "--frontend",
    type=click.Choice([*SYSTEMS, "both"]),
    default="both",
    show_default=True,
    help="Frontend system of the app.",
)
@click.option(
    "--write",
    "fragment_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the app-config fragment to a new FILE, which holds no secret.",
)
@click.option(
    "--write-env",
    "environment_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the environment with all secrets to a new FILE for a shell, readable by its owner alone.",
)
@click.pass_obj
def init_command(  # noqa: PLR0917 - click passes options by name
    environ: Mapping[str, str],
    flags: Flags,
    external_url: tuple[str, ...],
    backstage_url: str | None,
    sidecar_url: str | None,
    catalog_file: Path | None,
    frontend: str,
    fragment_path: Path | None,
    environment_path: Path | None,
) -> int:
    """Gather, ask, print and write."""
    configure_logging(level="error")
    may_ask = is_interactive()
    for path in (fragment_path, environment_path):
        if path is not None and path.exists():
            raise click.ClickException(f"{path} exists; init never overwrites.")
    told = gather(replace(flags, external_url=external_url), environ, may_ask=may_ask)
    places = _places(backstage_url, sidecar_url, catalog_file, may_ask=may_ask)
    for one in told.accesses:
        progress(f"Asking {one.name} at {one.base_url}")
    made = run(start(told, places))
    values = {name: made.generated.get(name, told.environ.get(name, "")) for name in made.needed}
    written = []
    if fragment_path is not None:
        write_new(fragment_path, made.fragment, is_secret=False)
        written.append(f"{fragment_path}: the app-config fragment, without any secret")
    if environment_path is not None:
        write_new(environment_path, environment_text(values), is_secret=True)
        written.append(f"{environment_path}: the environment with its secrets, for its owner alone")
    if catalog_file is not None and not catalog_file.exists():
        write_new(catalog_file, catalog_text(readable(made.projects), made.default), is_secret=False)
        written.append(f"{catalog_file}: the catalog, a component per project")
    systems = [*SYSTEMS] if frontend == "both" else [frontend]
    for title, text in sections(made, systems, fragment_path, environment_path):
        click.echo(f"## {title}\n\n{text.rstrip()}\n")
    for line in written:
        click.echo(f"Written {line}.", err=True)
    for sentence in made.advice:
        click.echo(f"advice: {sentence}", err=True)
    return FINE


def _places(
    backstage_url: str | None, sidecar_url: str | None, catalog_file: Path | None, *, may_ask: bool
) -> Places:
    if may_ask:
        backstage_url = backstage_url or click.prompt(
            "Address of Backstage's backend (backend.baseUrl)", default=BACKSTAGE_URL, err=True
        )
        sidecar_url = sidecar_url or click.prompt(
            "Address of the sidecar, as Backstage will reach it", default=SIDECAR_URL, err=True
        )
    if backstage_url is None and catalog_file is None:
        backstage_url = BACKSTAGE_URL
    return Places(
        sidecar_url=_address("--sidecar", sidecar_url or SIDECAR_URL),
        backstage_url=None if backstage_url is None else _address("--backstage", backstage_url),
        catalog_file=None if catalog_file is None else str(catalog_file.absolute()),
    )


def _address(option: str, text: str) -> str:
    try:
        url = urlsplit(text.strip())
        is_good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_good = False
    if not is_good or "@" in text:
        raise click.BadParameter("must be an address such as http://localhost:7007", param_hint=option)
    return text.strip().rstrip("/")
