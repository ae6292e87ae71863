"""How much life a managed token must have to be used, and may have. Pure."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from sidecar.litmus.transport.auth import ListedToken
from sidecar.litmus.wire.token import LitmusToken

DAY_OF_GRACE: Final = timedelta(days=1)
"""Litmus counts calendar days, and its clock is not ours."""


class LifetimePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How much life a token must have, and may have."""

    days: int
    """Lifetime of the tokens that are made."""
    renewed_before: float
    """Part of its lifetime that a token must still have, or another one is used."""

    def has_life(self, token: LitmusToken, row: ListedToken | None, now: datetime) -> bool:
        """Tell whether enough life is left; the token itself says when it ends, Litmus's row since when."""
        ends_at = expiry(token, row)
        if ends_at is None:
            return False
        lifetime = timedelta(days=self.days)
        if row is not None and row.created_at is not None:
            lifetime = min(lifetime, ends_at - row.created_at)
        return ends_at - now > max(lifetime * self.renewed_before, timedelta(0))

    def is_too_long(self, token: LitmusToken, row: ListedToken, now: datetime) -> bool:
        """Tell whether it lives longer than one that is made now: by hand, or when ``days`` was more.

        Both times of Litmus's own are looked at too, so that a clock of ours
        that is behind does not make every token too long.
        """
        ends_at = expiry(token, row)
        if ends_at is None:
            return True
        left = ends_at - now
        if row.created_at is not None:
            left = min(left, ends_at - row.created_at)
        return left > timedelta(days=self.days) + DAY_OF_GRACE

    def is_usable(self, row: ListedToken, now: datetime) -> bool:
        """Tell whether a listed token may be taken into use."""
        return self.has_life(row.token, row, now) and not self.is_too_long(row.token, row, now)


def expiry(token: LitmusToken, row: ListedToken | None) -> datetime | None:
    """Return when a token ends, by itself or else by Litmus's list; ``None``: never, or nobody says."""
    claims = token.claims
    if claims is not None and claims.expires_at is not None:
        return claims.expires_at
    return row.expires_at if row is not None else None


def age_key(row: ListedToken) -> tuple[float, float]:
    """Return what listed tokens are ordered by, the oldest first."""
    ends_at = expiry(row.token, row)
    return (
        row.created_at.timestamp() if row.created_at is not None else 0.0,
        ends_at.timestamp() if ends_at is not None else 0.0,
    )
