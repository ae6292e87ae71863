"""``litmus-sidecar share``: signed addresses of pictures from a terminal, beside a running service.

Works with the configured store and signing keys: what is shared or revoked
here counts at once in every replica that has the same.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from sidecar.app.compose import utc_now
from sidecar.cli.options import FINE, aligned, config_option, echo_json, json_option, run
from sidecar.config import Config, load_config
from sidecar.config.store_url import MEMORY_URL
from sidecar.domain.errors import ConfigError, NotFoundError
from sidecar.domain.ports import Shares
from sidecar.http.shapes.shares import (
    CreatedShareShape,
    ShareListShape,
    ShareShape,
    created_share_shape,
    share_shape,
)
from sidecar.http.sharing import LONGEST_DAYS, Picture, PictureOptions, share_picture
from sidecar.identity.signing import SigningKeys
from sidecar.insight.windows import WINDOWS
from sidecar.store.store import open_store
from sidecar.telemetry.logs import configure_logging

CREATED_BY: Final = "command line"
_NOBODY_KNOWS: Final = (
    "litmusSidecar.store.url is memory:, so no running service would know of the share; ask the service "
    "itself (POST …/share), or configure a store that lasts."
)
_REF: Final = re.compile(r"(?:([\w.-]+):)?(?:([\w.-]+)/)?([\w.-]+)", re.ASCII)


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """What sharing needs of a service."""

    shares: Shares
    signing: SigningKeys


def full_ref(text: str) -> str | None:
    """Return the full reference of ``cart``, ``component:default/cart`` say; ``None`` for what is none."""
    found = _REF.fullmatch(text)
    if found is None:
        return None
    kind, namespace, name = found.groups()
    return f"{kind or 'component'}:{namespace or 'default'}/{name}".lower()


async def sign(
    config: Config, entity_ref: str, picture: Picture, options: PictureOptions, days: int
) -> CreatedShareShape:
    """Sign an address of a picture, and write it down where running services look.

    Raises:
        BadRequestError: If an option is not for this picture.
        ConfigError: If ``publicUrl`` is missing, or nothing would know of the share.
    """
    if config.public_url is None:
        raise ConfigError(
            ("litmusSidecar.publicUrl is needed here: the address under which the picture will be seen.",)
        )
    async with _open(config) as sharing:
        made = await share_picture(
            signing=sharing.signing,
            shares=sharing.shares,
            entity_ref=entity_ref,
            picture=picture,
            options=options,
            days=days,
            created_by=CREATED_BY,
            base_url=config.public_url,
            now=utc_now(),
        )
    return created_share_shape(made)


async def listed(config: Config, entity_ref: str) -> list[ShareShape]:
    """Return an entity's shares, newest first.

    Raises:
        ConfigError: If the configured store keeps nothing.
    """
    async with _open(config) as sharing:
        now = utc_now()
        return [
            share_shape(one, expired=one.expires_at <= now) for one in await sharing.shares.of(entity_ref)
        ]


async def revoke(config: Config, entity_ref: str, share_id: str) -> None:
    """Revoke a share of the entity for good.

    Raises:
        NotFoundError: If the entity has none of this id.
        ConfigError: If the configured store keeps nothing.
    """
    async with _open(config) as sharing:
        known = await sharing.shares.get(share_id)
        if known is None or known.entity_ref != entity_ref or not await sharing.shares.revoke(share_id):
            raise NotFoundError(f"{entity_ref} has no share of this id; perhaps it is revoked already.")


def table(shares: Sequence[ShareShape]) -> str:
    """Return shares as lines for people, with a heading."""
    rows = [
        (one.id, one.picture, one.expires_at + (" (expired)" if one.expired else ""), one.created_by)
        for one in shares
    ]
    return aligned([("ID", "PICTURE", "EXPIRES", "SHARED BY"), *rows])


@asynccontextmanager
async def _open(config: Config) -> AsyncIterator[Sharing]:
    url = config.store.url.get_secret_value()
    if url == MEMORY_URL:
        raise ConfigError((_NOBODY_KNOWS,))
    async with open_store(url, clock=utc_now) as store:
        keys = [key.get_secret_value() for key in config.auth.signing_keys]
        yield Sharing(shares=store.shares, signing=SigningKeys(keys, store.secrets))


@click.command("share", help="Sign an address that shows one picture of ENTITY to everybody.")
@click.argument("entity")
@config_option
@click.option("--picture", type=click.Choice([one.value for one in Picture]), help="What is shown.")
@click.option("--days", type=click.IntRange(1, LONGEST_DAYS), help="How long it holds.")
@click.option("--window", type=click.Choice(list(WINDOWS)), help="Of trend and runs; 30d if absent.")
@click.option("--tz", metavar="ZONE", help="IANA zone of its days, Europe/Berlin say; UTC if absent.")
@click.option("--label", help="What stands on the left of a badge; resilience if absent.")
@click.option("--list", "is_list", is_flag=True, help="List what is shared of ENTITY, instead.")
@click.option("--revoke", "revoked_id", metavar="ID", help="Revoke a share of ENTITY, instead.")
@json_option
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
    entity_ref = full_ref(entity)
    if entity_ref is None:
        raise click.BadParameter("must be a reference such as component:default/cart", param_hint="ENTITY")
    configure_logging(level="error")
    config = load_config(config_paths, environ)
    if is_list:
        rows = run(listed(config, entity_ref))
        if as_json:
            echo_json(ShareListShape(shares=rows, next_cursor=None))
        else:
            click.echo(table(rows))
    elif revoked_id is not None:
        run(revoke(config, entity_ref, revoked_id))
        click.echo("Revoked.", err=True)
    elif picture is None or days is None:
        raise click.UsageError("Sharing needs --picture and --days; or give --list, or --revoke ID.")
    else:
        options = PictureOptions(window=window, tz=tz, label=label)
        made = run(sign(config, entity_ref, Picture(picture), options, days))
        if as_json:
            echo_json(made)
        else:
            click.echo(made.url)
    return FINE
