"""`check` finds keys that Backstage's proxy sends for people; the proxy's own mistakes are Backstage's."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.config import Config, describe, load_config, parse_config
from tests.support.findings import findings

SECRET = "key-of-backstage-0123456789"
OTHER = "key-of-something-else-0123456789"
HEADERS = {"X-Litmus-Sidecar-Key": SECRET}
BACKSTAGE = {"baseUrl": "http://backstage:7007", "issuer": "https://backstage.example.com/api/auth"}
NO_AUTH = "auth.backstage is not given"
NOBODY_KNOWN = "everybody who is signed in to Backstage acts as the key"
PUBLIC = "dangerously-allow-unauthenticated"


def config_with(
    proxy: object, scopes: tuple[str, ...] = ("read", "run"), *, backstage: bool = False, **environ: str
) -> Config:
    auth: dict[str, Any] = {"keys": [{"name": "portal", "secret": SECRET, "scopes": list(scopes)}]}
    if backstage:
        auth["backstage"] = BACKSTAGE
    source = {
        "litmus": {"baseUrl": "https://litmus.example.com"},
        "proxy": proxy,
        "litmusSidecar": {"auth": auth},
    }
    given = {"LITMUS_AUTH_TOKEN": "token", **environ}
    return parse_config(source, directory=Path("/etc/backstage"), environ=given)


def said(proxy: object, scopes: tuple[str, ...] = ("read", "run"), **options: Any) -> list[str]:
    return [one for one in findings(config_with(proxy, scopes, **options)) if "proxy route" in one]


def route(**changes: Any) -> dict[str, Any]:
    given = {"target": "http://sidecar:8080", "credentials": "forward", "headers": HEADERS}
    return {"endpoints": {"/litmus": given | changes}}


@pytest.mark.parametrize("scopes", [("read", "run"), ("admin",), ("read", "run", "admin")])
def test_an_actions_key_that_people_share_is_named_with_what_to_set(scopes: tuple[str, ...]) -> None:
    (sentence,) = said(route(), scopes)
    assert "/litmus sends key portal" in sentence
    assert NO_AUTH in sentence
    assert NOBODY_KNOWN in sentence
    assert "set auth.backstage" in sentence
    acts = " and ".join(sorted({"run", "admin"} & set(scopes)))
    assert f"take {acts} from the key" in sentence


@pytest.mark.parametrize("backstage", [True, False])
def test_a_key_that_only_reads_is_as_it_should_be(*, backstage: bool) -> None:
    assert said(route(), ("read",), backstage=backstage) == []
    assert said(route(), ("read", "metrics"), backstage=backstage) == []


def test_an_actions_key_is_named_though_people_act_as_themselves() -> None:
    (sentence,) = said(route(), backstage=True)
    assert NOBODY_KNOWN not in sentence
    assert "people act as themselves there" in sentence
    assert "take run from the key" in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"credentials": "require"},
        {"credentials": None},
        {"headers": {**HEADERS, "authorization": "Basic abc"}},
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
    ],
)
def test_without_the_persons_token_everybody_acts_as_the_key_whatever_is_set(changes: dict[str, Any]) -> None:
    (sentence,) = said(route(**changes), backstage=True)
    assert NOBODY_KNOWN in sentence
    assert "credentials: forward" in sentence
    assert said(route(**changes), ("read",), backstage=True) == []


def test_a_token_that_is_let_through_by_name_comes_along() -> None:
    (sentence,) = said(route(credentials="require", allowedHeaders=["Authorization"]), backstage=True)
    assert NOBODY_KNOWN not in sentence


@pytest.mark.parametrize("scopes", [("read",), ("read", "run")])
def test_a_key_on_a_route_where_nobody_signs_in_is_named_whatever_it_may(
    scopes: tuple[str, ...],
) -> None:
    (sentence,) = said(route(credentials=PUBLIC), scopes, backstage=True)
    assert "signed in or not" in sentence
    assert ", ".join(sorted(scopes)) in sentence
    assert said(route(credentials=PUBLIC, headers={}), scopes) == []


def test_header_names_have_no_case_and_a_key_is_compared_as_it_is_sent() -> None:
    assert len(said(route(headers={"x-LITMUS-sidecar-KEY": f" {SECRET} "}))) == 1
    assert said(route(headers={"X-Litmus-Sidecar-Key": OTHER})) == []
    assert len(said(route(headers={"X-Litmus-Sidecar-Key": "${KEY}"}), KEY=SECRET)) == 1


def test_routes_at_the_root_count_only_without_endpoints() -> None:
    old = {"/litmus": route()["endpoints"]["/litmus"]}
    assert len(said(old)) == 1
    assert said({**old, "endpoints": {}}) == []
    assert len(said({"endpoints": {**old, "/second": old["/litmus"]}})) == 2


@pytest.mark.parametrize(
    "proxy",
    [
        None,
        [],
        "http://sidecar",
        {"endpoints": None},
        {"endpoints": ["/litmus"]},
        {"endpoints": {"/litmus": "http://sidecar"}},
        {"endpoints": {"/litmus": {"headers": [SECRET]}}},
        {"endpoints": {"/litmus": {"headers": {"X-Litmus-Sidecar-Key": 7}}}},
        {"endpoints": {"/litmus": {"headers": {"X-Litmus-Sidecar-Key": {"$file": "none.txt"}}}}},
        {"endpoints": {"/litmus": {"headers": {"X-Litmus-Sidecar-Key": "${NOT_SET}"}}}},
        {"endpoints": {"/a": {"headers": HEADERS, "allowedHeaders": "Authorization", "credentials": 3}}},
        {"$include": "none.yaml"},
        {"$file": "none.txt", "beside": 1},
    ],
)
def test_what_is_odd_about_the_proxy_is_no_problem_of_ours(proxy: object) -> None:
    before = findings(config_with(None, ("read",)))
    assert findings(config_with(proxy, ("read",))) == before


def test_later_files_change_routes_as_in_backstage(tmp_path: Path) -> None:
    base, production = tmp_path / "app-config.yaml", tmp_path / "app-config.production.yaml"
    base.write_text(f"""
litmus: {{ baseUrl: https://litmus.example.com }}
proxy:
  endpoints:
    /litmus: {{ credentials: forward, headers: {{ X-Litmus-Sidecar-Key: {SECRET} }} }}
litmusSidecar:
  auth: {{ keys: [{{ name: portal, secret: {SECRET}, scopes: [read] }}] }}
""")
    production.write_text(f"proxy: {{ endpoints: {{ /litmus: {{ credentials: {PUBLIC} }} }} }}")
    environ = {"LITMUS_AUTH_TOKEN": "token"}
    alone, both = (
        [one for one in findings(load_config(paths, environ)) if "proxy route" in one]
        for paths in ([base], [base, production])
    )
    assert (len(alone), len(both)) == (0, 1)


def test_nothing_of_a_route_is_shown() -> None:
    config = config_with(route(headers={**HEADERS, "X-Other": OTHER}))
    for shown in (describe(config), repr(config), *findings(config)):
        assert SECRET not in shown
        assert OTHER not in shown
