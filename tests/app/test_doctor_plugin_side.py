"""Mistakes in the route of Backstage's proxy are found in the same app-config, each by its code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.app.doctor.plugin_side import plugin_findings
from sidecar.config import Config, describe, parse_config

SECRET = "key-of-backstage-0123456789"
HEADERS = {"X-Litmus-Sidecar-Key": SECRET}
GOOD: Mapping[str, Any] = {
    "target": "http://litmus-sidecar:8080",
    "credentials": "forward",
    "allowedMethods": ["GET", "POST"],
    "headers": HEADERS,
}
BACKSTAGE = {"baseUrl": "http://backstage:7007", "issuer": "https://backstage.example.com/api/auth"}


def config_of(
    route: Mapping[str, Any], *, path: str = "/litmus", backstage: bool = True, **section: Any
) -> Config:
    auth: dict[str, Any] = {"keys": [{"name": "portal", "secret": SECRET, "scopes": ["read"]}]}
    auth |= {"backstage": BACKSTAGE} if backstage else {}
    source = {
        "litmus": {"baseUrl": "https://litmus.example.com"},
        "proxy": {"endpoints": {path: dict(route)}},
        "litmusSidecar": {"auth": auth, **section},
    }
    return parse_config(source, directory=Path("/etc"), environ={"LITMUS_AUTH_TOKEN": "a-token"})


def codes(changes: Mapping[str, Any] | None = None, **options: Any) -> list[str]:
    route = {key: value for key, value in {**GOOD, **(changes or {})}.items() if value is not None}
    return [one.key for one in plugin_findings(config_of(route, **options))]


@pytest.mark.parametrize("backstage", [True, False])
def test_the_route_of_the_example_is_fine(*, backstage: bool) -> None:
    assert codes(backstage=backstage) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"allowedMethods": ["GET"]}, "proxy_without_post"),
        ({"allowedMethods": ["post"]}, "proxy_without_get"),
        ({"credentials": "require"}, "proxy_carries_nobody"),
        ({"credentials": None}, "proxy_carries_nobody"),
        ({"target": "https://litmus.example.com/"}, "proxy_target_elsewhere"),
        ({"target": "http://localhost:9091"}, "proxy_target_elsewhere"),
    ],
)
def test_each_mistake_has_its_code(changes: Mapping[str, Any], code: str) -> None:
    assert codes(changes) == [code]


@pytest.mark.parametrize("headers", [None, {}, {"X-Litmus-Sidecar-Key": "another-key-0123456789"}])
def test_the_plugins_route_needs_a_key_unless_people_are_known_there(headers: object) -> None:
    assert codes({"headers": headers}, backstage=False) == ["proxy_without_key"]
    assert codes({"headers": headers}) == []
    assert codes({"headers": headers}, path="/other", backstage=False) == []


def test_no_allowed_methods_are_all_of_them() -> None:
    assert codes({"allowedMethods": None}) == []


@pytest.mark.parametrize(
    ("target", "section"),
    [
        ("http://127.0.0.1:8080", {}),
        ("http://localhost:9000", {"listen": {"host": "0.0.0.0"}}),  # noqa: S104 - a port may be mapped
        ("http://localhost:9000", {"listen": {"port": 0}}),
        ("https://litmus.example.com/sidecar", {"publicUrl": "https://litmus.example.com/sidecar"}),
        ("http://[::1", {}),
        ("elsewhere", {}),
        (7, {}),
    ],
)
def test_a_target_that_may_be_the_sidecar_is_not_judged(target: object, section: Mapping[str, Any]) -> None:
    assert codes({"target": target}, **section) == []


def test_a_password_in_a_target_is_not_kept() -> None:
    config = config_of({**GOOD, "target": "http://user:geheim@localhost:9091/geheim?geheim"})
    (one,) = plugin_findings(config)
    assert "geheim" not in one.sentence + repr(config) + describe(config)
