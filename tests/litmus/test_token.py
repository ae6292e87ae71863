"""The object that holds a token, and what is known of the one in use."""

import base64
import io
import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from sidecar.domain.errors import TokenRejectedError, TokenRevokedError
from sidecar.domain.ports import TokenState
from sidecar.litmus.tokens.holder import HeldToken
from sidecar.litmus.wire.token import LitmusToken
from sidecar.telemetry.logs import configure_logging
from tests.litmus.tokens import Clock

NOW = datetime.fromtimestamp(Clock().seconds, UTC)


def token(name: str = "robot", expires_at: datetime | None = None) -> LitmusToken:
    claims: dict[str, object] = {"uid": "u-1", "username": name, "role": "user"}
    if expires_at is not None:
        claims["exp"] = expires_at
    return LitmusToken(jwt.encode(claims, "k" * 64, algorithm="HS512"))


def test_no_way_to_print_a_token_shows_any_of_it() -> None:
    one = token()
    value = one.reveal()
    for text in (repr(one), str(one), f"{one}", f"{one!r:>90}", "%s" % one, repr([one]), repr({one: one})):  # noqa: UP031 - this way too
        for part in (value[:12], *value.split("."), base64.b64encode(value.encode()).decode()[:12]):
            assert part not in text
        assert one.id in text


def test_a_token_cannot_be_pickled_and_has_no_attributes_to_list() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(token())
    with pytest.raises(TypeError):
        vars(token())


def test_equal_values_are_equal_tokens_with_one_fingerprint() -> None:
    assert token() == LitmusToken(token().reveal())
    assert token() != token("other")
    assert token() != token().reveal()
    assert token().id == LitmusToken(token().reveal()).id != token("other").id


def test_text_that_is_no_unicode_has_a_fingerprint_too() -> None:
    assert LitmusToken("\ud800").id != LitmusToken("").id


@pytest.mark.parametrize("value", ["", "two words", "line\nbreak", "not ascii: é", "\x7f"])
def test_what_cannot_stand_in_a_header_is_known(value: str) -> None:
    assert not LitmusToken(value).is_sendable


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging(stream=stream, as_json=True)
    yield stream
    root.handlers, root.level = handlers, level


def test_without_a_token_nothing_can_be_sent() -> None:
    held = HeldToken("default", "credentials", Clock().now)
    assert held.state is TokenState.MISSING
    with pytest.raises(TokenRejectedError):
        held.current()


def known(held: HeldToken) -> tuple[str, str | None]:
    return held.status.state.value, held.status.problem


def test_a_token_is_unproven_until_litmus_took_it_and_good_again_after_a_rejection() -> None:
    one = token()
    held = HeldToken("default", "token", Clock().now, one)
    assert known(held) == ("unproven", None)
    held.accepted(one)
    assert known(held) == ("good", None)
    held.rejected(one, TokenRevokedError("revoked"))
    assert known(held) == ("rejected", "revoked")
    held.accepted(one)
    assert known(held) == ("good", None)


def test_what_litmus_says_of_a_token_that_was_replaced_is_over() -> None:
    """A request that was under way at the switch may come back with any answer."""
    old, new = token("old"), token("new")
    held = HeldToken("default", "token", Clock().now, old)
    held.use(new)
    held.rejected(old, TokenRejectedError("old"))
    assert known(held) == ("good", None)
    held.rejected(new, TokenRejectedError("new"))
    held.accepted(old)
    assert known(held) == ("rejected", "new")


def test_the_end_of_a_token_is_told_once_at_each_of_three_distances(log: io.StringIO) -> None:
    clock = Clock()
    held = HeldToken("default", "token", clock.now, token(expires_at=NOW + timedelta(days=20)))
    warned = []
    for _ in range(22 * 24):
        clock.pass_by(hours=1)
        held.warn_of_expiry()
        if lines := log.getvalue().splitlines():
            warned += lines
            log.seek(0)
            log.truncate()
    left = [20 - 6, 20 - 17, 20 - 19]
    assert len(warned) == len(left)
    assert all("token expires soon" in line for line in warned)


def test_a_new_token_is_warned_of_anew(log: io.StringIO) -> None:
    held = HeldToken("default", "tokenFile", Clock().now, token(expires_at=NOW + timedelta(days=10)))
    held.warn_of_expiry()
    held.use(token("next", expires_at=NOW + timedelta(days=11)))
    held.warn_of_expiry()
    assert log.getvalue().count("token expires soon") == 2


def test_a_token_that_renews_itself_is_warned_of_only_when_that_fails(log: io.StringIO) -> None:
    held = HeldToken("default", "credentials", Clock().now, token(expires_at=NOW + timedelta(days=5)))
    held.warn_of_expiry()
    assert log.getvalue() == ""
    held.report("It could not be renewed.")
    held.warn_of_expiry()
    assert "token expires soon" in log.getvalue()


def test_a_token_that_never_expires_is_not_warned_of(log: io.StringIO) -> None:
    HeldToken("default", "token", Clock().now, token()).warn_of_expiry()
    assert log.getvalue() == ""


def test_a_problem_is_logged_when_it_begins_and_not_again(log: io.StringIO) -> None:
    held = HeldToken("default", "tokenFile", Clock().now, token())
    for problem in ("one", "one", "two", None, "two"):
        held.report(problem)
    assert log.getvalue().count("no new token") == 3
