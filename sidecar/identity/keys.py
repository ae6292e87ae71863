"""Keys: shared secrets with scopes."""

import hashlib
import hmac
from collections.abc import Iterable

from sidecar.domain.model import Principal


class KeyRing:
    """The configured keys; compares in constant time and keeps only digests."""

    def __init__(self, keys: Iterable[tuple[str, str, frozenset[str]]]) -> None:
        """Take ``(name, secret, scopes)`` of every key."""
        self._keys = tuple(
            (_digest(secret), Principal(name=f"key:{name}", scopes=scopes)) for name, secret, scopes in keys
        )

    def __bool__(self) -> bool:
        return bool(self._keys)

    def match(self, secret: str) -> Principal | None:
        """Return whose key this is; ``None`` if nobody's.

        Digests of equal length are compared, and all of them always, so that
        time tells neither length nor which key was near.
        """
        given = _digest(secret)
        found: Principal | None = None
        for digest, principal in self._keys:
            if hmac.compare_digest(digest, given):
                found = principal
        return found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
