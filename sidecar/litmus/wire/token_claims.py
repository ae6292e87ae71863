"""What a token says of itself, read without a key.

For telling people when a token expires and whose it is. It proves nothing:
only Litmus can say whether the token holds.
"""

from datetime import UTC, datetime
from typing import Final

import jwt
import msgspec

from sidecar.domain.unreadable import UNREADABLE

_LONGEST_TEXT: Final = 256


class TokenClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a Litmus token; each is ``None`` where the token lacks it or holds something else."""

    uid: str | None
    username: str | None
    role: str | None
    """Account role, ``admin`` or ``user``; gives no right in any project."""
    expires_at: datetime | None
    """UTC; ``None`` for a token that never expires (no ``exp``, or 0)."""


def token_claims(token: str) -> TokenClaims | None:
    """Return what the token claims, or ``None`` if it is no JWT. Never raises, whatever the text."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except UNREADABLE:
        return None
    return TokenClaims(
        uid=_text(claims.get("uid")),
        username=_text(claims.get("username")),
        role=_text(claims.get("role")),
        expires_at=_time(claims.get("exp")),
    )


def _text(value: object) -> str | None:
    """Return a name or an id; ``None`` for what could be neither sent, stored nor shown."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        return None
    return value


def _time(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
