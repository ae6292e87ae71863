"""What differs between two configurations, and what a running service takes over: every key, no value.

Rule: each key of the reference stands in ``VALUES`` with two values that are valid beside all others, so that
any choice among them is a configuration.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config import RELOADABLE, Config, SidecarSection, changes, parse_config
from sidecar.config.changes import changed_keys, is_reloadable
from sidecar.config.problems import models_in
from sidecar.config.section import Section

SECRET: Final = "do-not-tell-this"
A, B = f"{SECRET}-{'a' * 32}", f"{SECRET}-{'b' * 32}"
INSTANCE: Final = {
    "name": "default",
    "baseUrl": "http://litmus",
    "externalBaseUrl": "https://litmus",
    "token": A,
}
VALUES: Final[dict[str, tuple[Any, Any]]] = {
    "litmus.baseUrl": ("https://a.example.com", "https://b.example.com"),
    "litmus.apiToken": (f"e30.{A}.", f"e30.{B}."),
    "backend.baseUrl": ("https://a.example.com", "https://b.example.com"),
    "publicUrl": ("https://a.example.com", "https://b.example.com/litmus"),
    "proxy": ("env", "off"),
    "listen.host": ("127.0.0.1", "0.0.0.0"),  # noqa: S104 - nothing is opened
    "listen.port": (8080, 8081),
    "listen.trustedProxies": (["10.0.0.0/8"], ["10.0.0.0/9"]),
    "listen.allowedOrigins": (["https://a.example.com"], []),
    "instances": ([INSTANCE], [{**INSTANCE, "token": B}]),
    "catalog.files": (["a.yaml"], ["a.yaml", "b.yaml"]),
    "catalog.interval": ("5s", "6s"),
    "catalog.backstage.baseUrl": ("http://a", "http://b"),
    "catalog.backstage.token": (A, B),
    "catalog.backstage.issuer": ("a", "b"),
    "catalog.backstage.audience": ("a", "b"),
    "catalog.backstage.interval": ("60s", "61s"),
    "sync.interval": ("60s", "50s"),
    "sync.slowInterval": ("600s", "700s"),
    "sync.activeInterval": ("10s", "9s"),
    "sync.maxStale": ("1 day", "2 days"),
    "sync.maxInFlight": (4, 5),
    "sync.maxRequestsPerSecond": ("auto", 5),
    "sync.requestTimeout": ("30s", "20s"),
    "auth.keys": (
        [{"name": "backstage", "secret": A, "scopes": ["read"]}],
        [{"name": "backstage", "secret": B, "scopes": ["read"]}],
    ),
    "auth.backstage.baseUrl": ("http://a", "http://b"),
    "auth.backstage.issuer": ("http://a", "http://b"),
    "auth.backstage.algorithms": (["ES256"], ["ES384"]),
    "auth.proxy.trustedProxies": (["10.0.0.0/8"], ["10.0.0.0/9"]),
    "auth.proxy.userHeader": ("X-A", "X-B"),
    "auth.proxy.groupsHeader": ("X-C", "X-D"),
    "auth.admins": (["group:default/a"], ["group:default/b"]),
    "auth.catalogVisibility": ("off", "enforce"),
    "auth.signIn.enabled": (False, True),
    "auth.signIn.idle": ("1h", "2h"),
    "auth.signIn.longest": ("12h", "13h"),
    "auth.signingKeys": ([A], [B, A]),
    "metrics.public": (False, True),
    "metrics.maxExperiments": (2_000, 1_000),
    "actions.policy": ("owners", "users"),
    "actions.groups": (["group:default/a"], ["group:default/b"]),
    "actions.production": ("owners", "disabled"),
    "actions.window": ("10s", "20s"),
    "projects": (
        [{"id": "one", "owners": ["group:default/a"]}],
        [{"id": "one", "owners": ["group:default/b"]}],
    ),
    "limits.personPerMinute": (600, 601),
    "limits.actionsPerMinute": (30, 31),
    "limits.keyPerMinute": (None, 1_000),
    "limits.concurrentRequests": (500, 501),
    "limits.personConcurrentRequests": (8, 9),
    "limits.keyConcurrentRequests": (100, 101),
    "limits.personWorkMsPerMinute": (6_000, 6_001),
    "limits.keyWorkMsPerMinute": (30_000, 30_001),
    "store.url": (f"postgresql://sidecar:{A}@db/a", f"postgresql://sidecar:{B}@db/a"),
    "history.retentionDays": (400, 300),
    "attention.notRunDays": (30, 31),
    "attention.scoreDrop": (10, 11),
    "attention.failuresInRow": (3, 4),
    "pages.frameAncestors": (["https://a.example.com"], []),
    "log.requests": ("all", "errors"),
    "tracing.endpoint": ("http://a:4318", "http://b:4318"),
    "tracing.sampleRatio": (1, 0.5),
}
NEED_FILES: Final = frozenset(
    {
        "auth.backstage.caFile",
        "auth.signingKeysFile",
        "catalog.backstage.caFile",
        "catalog.backstage.signingKey",
        "catalog.backstage.signingKeyFile",
        "catalog.backstage.tokenFile",
        "store.urlFile",
    }
)
"""Keys that stand for another one, or for a file that has to be there."""
few = settings(max_examples=25)
"""Each example reads several whole configurations."""
chosen = st.sets(st.sampled_from(sorted(VALUES)))


def configured(others: Collection[str] = ()) -> Config:
    """Return the configuration with the second value of these keys and the first of all others."""
    tree: dict[str, Any] = {}
    for key, values in VALUES.items():
        outside = key.startswith(("litmus.", "backend."))
        *sections, last = key.split(".") if outside else f"litmusSidecar.{key}".split(".")
        place = tree
        for name in sections:
            place = place.setdefault(name, {})
        place[last] = values[key in others]
    return parse_config(tree, directory=Path("/etc"))


def keys_below(model: type[Section], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        below = () if "tuple" in str(field.annotation) else tuple(models_in(field.annotation))
        if not below:
            yield key
        for one in below:
            yield from keys_below(one, f"{key}.")


def test_every_key_of_the_reference_is_tried_here() -> None:
    assert {key for key in VALUES if not key.startswith(("litmus.", "backend."))} | NEED_FILES == set(
        keys_below(SidecarSection)
    )


def test_every_reloadable_key_is_a_key_or_a_section_of_keys() -> None:
    unknown = [one for one in RELOADABLE if not any(k == one or k.startswith(f"{one}.") for k in VALUES)]
    assert unknown == []


@few
@given(chosen, chosen)
def test_exactly_the_keys_that_differ_are_told(one: set[str], other: set[str]) -> None:
    assert set(changed_keys(configured(one), configured(other))) == one ^ other


@few
@given(chosen, chosen)
def test_what_is_reloadable_is_taken_over_and_nothing_else(one: set[str], other: set[str]) -> None:
    found = changes(configured(one), configured(other))
    expected = {key for key in VALUES if key in (other if is_reloadable(key) else one)}
    assert changed_keys(found.config, configured(expected)) == ()
    assert {*found.applied, *found.waiting} == one ^ other
    assert {key for key in found.applied if is_reloadable(key)} == set(found.applied)
    assert not any(is_reloadable(key) for key in found.waiting)


@few
@given(chosen, chosen)
def test_a_second_reading_of_the_same_waits_for_the_same_and_applies_nothing(
    one: set[str], other: set[str]
) -> None:
    first = changes(configured(one), configured(other))
    second = changes(first.config, configured(other))
    assert (second.applied, second.waiting) == ((), first.waiting)


@few
@given(chosen, chosen)
def test_no_secret_is_told(one: set[str], other: set[str]) -> None:
    assert SECRET not in repr(changes(configured(one), configured(other)))


@pytest.mark.parametrize("key", ["auth.backstage", "catalog.backstage"])
def test_a_section_that_comes_or_goes_is_one_key_that_waits(key: str) -> None:
    outer, inner = key.split(".")
    whole = configured()
    without = whole.model_copy(update={outer: getattr(whole, outer).model_copy(update={inner: None})})
    for old, new in ((whole, without), (without, whole)):
        found = changes(old, new)
        assert (found.applied, found.waiting) == ((), (key,))
        assert changed_keys(found.config, old) == ()


def test_a_secret_in_a_file_that_is_followed_is_no_change(tmp_path: Path) -> None:
    token, password = tmp_path / "token", tmp_path / "password"
    instances = [
        {"name": "default", "baseUrl": "http://litmus", "tokenFile": str(token)},
        {
            "name": "managed",
            "baseUrl": "http://litmus",
            "credentials": {"username": "sidecar", "passwordFile": str(password)},
        },
    ]

    def read(value: str) -> Config:
        token.write_text(value)
        password.write_text(value)
        return parse_config({"litmusSidecar": {"instances": instances}}, directory=tmp_path)

    assert changed_keys(read(A), read(B)) == ()


def test_a_key_in_another_file_content_is_a_change_of_the_keys(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    section = {
        "instances": [INSTANCE],
        "auth": {"keys": [{"name": "backstage", "secretFile": str(secret), "scopes": ["read"]}]},
    }

    def read(value: str) -> Config:
        secret.write_text(value)
        return parse_config({"litmusSidecar": section}, directory=tmp_path)

    assert changed_keys(read(A), read(B)) == ("auth.keys",)
