"""A Litmus token, held so that it does not slip out.

Whoever carries a token carries this object; only what sends it opens it
(``reveal``). It is named by its fingerprint everywhere else.
"""

import hashlib
import hmac
from typing import Final, Never

from sidecar.litmus.wire.token_claims import TokenClaims, token_claims

_ID_DIGITS: Final = 16


class LitmusToken:
    """A token that never prints its value; equal to another one with the same value."""

    __slots__ = ("__value", "claims", "id")

    def __init__(self, value: str) -> None:
        self.__value = value
        self.id: Final = fingerprint(value)
        """The fingerprint, by which logs, answers and replicas name the token."""
        self.claims: Final[TokenClaims | None] = token_claims(value)
        """What it says of itself; ``None`` if it is no JWT."""

    def reveal(self) -> str:
        """Return the value; for the request that sends it, and for the one who asked for a new token."""
        return self.__value

    @property
    def is_sendable(self) -> bool:
        """Whether it can stand in a header at all."""
        value = self.__value
        return bool(value) and value.isascii() and value.isprintable() and " " not in value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LitmusToken):
            return NotImplemented
        return hmac.compare_digest(_bytes(self.__value), _bytes(other.__value))

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"LitmusToken({self.id})"

    def __reduce__(self) -> Never:
        raise TypeError("A token is not written down.")


def fingerprint(value: str) -> str:
    """Return the name of a token: the same on every replica, and no way back to the value."""
    return hashlib.sha256(_bytes(value)).hexdigest()[:_ID_DIGITS]


def _bytes(value: str) -> bytes:
    return value.encode(errors="surrogatepass")
