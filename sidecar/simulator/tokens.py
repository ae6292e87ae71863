"""Login and API tokens: HS512 JWTs, and what Litmus's parser says of bad ones.

The messages are those of the Go library Litmus uses, in its order: form, header,
signature, expiry. Revocation is not known here.
"""

import base64
import binascii
import functools
import json
from typing import Any

import jwt

from sidecar.simulator.documents import User

_ALGORITHMS = ("HS256", "HS384", "HS512")


class TokenError(Exception):
    """The token does not hold; the message is the Go library's."""


class TokenFactory:
    """Makes and reads the tokens of one ChaosCenter."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        # Each is looked at several times a request.
        self._claims_of = functools.lru_cache(maxsize=256)(self._verified)

    def issue(self, user: User, expires_at_seconds: int) -> str:
        """Return a token; equal user and expiry second give the equal string."""
        claims = {
            "uid": user.user_id,
            "role": user.role,
            "username": user.username,
            "exp": expires_at_seconds,
        }
        return self.sign(claims)

    def sign(self, claims: dict[str, Any], *, algorithm: str = "HS512") -> str:
        """Return a token with just these claims."""
        return jwt.encode(claims, self._key, algorithm=algorithm)

    def parse(self, token: str, now: float) -> dict[str, Any]:
        """Return the claims.

        Raises:
            TokenError: If the token is malformed, wrongly signed or expired, in this order.
        """
        if token.count(".") != 2:  # noqa: PLR2004 - header, claims, signature
            raise TokenError("token contains an invalid number of segments")
        if token.lower().startswith("bearer "):
            raise TokenError("tokenstring should not contain 'bearer '")
        header, _, _ = (_segment(part) for part in token.split("."))
        algorithm = header.get("alg") if isinstance(header, dict) else None
        if algorithm not in _ALGORITHMS:
            raise TokenError(f"signing method {algorithm} is invalid")
        claims = self._claims_of(token)
        expires = claims.get("exp", 0)
        if expires and now >= expires:
            raise TokenError("Token is expired")
        return {**claims}

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=list(_ALGORITHMS),
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise TokenError("signature is invalid") from error
        return claims


def _segment(part: str) -> Any:
    """Decode a segment; the signature, which is not JSON, gives ``None``."""
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise TokenError("illegal base64 data at input byte 0") from error
    try:
        return json.loads(raw)
    except ValueError:
        return None
