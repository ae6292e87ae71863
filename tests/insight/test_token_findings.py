"""What is unwise about tokens, by rule."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from sidecar.config import Auth, Config, Credentials, Instance, Key, display_token
from sidecar.domain.ports import ApiToken, TokenFacts, TokenState, TokenStatus
from sidecar.insight.token_findings import (
    Finding,
    FindingSeverity,
    config_findings,
    ordered,
    pressing,
    token_findings,
    unknowns,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TOKEN = SecretStr("token-of-litmus-0123456789")
SIGNED = "eyJhbGciOiJIUzUxMiJ9.eyJ1aWQiOiJhIn0.c2lnbmF0dXJl"
IN_USE = ApiToken(id="f00d", name="sidecar", created_at=NOW - DAY, expires_at=NOW + 90 * DAY, in_use=True)
FACTS = TokenFacts(
    instance="one",
    status=TokenStatus(
        source="token",
        state=TokenState.GOOD,
        token_id="f00d",
        username="backstage",
        user_id="uid",
        account_role="user",
        expires_at=NOW + 90 * DAY,
        problem=None,
        changed_at=None,
    ),
    listed=(IN_USE,),
    initial_password=False,
    roles={"shop": "Owner", "own": "Owner"},
    named_projects=frozenset({"shop"}),
)


def config(*instances: Instance, shown: str = "", keys: tuple[Key, ...] = ()) -> Config:
    token = SecretStr(shown or display_token("backstage"))
    return Config(display_token=token, instances=instances, auth=Auth(keys=keys))


def instance(name: str, base_url: str = "https://litmus.example.com", token: SecretStr = TOKEN) -> Instance:
    return Instance(name=name, base_url=base_url, token=token)


def facts(**changes: object) -> TokenFacts:
    """The good facts with changes, those of the status included."""
    status = {name: changes.pop(name) for name in list(changes) if name in TokenStatus.__struct_fields__}
    merged = {name: getattr(FACTS, name) for name in FACTS.__struct_fields__} | changes
    old = {name: getattr(FACTS.status, name) for name in TokenStatus.__struct_fields__}
    return TokenFacts(**{**merged, "status": TokenStatus(**{**old, **status})})


def keys(given: TokenFacts, *, actions_enabled: bool = True) -> list[str]:
    return [one.key for one in token_findings(given, actions_enabled=actions_enabled, now=NOW)]


def token(name: str, *, in_use: bool = False, left: timedelta | None = 30 * DAY) -> ApiToken:
    expires_at = None if left is None else NOW + left
    return ApiToken(id=name, name=name, created_at=NOW - DAY, expires_at=expires_at, in_use=in_use)


def test_a_small_token_of_a_user_of_its_own_is_fine() -> None:
    assert keys(FACTS) == []


def test_a_good_configuration_is_fine() -> None:
    assert list(config_findings(config(instance("one")))) == []


@pytest.mark.parametrize("shown", [SIGNED, TOKEN.get_secret_value()])
def test_a_real_token_where_backstage_prints_it_is_an_error_that_says_what_to_do(shown: str) -> None:
    (found,) = config_findings(config(instance("one"), shown=shown))
    assert (found.key, found.severity) == ("real_token_shown", FindingSeverity.ERROR)
    assert "revoke it in Litmus and put a display token there" in found.sentence


@pytest.mark.parametrize(
    "around", ["Bearer {}", "bearer\t{}", " {}", "{}\r\n", '"{}"', "'Bearer {}'", ' Bearer "{}" ', "\ufeff{}"]
)
@pytest.mark.parametrize("token", [SIGNED, TOKEN.get_secret_value()])
def test_what_is_copied_along_hides_no_real_token(token: str, around: str) -> None:
    (found,) = config_findings(config(instance("one"), shown=around.format(token)))
    assert found.key == "real_token_shown"


def test_a_display_token_with_bearer_before_it_is_still_worth_nothing() -> None:
    assert list(config_findings(config(instance("one"), shown=f"Bearer {display_token('backstage')}"))) == []


def test_a_shown_token_that_litmus_accepts_is_the_same_error() -> None:
    (found,) = config_findings(config(instance("one"), shown=SIGNED), accepted_by=["one"])
    assert (found.key, found.severity) == ("real_token_shown", FindingSeverity.ERROR)
    assert "litmus.apiToken is accepted by one" in found.sentence


def test_plain_http_to_a_remote_host_is_told() -> None:
    found = list(config_findings(config(instance("one", "http://litmus.example.com"))))
    assert [one.key for one in found] == ["plain_http"]


@pytest.mark.parametrize(
    "host", ["litmus", "localhost", "127.0.0.1", "[::1]", "litmus.chaos.svc", "a.chaos.svc.cluster.local"]
)
def test_plain_http_inside_a_cluster_is_fine(host: str) -> None:
    assert list(config_findings(config(instance("one", f"http://{host}:9091")))) == []


def test_instances_that_share_one_token_are_named() -> None:
    (found,) = config_findings(config(instance("a"), instance("b"), instance("c", token=SecretStr("other"))))
    assert found.key == "shared_token"
    assert "The instances a, b share one token" in found.sentence


def managed(name: str, base_url: str = "https://litmus.example.com", username: str = "robot") -> Instance:
    credentials = Credentials(username=username, password=SecretStr("a-password-1"))
    return Instance(name=name, base_url=base_url, credentials=credentials)


def test_instances_that_are_one_user_of_one_litmus_are_named() -> None:
    (found,) = config_findings(
        config(
            managed("a"),
            managed("b", "https://LITMUS.example.com:443/"),
            managed("c", "https://other.example.com"),
            managed("d", username="another"),
        )
    )
    assert found.key == "shared_token"
    assert "The instances a, b are one user of one Litmus" in found.sentence


def test_what_is_not_known_is_told_in_words() -> None:
    unknown = facts(listed=None, roles=None, takes_display_token=False)
    assert unknowns(unknown) == ("the user's API tokens", "the user's projects")
    assert unknowns(facts(takes_display_token=True)) == ()


def test_a_key_that_is_the_token_is_named() -> None:
    key = Key(name="backstage", secret=TOKEN, scopes=frozenset({"read"}))
    (found,) = config_findings(config(instance("one"), keys=(key,)))
    assert "The key backstage is the token of the instance one" in found.sentence


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"expires_at": None}, ["never_expires"]),
        ({"expires_at": NOW}, ["token_expired"]),
        ({"expires_at": NOW + 14 * DAY}, ["expires_soon"]),
        ({"expires_at": NOW + 14 * DAY + timedelta(seconds=1)}, []),
        ({"expires_at": NOW + 14 * DAY, "source": "credentials"}, []),
        ({"expires_at": NOW + 365 * DAY}, []),
        ({"expires_at": NOW + 366 * DAY}, ["lives_too_long"]),
        ({"expires_at": NOW + 367 * DAY, "listed": None}, ["lives_too_long"]),
        ({"expires_at": None, "user_id": None}, []),
        ({"account_role": "admin"}, ["account_admin"]),
        ({"initial_password": True}, ["initial_password"]),
        ({"initial_password": None, "roles": None, "named_projects": None, "listed": None}, []),
        ({"listed": (token("sidecar"),)}, ["session_token", "user_not_dedicated"]),
        ({"listed": ()}, ["session_token"]),
        ({"listed": (), "state": TokenState.REJECTED}, []),
        ({"listed": (IN_USE, token("sidecar", left=timedelta(0)))}, ["expired_left"]),
        ({"listed": (IN_USE, token("alice"))}, ["user_not_dedicated"]),
        ({"listed": (IN_USE, token("alice", left=None))}, ["user_not_dedicated"]),
        ({"listed": (IN_USE, token("sidecar"))}, []),
        ({"roles": {"shop": "Viewer", "pay": "Viewer"}}, ["projects_above_need"]),
        ({"roles": {"shop": "Viewer", "own": "Owner", "pay": "Owner"}}, ["projects_above_need"]),
        ({"roles": {"shop": "Viewer", "pay": None}}, []),
        ({"roles": {"shop": "Viewer", "pay": "Viewer"}, "named_projects": frozenset()}, []),
    ],
)
def test_each_rule_has_its_bounds(changes: dict[str, object], expected: list[str]) -> None:
    assert keys(facts(**changes)) == expected


@pytest.mark.parametrize(
    ("role", "expected"), [("Owner", ["role_above_need"]), ("Executor", ["role_above_need"]), ("Viewer", [])]
)
def test_more_than_viewer_is_too_much_while_actions_are_disabled(role: str, expected: list[str]) -> None:
    given = facts(roles={"shop": role, "own": "Owner"})
    assert keys(given, actions_enabled=False) == expected
    assert keys(given, actions_enabled=True) == []


def test_a_name_that_somebody_chose_is_in_no_sentence() -> None:
    given = facts(listed=(IN_USE, token("evil\x1b[2J"), token("old-evil", left=-DAY)), username="evil")
    told = " ".join(one.sentence for one in token_findings(given, actions_enabled=True, now=NOW))
    assert "user_not_dedicated" in keys(given)
    assert "evil" not in told


def test_the_gravest_comes_first_and_the_rest_stays_in_order() -> None:
    given = [
        Finding(key=key, severity=severity, sentence=key)
        for key, severity in (
            ("a", FindingSeverity.NOTICE),
            ("b", FindingSeverity.WARNING),
            ("c", FindingSeverity.ERROR),
            ("d", FindingSeverity.WARNING),
        )
    ]
    assert [one.key for one in ordered(given)] == ["c", "b", "d", "a"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"expires_at": NOW + 15 * DAY}, None),
        ({"expires_at": NOW + 14 * DAY}, "The token of the instance one expires on 2030-01-15"),
        ({"expires_at": NOW}, "The token of the instance one expired on 2030-01-01"),
        # It is renewed in time; if it is not, there is a problem to tell.
        ({"source": "credentials", "expires_at": NOW + DAY}, None),
        (
            {"source": "credentials", "problem": "No new token."},
            "The token of the instance one: No new token.",
        ),
        ({"state": TokenState.REJECTED}, "Litmus does not accept the token of the instance one."),
        ({"state": TokenState.MISSING}, "The instance one has no token."),
        # Worth a finding, but not worth a line on every page.
        ({"account_role": "admin"}, None),
    ],
)
def test_what_is_pressing_is_told_on_every_page(changes: dict[str, object], told: str | None) -> None:
    sentence = pressing("one", facts(**changes).status, NOW)
    assert sentence is None if told is None else (sentence or "").startswith(told)
