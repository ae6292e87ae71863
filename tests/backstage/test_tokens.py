"""Whose token it is: every kind of token with its exact outcome."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from sidecar.backstage.transport import BackstageHttp
from sidecar.backstage.users import (
    JWKS_PATH,
    MAX_TOKEN_LENGTH,
    BackstageUsers,
    Refusal,
    TokenRefusedError,
    open_backstage_users,
)
from sidecar.domain.errors import ConfigError, UnauthenticatedError
from tests.support.backstage import (
    ISSUER,
    NOW,
    Backstage,
    FixedClock,
    SigningKey,
    hand_made,
    limited_user_token,
    unlisted_token,
    user_claims,
)

ALICE = "user:default/alice"
UNIX = int(NOW.timestamp())

MakeToken = Callable[[SigningKey], str]


def changed(**claims: Any) -> MakeToken:
    """A token whose claims differ from a good one's."""
    return lambda key: key.sign(user_claims(**claims))


def headed(**header: Any) -> MakeToken:
    """A token whose header differs from a good one's; still signed by the listed key."""
    return lambda key: key.sign(user_claims(), **header)


def shared_secret(key: SigningKey) -> str:
    """HS256 with the public key as secret: taken by a verifier that lets the token choose the algorithm."""
    header = {"typ": "vnd.backstage.user", "alg": "HS256", "kid": key.key_id}
    signed = hand_made(header, user_claims()).rpartition(".")[0]
    mac = hmac.new(key.public_pem, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def unsigned(key: SigningKey) -> str:
    return hand_made({"typ": "vnd.backstage.user", "alg": "none", "kid": key.key_id}, user_claims())


def tampered(key: SigningKey) -> str:
    """A good token's signature under other claims."""
    header, _, signature = key.sign(user_claims()).split(".")
    _, claims, _ = key.sign(user_claims("user:default/mallory")).split(".")
    return f"{header}.{claims}.{signature}"


def plugin(key: SigningKey) -> str:
    claims = {"sub": "proxy-caller", "aud": "proxy", "iat": UNIX, "exp": UNIX + 3600}
    return key.sign(claims, typ="vnd.backstage.plugin")


def own_key_under_listed_id(key: SigningKey) -> str:
    return SigningKey().sign(user_claims(), kid=key.key_id)


def deeply_nested(key: SigningKey) -> str:
    # Deeper than any release of Python reads; to close it all would make the token too long.
    header = b'{"typ":' + b"[" * 11_000
    return ".".join(
        (urlsafe_b64encode(header).rstrip(b"=").decode(), *key.sign(user_claims()).split(".")[1:])
    )


ACCEPTED: dict[str, MakeToken] = {
    "a user's token": changed(),
    "expired, just within the leeway": changed(iat=UNIX - 3600, exp=UNIX - 9),
    "from the future, just within the leeway": changed(iat=UNIX + 10),
    "not to be used before, just within the leeway": changed(nbf=UNIX + 10),
    "with its groups inside": changed(ent=[ALICE, "group:default/team-a"]),
    "of a user in capitals": changed(sub="User:Default/Alice"),
}
REFUSED: dict[str, tuple[MakeToken, Refusal]] = {
    "expired, just past the leeway": (changed(iat=UNIX - 3600, exp=UNIX - 10), Refusal.EXPIRED),
    "from the future, just past the leeway": (changed(iat=UNIX + 11), Refusal.NOT_YET),
    "not to be used before, just past the leeway": (changed(nbf=UNIX + 11), Refusal.NOT_YET),
    "for another audience": (changed(aud="proxy"), Refusal.AUDIENCE),
    "for several audiences": (changed(aud=["backstage", "proxy"]), Refusal.AUDIENCE),
    "without audience": (changed(aud=None), Refusal.CLAIM_MISSING),
    "of another issuer": (changed(iss="https://other.example.com/api/auth"), Refusal.ISSUER),
    "of an issuer with a slash more": (changed(iss=ISSUER + "/"), Refusal.ISSUER),
    "without issuer": (changed(iss=None), Refusal.CLAIM_MISSING),
    "without exp": (changed(exp=None), Refusal.CLAIM_MISSING),
    "without iat": (changed(iat=None), Refusal.CLAIM_MISSING),
    "without sub": (changed(sub=None), Refusal.CLAIM_MISSING),
    "exp is text": (changed(exp=str(UNIX + 3600)), Refusal.MALFORMED),
    "exp is true": (changed(exp=True), Refusal.MALFORMED),
    "exp is beyond all numbers": (changed(exp=10**400), Refusal.MALFORMED),
    "iat is text": (changed(iat="now"), Refusal.MALFORMED),
    "sub is a group": (changed(sub="group:default/team-a"), Refusal.SUBJECT),
    "sub is a bare name": (changed(sub="alice"), Refusal.SUBJECT),
    "sub only looks like alice": (changed(sub="user:default/\uff41lice"), Refusal.SUBJECT),
    "sub has a Kelvin sign for k": (changed(sub="user:default/\u212aim"), Refusal.SUBJECT),
    "sub is a number": (changed(sub=7), Refusal.SUBJECT),
    "sub has a line break": (changed(sub="user:default/alice\nadmin"), Refusal.SUBJECT),
    "typ of an ordinary JWT": (headed(typ="JWT"), Refusal.KIND),
    "typ in capitals": (headed(typ="VND.BACKSTAGE.USER"), Refusal.KIND),
    "without typ": (headed(typ=None), Refusal.KIND),
    "a limited user's": (limited_user_token, Refusal.KIND),
    "a plugin's": (plugin, Refusal.KIND),
    "static": (lambda _: "a-long-static-token-0123456789", Refusal.MALFORMED),
    "empty": (lambda _: "", Refusal.MALFORMED),
    "not ASCII": (lambda _: "ü.ü.ü", Refusal.MALFORMED),
    "unsigned (alg none)": (unsigned, Refusal.ALGORITHM),
    "HS256 with the public key": (shared_secret, Refusal.ALGORITHM),
    "of a key nobody listed": (lambda _: unlisted_token(), Refusal.KEY),
    "of a foreign key under a listed id": (own_key_under_listed_id, Refusal.SIGNATURE),
    "with changed claims": (tampered, Refusal.SIGNATURE),
    "without key id": (
        lambda key: hand_made({"typ": "vnd.backstage.user", "alg": "ES256"}, user_claims(), key.public_pem),
        Refusal.MALFORMED,
    ),
    "with critical extensions": (headed(crit=["b64"]), Refusal.MALFORMED),
    "with a header nested too deep": (deeply_nested, Refusal.MALFORMED),
    "oversized": (lambda key: key.sign(user_claims(ent=["x" * MAX_TOKEN_LENGTH])), Refusal.TOO_LARGE),
}


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED)
async def test_a_token_that_holds_names_its_person(
    users: BackstageUsers, backstage: Backstage, make: MakeToken
) -> None:
    assert (await users.verify(make(backstage.keys[0]))).ref == ALICE


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_token_that_does_not_hold_is_refused_for_its_reason(
    users: BackstageUsers, backstage: Backstage, make: MakeToken, reason: Refusal
) -> None:
    with pytest.raises(TokenRefusedError) as refused:
        await users.verify(make(backstage.keys[0]))
    assert refused.value.reason is reason
    assert isinstance(refused.value, UnauthenticatedError)


async def test_expiry_is_that_of_the_token(users: BackstageUsers, backstage: Backstage) -> None:
    person = await users.verify(backstage.token())
    assert person.expires_at == NOW + timedelta(hours=1)


async def test_a_verified_token_is_remembered_no_longer_than_it_lives(
    users: BackstageUsers, backstage: Backstage, clock: FixedClock
) -> None:
    token = backstage.token()
    await users.verify(token)
    clock.advance(3609)
    assert (await users.verify(token)).ref == ALICE
    clock.advance(1)
    with pytest.raises(TokenRefusedError) as refused:
        await users.verify(token)
    assert refused.value.reason is Refusal.EXPIRED


async def test_a_key_of_another_type_never_verifies_under_the_name_of_an_allowed_algorithm(
    http: BackstageHttp, backstage: Backstage, clock: FixedClock
) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    listed = {"keys": [{**{name: jwk[name] for name in ("kty", "n", "e")}, "kid": "r", "alg": "RS256"}]}
    backstage.failing[JWKS_PATH] = json.dumps(listed).encode()
    headers = {"typ": "vnd.backstage.user", "kid": "r"}
    token = jwt.encode(user_claims(), private, algorithm="RS512", headers=headers)
    async with open_backstage_users(http, issuer=ISSUER, algorithms=["RS256", "RS512"], clock=clock) as users:
        with pytest.raises(TokenRefusedError) as refused:
            await users.verify(token)
        assert refused.value.reason is Refusal.ALGORITHM
        honest = jwt.encode(user_claims(), private, algorithm="RS256", headers=headers)
        assert (await users.verify(honest)).ref == ALICE


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES256K", ""])
async def test_no_algorithm_with_a_shared_secret_can_be_configured(
    http: BackstageHttp, clock: FixedClock, algorithm: str
) -> None:
    with pytest.raises(ConfigError):
        async with open_backstage_users(http, issuer=ISSUER, algorithms=["ES256", algorithm], clock=clock):
            pass


async def test_expiry_is_told_in_utc(users: BackstageUsers, backstage: Backstage) -> None:
    person = await users.verify(backstage.token(exp=UNIX + 1.5))
    assert person.expires_at == datetime.fromtimestamp(UNIX + 1.5, UTC)
