"""Shared pictures as clients get them; the address is told once, when it is made."""

from typing import Annotated

import msgspec

from sidecar.domain.ports import SharedPicture
from sidecar.http.answers.times import rfc3339
from sidecar.http.sharing import LONGEST_DAYS, LONGEST_LABEL, CreatedShare, Picture
from sidecar.insight.windows import WINDOWS


class ShareBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Body that asks for a signed address of a picture."""

    picture: Picture
    expires_in_days: Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": LONGEST_DAYS})]
    window: Annotated[str | None, msgspec.Meta(extra_json_schema={"enum": [*WINDOWS, None]})] = None
    """Of ``trend`` and ``runs``; signed like the rest."""
    tz: str | None = None
    """IANA time zone of the window."""
    label: Annotated[
        str | None, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST_LABEL})
    ] = None
    """Left field of a ``badge``."""


class CreatedShareShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new share; whoever has its address sees the picture."""

    id: str
    url: str
    expires_at: str


class ShareShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A share that is not revoked, without its address."""

    id: str
    picture: str
    created_by: str
    created_at: str
    expires_at: str
    expired: bool


class ShareListShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An entity's shares, newest first."""

    shares: list[ShareShape]
    next_cursor: str | None


def created_share_shape(made: CreatedShare) -> CreatedShareShape:
    """Return a new share as served."""
    return CreatedShareShape(id=made.share.id, url=made.url, expires_at=rfc3339(made.share.expires_at))


def share_shape(share: SharedPicture, *, expired: bool) -> ShareShape:
    """Return a share as served."""
    return ShareShape(
        id=share.id,
        picture=share.picture,
        created_by=share.created_by,
        created_at=rfc3339(share.created_at),
        expires_at=rfc3339(share.expires_at),
        expired=expired,
    )
