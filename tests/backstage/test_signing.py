"""Our own credential towards Backstage: keys that can be used, tokens that hold."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sidecar.backstage.catalog import BackstageCatalog
from sidecar.backstage.signing import CatalogSigner
from sidecar.backstage.transport import open_backstage_http
from sidecar.domain.errors import ConfigError
from tests.support.backstage import FixedClock, component, open_backstage

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey


def pem(key: Private, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def signer(key: str, clock: FixedClock) -> CatalogSigner:
    return CatalogSigner(key, issuer="sidecar", audience="backstage-catalog", clock=clock)


GOOD: dict[str, tuple[Private, str]] = {
    "P-256": (ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "P-384": (ec.generate_private_key(ec.SECP384R1()), "ES384"),
    "P-521": (ec.generate_private_key(ec.SECP521R1()), "ES512"),
    "RSA": (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
}


@pytest.mark.parametrize(("key", "algorithm"), GOOD.values(), ids=GOOD)
def test_the_published_key_verifies_the_token(key: Private, algorithm: str) -> None:
    made = signer(pem(key), FixedClock())
    (public,) = made.public_keys()["keys"]
    token = made.token()
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": public["kid"], "typ": "JWT"}
    claims = jwt.decode(
        token,
        jwt.PyJWKSet.from_dict(dict(made.public_keys()))[public["kid"]],
        algorithms=[algorithm],
        issuer="sidecar",
        audience="backstage-catalog",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["sub"] == "litmus-sidecar"
    assert claims["exp"] - claims["iat"] == 600


@pytest.mark.parametrize("key", [key for key, _ in GOOD.values()], ids=GOOD)
def test_nothing_private_is_published(key: Private) -> None:
    (public,) = signer(pem(key), FixedClock()).public_keys()["keys"]
    assert set(public) <= {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}


def test_a_token_is_made_anew_before_it_ends() -> None:
    clock = FixedClock()
    made = signer(pem(GOOD["P-256"][0]), clock)
    first = made.token()
    clock.advance(479)
    assert made.token() == first
    clock.advance(1)
    assert made.token() != first


def test_a_token_is_made_anew_after_the_clock_was_set_back() -> None:
    clock = FixedClock()
    made = signer(pem(GOOD["P-256"][0]), clock)
    first = made.token()
    clock.advance(-3600)
    assert made.token() != first


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        pem(GOOD["P-256"][0], b"password"),
        pem(ec.generate_private_key(ec.SECP256K1())),
        pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505 - to be refused
        pem(x25519.X25519PrivateKey.generate()),
    ],
    ids=["empty", "text", "encrypted", "other curve", "short RSA", "cannot sign"],
)
def test_a_key_that_cannot_be_used_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        signer(text, FixedClock())
    assert "signingKey" in str(refused.value)
    assert not text or text not in str(refused.value)


async def test_backstage_opens_its_catalog_to_a_signed_token() -> None:
    clock = FixedClock()
    made = signer(pem(GOOD["P-256"][0]), clock)
    async with open_backstage() as backstage, open_backstage_http(backstage.url) as http:
        backstage.entities = [component("cart", spec={"owner": "team-a", "system": "shop"})]
        catalog = BackstageCatalog(http, ["default"], token=made.token, clock=clock)
        await catalog.refresh()
        assert "401" in catalog.current.problems[0]
        backstage.service_keys = list(made.public_keys()["keys"])
        await catalog.refresh()
    assert [entity.ref for entity in catalog.current.entities] == ["component:default/cart"]
