"""What trusted proxies tell, and that nobody else is believed."""

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from sidecar.domain.errors import UnauthenticatedError
from sidecar.domain.references import full_ref
from sidecar.identity.people import Person
from sidecar.identity.proxy import (
    ProxySettings,
    client_address,
    networks,
    person_behind_proxy,
    requested_origin,
)

SETTINGS = ProxySettings(trusted=networks(["10.0.0.0/8", "fd00::/8"]))
TRUSTED = SETTINGS.trusted
PROXY, STRANGER = "10.1.2.3", "192.0.2.7"


def headers(*pairs: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(pairs)


def user(value: str) -> CIMultiDict[str]:
    return headers(("X-Forwarded-User", value))


@pytest.mark.parametrize("peer", [PROXY, "fd00::1", "::ffff:10.1.2.3", "fd00::1%eth0"])
def test_a_trusted_proxy_names_the_person_and_their_groups(peer: str) -> None:
    sent = headers(("x-forwarded-user", "Alice"), ("x-forwarded-groups", "team-a, Team-B,"))
    assert person_behind_proxy(peer, sent, SETTINGS) == Person(
        ref="user:default/alice", groups=frozenset({"group:default/team-a", "group:default/team-b"})
    )


@pytest.mark.parametrize("peer", [STRANGER, "::1", "127.0.0.1", "", None, "10.1.2.3.example.com"])
def test_from_anyone_else_the_headers_are_as_if_not_sent(peer: str | None) -> None:
    assert person_behind_proxy(peer, user("alice"), SETTINGS) is None


def test_nobody_is_trusted_until_configured() -> None:
    assert person_behind_proxy("127.0.0.1", user("alice"), ProxySettings()) is None


@pytest.mark.parametrize("sent", [headers(), user("")])
def test_a_trusted_proxy_that_names_nobody_vouches_for_nobody(sent: CIMultiDict[str]) -> None:
    assert person_behind_proxy(PROXY, sent, SETTINGS) is None


@pytest.mark.parametrize(
    "value",
    [
        "user:default/alice",
        "alice/bob",
        "a,b",
        "alice bob",
        "ali\u200bce",
        "älice",
        "user:",
        "a" * 128,
        " ",
        "alice\x00",
    ],
)
def test_a_user_that_is_no_bare_name_is_refused(value: str) -> None:
    with pytest.raises(UnauthenticatedError):
        person_behind_proxy(PROXY, user(value), SETTINGS)


@pytest.mark.parametrize("name", ["X-Forwarded-User", "X-Forwarded-Groups"])
def test_a_header_sent_twice_is_refused(name: str) -> None:
    sent = headers(("X-Forwarded-User", "alice"), (name, "admins"), (name.lower(), "others"))
    with pytest.raises(UnauthenticatedError):
        person_behind_proxy(PROXY, sent, SETTINGS)


def test_an_address_of_mail_is_a_name_of_its_own() -> None:
    person = person_behind_proxy(PROXY, user("alice@evil.example"), SETTINGS)
    assert person is not None
    assert person.ref == "user:default/alice@evil.example"


def test_groups_that_no_entity_could_be_give_no_right() -> None:
    sent = headers(
        ("X-Forwarded-User", "alice"),
        ("X-Forwarded-Groups", "group:default/admins,/lab/admins,//admins,/,role admin,team-b"),
    )
    person = person_behind_proxy(PROXY, sent, SETTINGS)
    assert person is not None
    assert person.groups == {"group:default/team-b"}


def test_the_path_of_a_group_at_the_top_is_its_name() -> None:
    sent = headers(("X-Forwarded-User", "jane"), ("X-Forwarded-Groups", "/platform/sre,/Team-A"))
    person = person_behind_proxy(PROXY, sent, SETTINGS)
    assert person is not None
    assert person.groups == {"group:default/team-a"}


def test_groups_that_give_no_right_are_told_once_in_the_log() -> None:
    settings = ProxySettings(trusted=TRUSTED)
    with structlog.testing.capture_logs() as logged:
        for groups in ("team-a,", "/platform/sre,/team-a", "a b"):
            sent = headers(("X-Forwarded-User", "jane"), ("X-Forwarded-Groups", groups))
            person_behind_proxy(PROXY, sent, settings)
    (entry,) = logged
    assert (entry["names"], "Full group path" in entry["hint"]) == (1, True)
    assert "sre" not in str(entry)


def test_other_header_names_can_be_configured() -> None:
    settings = ProxySettings(trusted=TRUSTED, user_header="X-Auth-Request-Preferred-Username")
    sent = headers(("X-Forwarded-User", "mallory"), ("X-Auth-Request-Preferred-Username", "alice"))
    person = person_behind_proxy(PROXY, sent, settings)
    assert person is not None
    assert person.ref == "user:default/alice"


@given(st.text(max_size=20))
def test_whatever_a_proxy_sends_the_reference_is_a_user_of_the_default_namespace(value: str) -> None:
    try:
        person = person_behind_proxy(PROXY, user(value), SETTINGS)
    except UnauthenticatedError:
        return
    if person is not None:
        assert full_ref(person.ref, "user") == person.ref
        assert person.ref.rpartition("/")[0] == "user:default"


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (STRANGER, ["203.0.113.9"], STRANGER),
        (PROXY, [], PROXY),
        (PROXY, ["203.0.113.9"], "203.0.113.9"),
        (PROXY, ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (PROXY, ["198.51.100.1, 203.0.113.9, 10.9.9.9"], "203.0.113.9"),
        (PROXY, ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (PROXY, ["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
        (PROXY, ["203.0.113.9:4711"], "203.0.113.9"),
        (PROXY, ["[2001:db8::9]:4711"], "2001:db8::9"),
        (PROXY, ["2001:DB8::9"], "2001:db8::9"),
        (PROXY, ["203.0.113.9, unknown"], PROXY),
        (PROXY, ["127.0.0.1\n"], "127.0.0.1"),
        (PROXY, [", ,"], PROXY),
        ("::ffff:10.1.2.3", ["203.0.113.9"], "203.0.113.9"),
        (None, ["203.0.113.9"], None),
    ],
)
def test_the_client_is_the_first_from_the_right_that_no_trusted_proxy_is(
    peer: str | None, forwarded: list[str], address: str | None
) -> None:
    sent = headers(*(("X-Forwarded-For", value) for value in forwarded))
    assert client_address(peer, sent, TRUSTED) == address


@given(st.text(max_size=40))
def test_what_a_client_claims_about_itself_never_changes_its_address(claim: str) -> None:
    sent = headers(("X-Forwarded-For", f"{claim},203.0.113.9"))
    assert client_address(PROXY, sent, TRUSTED) == "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "sent", "origin"),
    [
        (
            STRANGER,
            [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example")],
            "http://sidecar:8080",
        ),
        (
            PROXY,
            [("X-Forwarded-Proto", "HTTPS"), ("X-Forwarded-Host", "Sidecar.example:443")],
            "https://sidecar.example",
        ),
        (
            PROXY,
            [("X-Forwarded-Host", "a.example"), ("X-Forwarded-Host", "b.example")],
            "http://sidecar:8080",
        ),
        (PROXY, [("X-Forwarded-Host", "a.example, b.example")], "http://sidecar:8080"),
        (PROXY, [("X-Forwarded-Proto", "javascript")], "http://sidecar:8080"),
        (PROXY, [], "http://sidecar:8080"),
    ],
)
def test_scheme_and_host_are_those_a_trusted_proxy_tells_once(
    peer: str, sent: list[tuple[str, str]], origin: str
) -> None:
    assert requested_origin(peer, headers(*sent), TRUSTED, scheme="http", host="Sidecar:8080") == origin
