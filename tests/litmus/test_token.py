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
from sidecar.litmus.tokens.holder import TokenHolder
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
    holder = TokenHolder("default", "credentials", Clock().now)
    assert holder.state is TokenState.MISSING
    with pytest.raises(TokenRejectedError):
        holder.current()


def known(holder: TokenHolder) -> tuple[str, str | None]:
    return holder.status.state.value, holder.status.problem


def test_a_token_is_unproven_until_litmus_took_it_and_good_again_after_a_rejection() -> None:
    one = token()
    holder = TokenHolder("default", "token", Clock().now, one)
    assert known(holder) == ("unproven", None)
    holder.accepted(one)
    assert known(holder) == ("good", None)
    holder.rejected(one, TokenRevokedError("revoked"))
    assert known(holder) == ("rejected", "revoked")
    holder.accepted(one)
    assert known(holder) == ("good", None)


def test_what_litmus_says_of_a_token_that_was_replaced_is_over() -> None:
    """A request that was under way at the switch may come back with any answer."""
    old, new = token("old"), token("new")
    holder = TokenHolder("default", "token", Clock().now, old)
    holder.use(new)
    holder.rejected(old, TokenRejectedError("old"))
    assert known(holder) == ("good", None)
    holder.rejected(new, TokenRejectedError("new"))
    holder.accepted(old)
    assert known(holder) == ("rejected", "new")


def test_the_end_of_a_token_is_told_once_at_each_of_three_distances(log: io.StringIO) -> None:
    clock = Clock()
    holder = TokenHolder("default", "token", clock.now, token(expires_at=NOW + timedelta(days=20)))
    warned = []
    for _ in range(22 * 24):
        clock.pass_by(hours=1)
        holder.warn_of_expiry()
        if lines := log.getvalue().splitlines():
            warned += lines
            log.seek(0)
            log.truncate()
    left = [20 - 6, 20 - 17, 20 - 19]
    assert len(warned) == len(left)
    assert all("token expires soon" in line for line in warned)


def test_a_new_token_is_warned_of_anew(log: io.StringIO) -> None:
    holder = TokenHolder("default", "tokenFile", Clock().now, token(expires_at=NOW + timedelta(days=10)))
    holder.warn_of_expiry()
    holder.use(token("next", expires_at=NOW + timedelta(days=11)))
    holder.warn_of_expiry()
    assert log.getvalue().count("token expires soon") == 2


def test_a_token_that_renews_itself_is_warned_of_only_when_that_fails(log: io.StringIO) -> None:
    holder = TokenHolder("default", "credentials", Clock().now, token(expires_at=NOW + timedelta(days=5)))
    holder.warn_of_expiry()
    assert log.getvalue() == ""
    holder.report("It could not be renewed.")
    holder.warn_of_expiry()
    assert "token expires soon" in log.getvalue()


def test_a_token_that_never_expires_is_not_warned_of(log: io.StringIO) -> None:
    TokenHolder("default", "token", Clock().now, token()).warn_of_expiry()
    assert log.getvalue() == ""


def test_a_problem_is_logged_when_it_begins_and_not_again(log: io.StringIO) -> None:
    holder = TokenHolder("default", "tokenFile", Clock().now, token())
    for problem in ("one", "one", "two", None, "two"):
        holder.report(problem)
    assert log.getvalue().count("no new token") == 3
