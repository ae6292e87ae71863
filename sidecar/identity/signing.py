"""The sidecar's own keys: what it signs, encrypts and later knows again.

Of every key, one is derived (HKDF-SHA256) for each use and purpose, so that
what was made for one purpose says nothing for another. The first key signs and
encrypts, all of them verify and decrypt: a key is replaced by putting the new
one before it. Keys are never printed, and nothing here logs.
"""

import base64
import hmac
import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import jwt
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sidecar.domain.ports import Secrets
from sidecar.domain.unreadable import UNREADABLE

KEPT_AS: Final = "signing-key"
"""Name in the store of the key that is made when none is configured."""
LONGEST_TOKEN: Final = 8_192
"""Characters; what we sign is far shorter, and nobody is to make us read more."""

_ALGORITHM: Final = "HS256"
_KEY_BYTES: Final = 32


class SigningKeys:
    """Signs, encrypts and authenticates, each for a purpose: a constant word of the code, ``session`` say.

    Every method raises :class:`errors.StoreError` while no key is configured
    and the one in the store could not be read yet.
    """

    def __init__(self, configured: Sequence[str], secrets: Secrets) -> None:
        """Take the configured keys, the first to be used; without any, one is made and kept in the store."""
        self._roots = tuple(key.encode() for key in configured)
        self._secrets = secrets

    async def sign(self, purpose: str, claims: Mapping[str, Any]) -> str:
        """Return the claims as a signed text that is safe in URLs and cookies; anybody can read it.

        Args:
            purpose: What the text is for; told as ``aud``, which the claims must not have.
            claims: JSON values; ``exp``, seconds since 1970, says when they end to hold.
        """
        key, *_ = await self._derived("sign", purpose)
        return jwt.encode({**claims, "aud": purpose}, key, algorithm=_ALGORITHM)

    async def verify(self, purpose: str, token: str, now: datetime) -> dict[str, Any] | None:
        """Return the claims as signed; ``None`` for any text that we did not sign for this, or that ended."""
        if len(token) > LONGEST_TOKEN:
            return None
        for key in await self._derived("sign", purpose):
            claims = _claims(token, key, purpose)
            if claims is not None:
                return claims if _holds_at(claims, now) else None
        return None

    async def seal(self, purpose: str, data: bytes) -> bytes:
        """Return the data encrypted, so that a change is noticed; its length shows."""
        return (await self._box(purpose)).encrypt(data)

    async def unseal(self, purpose: str, sealed: bytes) -> bytes | None:
        """Return what was sealed; ``None`` if we did not seal it for this, or its key is gone."""
        try:
            return (await self._box(purpose)).decrypt(sealed)
        except InvalidToken:
            return None

    async def mac(self, purpose: str, text: str) -> str:
        """Return 43 characters that only we can tell of this text; the same while the first key is."""
        key, *_ = await self._derived("mac", purpose)
        return _mac(key, text)

    async def holds(self, purpose: str, text: str, given: str) -> bool:
        """Tell whether this is the text's :meth:`mac` with any of the keys; compares in constant time."""
        raw = given.encode(errors="surrogatepass")
        keys = await self._derived("mac", purpose)
        return any(hmac.compare_digest(_mac(key, text).encode(), raw) for key in keys)

    async def _box(self, purpose: str) -> MultiFernet:
        return MultiFernet(
            [Fernet(base64.urlsafe_b64encode(key)) for key in await self._derived("seal", purpose)]
        )

    async def _derived(self, use: str, purpose: str) -> list[bytes]:
        """Return the key of each configured one for this use and purpose alone, in their order."""
        if not self._roots:
            # Asked at once, all get the same: the store keeps the first that is made.
            made = randomness.token_urlsafe(_KEY_BYTES)
            self._roots = ((await self._secrets.keep(KEPT_AS, made)).encode(),)
        info = f"litmus-sidecar {use} {purpose}".encode()
        return [HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(root) for root in self._roots]


def _claims(token: str, key: bytes, purpose: str) -> dict[str, Any] | None:
    """Return the claims as they were given to be signed; whether they still hold is looked at elsewhere."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=purpose,
            # The caller's clock decides, and the claims are ours: their form is what we gave them.
            options={
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    # A text may also be no Unicode, or nest deeper than JSON is read.
    except UNREADABLE:
        return None
    del claims["aud"]
    return claims


def _holds_at(claims: Mapping[str, Any], now: datetime) -> bool:
    if "exp" not in claims:
        return True
    ends = claims["exp"]
    return isinstance(ends, int | float) and now.timestamp() < ends


def _mac(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(errors="surrogatepass"), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
