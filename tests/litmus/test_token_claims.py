"""Reading a token's claims never fails and never needs a key."""

from datetime import UTC, datetime

import jwt
from hypothesis import given
from hypothesis import strategies as st

from sidecar.litmus.wire.token_claims import TokenClaims, token_claims

KEY = "k" * 64


def signed(**claims: object) -> str:
    return jwt.encode(claims, KEY, algorithm="HS512")


def test_the_claims_of_a_litmus_token_are_read() -> None:
    token = signed(uid="u-1", role="user", username="backstage", exp=1_763_728_770)

    assert token_claims(token) == TokenClaims(
        uid="u-1",
        role="user",
        username="backstage",
        expires_at=datetime(2025, 11, 21, 12, 39, 30, tzinfo=UTC),
    )


def test_a_token_without_expiry_never_expires() -> None:
    claims = token_claims(signed(uid="u-1"))

    assert claims is not None
    assert claims.expires_at is None


def test_claims_of_other_types_are_none() -> None:
    claims = token_claims(signed(uid=5, role=None, username=["x"], exp=10**40))

    assert claims == TokenClaims(uid=None, role=None, username=None, expires_at=None)


@given(st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True)))
def test_garbage_is_no_token(text: str) -> None:
    assert token_claims(text) is None


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text(), st.floats(allow_nan=False))))
def test_any_claims_are_read_without_an_error(claims: dict[str, object]) -> None:
    claims.pop("iss", None)  # The encoder itself insists on text here.

    assert isinstance(token_claims(signed(**claims)), TokenClaims)
