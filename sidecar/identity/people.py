"""People as verified: who somebody is and which groups vouch for them. Pure."""

import re
from datetime import datetime
from typing import Final

import msgspec

_PART: Final = r"[^\s:/]{1,127}"
_REF: Final = re.compile(rf"(?P<kind>[A-Za-z][A-Za-z0-9]{{0,62}}):(?P<namespace>{_PART})/(?P<name>{_PART})")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose identity is proven."""

    ref: str
    """Full, lower-case reference, ``user:default/alice``."""
    expires_at: datetime | None = None
    """When the proof ends, UTC; ``None`` where each request proves it anew (authenticating proxy)."""
    groups: frozenset[str] = frozenset()
    """Group references that came with the proof. A Backstage token has none: ask for its ownership."""


def full_ref(text: object, *kinds: str) -> str | None:
    """Return a full entity reference in lower case; ``None`` if it is none, or of another kind.

    Wider than what Backstage allows in names: a sign-in resolver may name people the catalog does not have.
    """
    match = _REF.fullmatch(text) if isinstance(text, str) else None
    if match is None or not match.string.isprintable():
        return None
    if kinds and match["kind"].lower() not in kinds:
        return None
    return match.string.lower()
