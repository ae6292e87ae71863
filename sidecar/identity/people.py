"""People as verified: who somebody is and which groups vouch for them. Pure."""

from datetime import datetime

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose identity is proven."""

    ref: str
    """Full, lower-case reference, ``user:default/alice``."""
    expires_at: datetime | None = None
    """When the proof ends, UTC; ``None`` where each request proves it anew (authenticating proxy)."""
    groups: frozenset[str] = frozenset()
    """Group references that came with the proof. A Backstage token has none: ask for its ownership."""
