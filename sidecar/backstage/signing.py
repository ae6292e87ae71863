"""Our own credential towards Backstage: short-lived tokens signed with a configured key.

For Backstage's external access of type ``jwks``: Backstage reads the public
half from an address it is told, and compares issuer and audience.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from sidecar.domain.errors import ConfigError
from sidecar.domain.ports import Clock

LIFETIME: Final = timedelta(minutes=10)
RENEWED_BEFORE: Final = timedelta(minutes=2)
MIN_RSA_BITS: Final = 2_048
SUBJECT: Final = "litmus-sidecar"

_ALGORITHM_OF_CURVE: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_IDENTIFYING: Final = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}


class CatalogSigner:
    """Makes the tokens, and says with which public key they are verified."""

    def __init__(self, private_key_pem: str, *, issuer: str, audience: str, clock: Clock) -> None:
        """Take a PEM private key: EC (P-256, P-384, P-521), RSA of 2048 bits or more, or Ed25519.

        Raises:
            ConfigError: If the key cannot be used; nothing of it is in the sentence.
        """
        self._key, self.algorithm, public = _parsed(private_key_pem)
        self._issuer, self._audience = issuer, audience
        self._clock = clock
        self._token = ""
        self._renew_at = 0.0
        self._public = {**public, "kid": _thumbprint(public), "alg": self.algorithm, "use": "sig"}

    def token(self) -> str:
        """Return a token that holds for at least two minutes more."""
        now = self._clock()
        if not self._renew_at - LIFETIME.total_seconds() <= now.timestamp() < self._renew_at:
            claims = {
                "iss": self._issuer,
                "aud": self._audience,
                "sub": SUBJECT,
                "iat": int(now.timestamp()),
                "exp": int((now + LIFETIME).timestamp()),
            }
            self._token = jwt.encode(
                claims, self._key, algorithm=self.algorithm, headers={"kid": self._public["kid"]}
            )
            self._renew_at = (now + LIFETIME - RENEWED_BEFORE).timestamp()
        return self._token

    def public_keys(self) -> Mapping[str, Any]:
        """Return the key set that Backstage is to read (``options.url`` of its ``jwks`` access)."""
        return {"keys": [self._public]}


def _parsed(
    pem: str,
) -> tuple[EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey, str, Mapping[str, Any]]:
    """Return the key, its algorithm, and its public half as a JWK."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable() from None
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _ALGORITHM_OF_CURVE:
        return key, _ALGORITHM_OF_CURVE[key.curve.name], ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    if isinstance(key, RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return key, "RS256", {name: public[name] for name in ("kty", "n", "e")}
    if isinstance(key, Ed25519PrivateKey):
        return key, "EdDSA", OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    raise _unusable()


def _unusable() -> ConfigError:
    wanted = f"EC (P-256, P-384, P-521), RSA of at least {MIN_RSA_BITS} bits, or Ed25519"
    return ConfigError(
        (f"litmusSidecar.catalog.backstage.signingKey: must be an unencrypted PEM private key: {wanted}",)
    )


def _thumbprint(public: Mapping[str, Any]) -> str:
    """Return the key's id, derived from the key itself (RFC 7638)."""
    identifying = {name: public[name] for name in _IDENTIFYING[public["kty"]]}
    digest = hashlib.sha256(msgspec.json.encode(identifying, order="sorted")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
