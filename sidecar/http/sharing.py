"""Signed addresses of pictures: what they say, how they are made, and whether one holds.

An address opens exactly one picture of one entity, over the window it was made
for, until it expires or is revoked. It is signed, so nothing of it can be
changed; and it is looked up on every use, so a revoked one ends at once.
"""

import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import quote

import msgspec

from sidecar.domain.errors import BadRequestError, ShareExpiredError, ShareInvalidError, ShareRevokedError
from sidecar.domain.ports import SharedPicture, Shares
from sidecar.domain.references import split_ref
from sidecar.identity.signing import SigningKeys
from sidecar.insight.civil_time import find_zone
from sidecar.insight.windows import WINDOWS

PARAMETER: Final = "share"
LONGEST_DAYS: Final = 365
LONGEST_LABEL: Final = 40
_PURPOSE: Final = "share"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Picture(StrEnum):
    """What can be drawn of an entity."""

    SCORE = "score"
    TREND = "trend"
    RUNS = "runs"
    BADGE = "badge"


WINDOWED: Final = frozenset({Picture.TREND, Picture.RUNS})
"""Pictures of a window; the others show the score now."""


class PictureOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a picture is to be drawn; ``None``: as it is by default."""

    window: str | None = None
    """One of :data:`insight.windows.WINDOWS`; only for pictures of a window."""
    tz: str | None = None
    label: str | None = None
    """Left field of a badge; only for a badge."""


class ShareClaims(PictureOptions, frozen=True, kw_only=True, omit_defaults=True):
    """What the signature stands for."""

    jti: str
    """Id of the share."""
    sub: str
    """Reference of the entity."""
    picture: str
    exp: int


def check_options(picture: Picture, options: PictureOptions) -> None:
    """Refuse options that the picture does not have, or that say nothing.

    Raises:
        BadRequestError: Names the option.
    """
    if options.window is not None:
        if picture not in WINDOWED:
            raise BadRequestError(f"window is not for {picture}: it shows the score now.", parameter="window")
        if options.window not in WINDOWS:
            raise BadRequestError(f"window must be one of {', '.join(WINDOWS)}.", parameter="window")
    if options.tz is not None and find_zone(options.tz) is None:
        raise BadRequestError(
            "tz must be the IANA name of a time zone, such as Europe/Berlin.", parameter="tz"
        )
    if options.label is None:
        return
    if picture is not Picture.BADGE:
        raise BadRequestError("label is for a badge only.", parameter="label")
    if not options.label.strip() or len(options.label) > LONGEST_LABEL:
        raise BadRequestError(f"label must have 1 to {LONGEST_LABEL} characters.", parameter="label")


class CreatedShare(msgspec.Struct, frozen=True, kw_only=True):
    """A new share, and the only time its address is told."""

    share: SharedPicture
    url: str

    def __repr__(self) -> str:
        return f"CreatedShare({self.share!r})"


async def share_picture(
    *,
    signing: SigningKeys,
    shares: Shares,
    entity_ref: str,
    picture: Picture,
    options: PictureOptions,
    days: int,
    created_by: str,
    base_url: str,
    now: datetime,
) -> CreatedShare:
    """Sign an address of a picture, and write down that it holds.

    Args:
        signing: What signs it.
        shares: Where it is written down.
        entity_ref: Full reference of the entity, lower-case.
        picture: Which picture.
        options: How it is drawn; they are signed too.
        days: How long it holds, 1 to :data:`LONGEST_DAYS`.
        created_by: Name of the caller.
        base_url: Where the sidecar answers, as those see it who will look.
        now: The time.

    Raises:
        BadRequestError: Names ``expiresInDays`` or the option that is wrong.
        StoreError: If it could not be written down.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise BadRequestError(
            f"expiresInDays must be from 1 to {LONGEST_DAYS}: every address expires.",
            parameter="expiresInDays",
        )
    check_options(picture, options)
    expires_at = now.replace(microsecond=0) + timedelta(days=days)
    share = SharedPicture(
        id=secrets.token_hex(8),
        entity_ref=entity_ref,
        picture=picture.value,
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
    )
    claims = ShareClaims(
        jti=share.id,
        sub=entity_ref,
        picture=share.picture,
        exp=int(expires_at.timestamp()),
        window=options.window,
        tz=options.tz,
        label=options.label,
    )
    token = await signing.sign(_PURPOSE, msgspec.to_builtins(claims))
    await shares.add(share)
    path = f"{picture_path(entity_ref, picture)}?{PARAMETER}={token}"
    return CreatedShare(share=share, url=f"{base_url.rstrip('/')}{path}")


def picture_path(entity_ref: str, picture: Picture) -> str:
    """Return the path of a picture of the entity."""
    place = "/".join(quote(part, safe="") for part in split_ref(entity_ref))
    return f"/litmus/entities/{place}/{picture}.svg"


async def verified_claims(signing: SigningKeys, shares: Shares, token: str, now: datetime) -> ShareClaims:
    """Return what a signed address says, if it holds.

    Raises:
        ShareInvalidError: If we did not sign it.
        ShareExpiredError: If its time is over.
        ShareRevokedError: If it was revoked.
        StoreError: If nobody can tell whether it was.
    """
    # Whether it ended is asked here, so that an old one is not called a false one.
    given = await signing.verify(_PURPOSE, token, _LONG_AGO)
    try:
        claims = msgspec.convert(given, ShareClaims)
    except msgspec.ValidationError as exc:
        raise ShareInvalidError("Link not valid: it was not signed here, or was changed.") from exc
    if now.timestamp() >= claims.exp:
        raise ShareExpiredError("Link expired: its owner can make a new one.")
    if await shares.get(claims.jti) is None:
        raise ShareRevokedError("Link revoked: it does not hold any more.")
    return claims
