"""``litmus-sidecar share``: signed addresses of pictures from a terminal, beside a running service.

Works with the configured store and signing keys: what is shared or revoked
here counts at once in every replica that has the same.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from sidecar.app.compose import utc_now
from sidecar.config import Config
from sidecar.config.store_url import MEMORY_URL
from sidecar.domain.errors import ConfigError, NotFoundError
from sidecar.domain.ports import Shares
from sidecar.http.pictures.sharing import Picture, PictureOptions, share_picture
from sidecar.http.shapes.shares import CreatedShareShape, ShareShape, created_share_shape, share_shape
from sidecar.identity.signing import SigningKeys
from sidecar.store.store import open_store

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


async def share(
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
    """Return shares as lines for people."""
    rows = [
        (one.id, one.picture, one.expires_at, "expired" if one.expired else "", one.created_by)
        for one in shares
    ]
    return "\n".join(f"{id_:18}{picture:7}{ends:26}{over:9}{who}" for id_, picture, ends, over, who in rows)


@asynccontextmanager
async def _open(config: Config) -> AsyncIterator[Sharing]:
    url = config.store.url.get_secret_value()
    if url == MEMORY_URL:
        raise ConfigError((_NOBODY_KNOWS,))
    async with open_store(url, clock=utc_now) as store:
        keys = [key.get_secret_value() for key in config.auth.signing_keys]
        yield Sharing(shares=store.shares, signing=SigningKeys(keys, store.secrets))
