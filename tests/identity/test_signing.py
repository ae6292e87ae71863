"""The sidecar's own keys: what was signed or sealed comes back as it was, and nothing else does."""

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import StoreError
from sidecar.identity.signing import LONGEST_TOKEN, SigningKeys
from tests.support.memory_store.accounts import MemorySecrets

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OLD, NEW = "old signing key ".ljust(32, "o"), "new signing key ".ljust(32, "n")
CLAIMS = {"sub": "component:default/shop", "exp": int((NOW + timedelta(hours=1)).timestamp())}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# ``iss`` is the library's: it must be a text.
claim_names = st.sampled_from(("sub", "jti", "iat", "nbf", "picture")) | st.text().filter(
    lambda name: name not in {"aud", "exp", "iss"}
)
claims_of_any_form = st.dictionaries(claim_names, json_values, max_size=4)
# Lone surrogates too: they come out of percent-encoding and of JSON.
any_text = st.text(st.characters(codec=None, exclude_categories=()))


def keys(*configured: str) -> SigningKeys:
    return SigningKeys(configured, MemorySecrets())


class LostSecrets:
    """A store that is away while it says so."""

    def __init__(self) -> None:
        self.is_away = True
        self._inner = MemorySecrets()

    async def keep(self, name: str, made: str) -> str:
        if self.is_away:
            raise StoreError("The database cannot be reached.")
        # Others get their turn before the answer arrives, as with a database.
        kept = await self._inner.keep(name, made)
        await asyncio.sleep(0)
        return kept


class TestSignatures:
    @given(claims_of_any_form)
    async def test_what_was_signed_is_verified_as_it_was(self, claims: Mapping[str, Any]) -> None:
        signed = await keys(NEW).sign("share", claims)

        assert await keys(NEW).verify("share", signed, NOW) == claims

    @given(any_text)
    async def test_any_other_text_is_none(self, text: str) -> None:
        assert await keys(NEW, OLD).verify("share", text, NOW) is None

    @given(st.data())
    async def test_signed_text_that_was_changed_is_none_or_says_the_same(self, data: st.DataObject) -> None:
        signed = await keys(NEW).sign("share", CLAIMS)
        at = data.draw(st.integers(0, len(signed) - 1))
        put = data.draw(st.sampled_from([".", "A", "=", "é", ""]) | any_text)

        found = await keys(NEW).verify("share", signed[:at] + put + signed[at + 1 :], NOW)

        # The last letter of base64 has bits that count for nothing.
        assert found in (None, CLAIMS)

    @given(header=json_values, payload=json_values)
    async def test_parts_of_any_form_without_our_signature_are_none(self, header: Any, payload: Any) -> None:
        parts = [_base64(json.dumps(part).encode()) for part in (header, payload)]
        for signature in ("", _base64(b"\0" * 32)):
            assert await keys(NEW).verify("share", ".".join([*parts, signature]), NOW) is None

    async def test_another_purpose_is_none(self) -> None:
        signed = await keys(NEW).sign("share", CLAIMS)

        assert await keys(NEW).verify("form", signed, NOW) is None

    async def test_claims_end_at_their_very_second(self) -> None:
        signed = await keys(NEW).sign("share", CLAIMS)
        end = NOW + timedelta(hours=1)

        assert await keys(NEW).verify("share", signed, end - timedelta(microseconds=1)) == CLAIMS
        assert await keys(NEW).verify("share", signed, end) is None

    async def test_end_that_is_no_time_has_passed(self) -> None:
        signed = await keys(NEW).sign("share", {"exp": "never"})

        assert await keys(NEW).verify("share", signed, NOW) is None

    async def test_unsigned_claims_are_none(self) -> None:
        unsigned = jwt.encode({**CLAIMS, "aud": "share"}, "", algorithm="none")

        assert await keys(NEW).verify("share", unsigned, NOW) is None

    async def test_configured_key_itself_signs_nothing(self) -> None:
        forged = jwt.encode({**CLAIMS, "aud": "share"}, NEW, algorithm="HS256")

        assert await keys(NEW).verify("share", forged, NOW) is None

    async def test_header_nested_deeper_than_json_is_read_is_none(self) -> None:
        deep = _base64(b"[" * (LONGEST_TOKEN // 2))
        assert len(deep) < LONGEST_TOKEN

        assert await keys(NEW).verify("share", f"{deep}.e30.e30", NOW) is None

    async def test_text_longer_than_any_of_ours_is_none(self) -> None:
        signed = await keys(NEW).sign("share", {"note": "x" * LONGEST_TOKEN})

        assert await keys(NEW).verify("share", signed, NOW) is None


class TestSealing:
    @given(st.binary())
    async def test_what_was_sealed_is_unsealed_and_cannot_be_read(self, data: bytes) -> None:
        sealed = await keys(NEW).seal("token", data)

        assert await keys(NEW).unseal("token", sealed) == data
        assert len(data) < 4 or data not in sealed

    @given(st.binary())
    async def test_other_bytes_are_none(self, data: bytes) -> None:
        assert await keys(NEW, OLD).unseal("token", data) is None

    async def test_another_purpose_unseals_nothing(self) -> None:
        sealed = await keys(NEW).seal("token", b"secret")

        assert await keys(NEW).unseal("form", sealed) is None

    async def test_one_changed_byte_unseals_nothing(self) -> None:
        sealed = bytearray(await keys(NEW).seal("token", b"secret"))
        sealed[40] ^= 1

        assert await keys(NEW).unseal("token", bytes(sealed)) is None


class TestMacs:
    @given(any_text)
    async def test_mac_of_a_text_holds_and_never_changes(self, text: str) -> None:
        mac = await keys(NEW).mac("form", text)

        assert await keys(NEW).mac("form", text) == mac
        assert await keys(NEW).holds("form", text, mac)

    @given(text=any_text, given_mac=any_text)
    async def test_other_text_does_not_hold(self, text: str, given_mac: str) -> None:
        assert not await keys(NEW, OLD).holds("form", text, given_mac)

    @given(st.lists(any_text, min_size=2, max_size=2, unique=True))
    async def test_mac_of_one_text_does_not_hold_for_another(self, texts: list[str]) -> None:
        assert not await keys(NEW).holds("form", texts[0], await keys(NEW).mac("form", texts[1]))

    async def test_mac_for_another_purpose_does_not_hold(self) -> None:
        assert not await keys(NEW).holds("form", "a", await keys(NEW).mac("share", "a"))


class TestRotation:
    async def test_what_the_key_before_made_still_holds(self) -> None:
        before, after = keys(OLD), keys(NEW, OLD)

        assert await after.verify("share", await before.sign("share", CLAIMS), NOW) == CLAIMS
        assert await after.unseal("token", await before.seal("token", b"secret")) == b"secret"
        assert await after.holds("form", "a", await before.mac("form", "a"))

    async def test_new_key_is_used_from_then_on(self) -> None:
        rotated, new = keys(NEW, OLD), keys(NEW)

        assert await new.verify("share", await rotated.sign("share", CLAIMS), NOW) == CLAIMS
        assert await new.unseal("token", await rotated.seal("token", b"secret")) == b"secret"
        assert await new.holds("form", "a", await rotated.mac("form", "a"))

    async def test_nothing_of_a_removed_key_holds(self) -> None:
        before, after = keys(OLD), keys(NEW)

        assert await after.verify("share", await before.sign("share", CLAIMS), NOW) is None
        assert await after.unseal("token", await before.seal("token", b"secret")) is None
        assert not await after.holds("form", "a", await before.mac("form", "a"))


class TestKeptKey:
    async def test_two_that_ask_at_once_have_one_key(self) -> None:
        secrets = LostSecrets()
        secrets.is_away = False
        one, other = SigningKeys([], secrets), SigningKeys([], secrets)

        first, second, third = await asyncio.gather(
            one.mac("form", "a"), other.mac("form", "a"), one.mac("form", "a")
        )

        assert first == second == third

    async def test_made_keys_differ(self) -> None:
        assert await keys().mac("form", "a") != await keys().mac("form", "a")

    async def test_key_that_was_had_once_needs_no_store(self) -> None:
        secrets = LostSecrets()
        signing = SigningKeys([], secrets)
        with pytest.raises(StoreError):
            await signing.verify("share", "", NOW)
        secrets.is_away = False
        signed = await signing.sign("share", CLAIMS)
        secrets.is_away = True

        assert await signing.verify("share", signed, NOW) == CLAIMS

    async def test_configured_keys_need_no_store(self) -> None:
        signing = SigningKeys([NEW], LostSecrets())

        assert await signing.verify("share", await signing.sign("share", CLAIMS), NOW) == CLAIMS


async def test_no_key_is_printed() -> None:
    configured = keys(NEW)
    await configured.mac("form", "a")

    assert NEW[:16] not in f"{configured!r} {configured}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
