"""Whether people of Backstage can be known is judged by what Backstage says of itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sidecar.app.compose import utc_now
from sidecar.app.doctor.backstage import backstage_findings
from sidecar.cli.check import Found, examine
from sidecar.config import Config, parse_config
from sidecar.insight.token_findings import FindingSeverity
from tests.support.backstage import ISSUER, Backstage, open_backstage

KEYS = "/api/auth/.well-known/jwks.json"
DISCOVERY = "/api/auth/.well-known/openid-configuration"


def config_of(backstage: str, issuer: str | None = ISSUER) -> Config:
    known = {"baseUrl": backstage} | ({} if issuer is None else {"issuer": issuer})
    source = {
        "backend": {"baseUrl": "https://backstage.example.com"},
        "litmus": {"baseUrl": "https://litmus.example.com"},
        "litmusSidecar": {"auth": {"backstage": known}},
    }
    return parse_config(source, directory=Path("/etc"), environ={"LITMUS_AUTH_TOKEN": "a-token"})


async def codes(backstage: Backstage, issuer: str | None = ISSUER) -> list[str]:
    return [one.key for one in await backstage_findings(config_of(backstage.url, issuer), utc_now)]


@pytest.mark.parametrize("issuer", [ISSUER, None])
async def test_a_backstage_that_lists_keys_and_issues_as_configured_is_fine(issuer: str | None) -> None:
    async with open_backstage() as backstage:
        assert await codes(backstage, issuer) == []
    assert backstage.tokens == [None, None]


async def test_no_key_before_the_first_sign_in_is_said_and_no_fault() -> None:
    async with open_backstage() as backstage:
        backstage.keys = []
        (one,) = await backstage_findings(config_of(backstage.url), utc_now)
        assert (one.key, one.severity) == ("backstage_lists_no_key", FindingSeverity.NOTE)


@pytest.mark.parametrize("how", [404, 503, None, b"<html>", b"[]", b'{"keys": {}}'])
async def test_keys_that_cannot_be_read_are_a_finding_whatever_came(how: int | bytes | None) -> None:
    async with open_backstage() as backstage:
        backstage.failing[KEYS] = how
        assert await codes(backstage) == ["backstage_keys_unread"]
    assert await codes(backstage) == ["backstage_keys_unread"], "nobody answers there any more"


async def test_another_issuer_is_named_as_backstage_names_it() -> None:
    async with open_backstage() as backstage:
        config = config_of(backstage.url, "http://backstage:7007/api/auth")
        (one,) = await backstage_findings(config, utc_now)
        assert one.key == "backstage_issuer_differs"
        assert f"as http://backstage:7007/api/auth, but {ISSUER}:" in one.sentence
        backstage.failing[DISCOVERY] = b'{"issuer": "evil\\u001b[2J"}'
        (one,) = await backstage_findings(config, utc_now)
        assert one.sentence.isprintable()
        assert "evil" not in one.sentence


@pytest.mark.parametrize("how", [404, None, b"{}", b"[1]", b'{"issuer": 7}'])
async def test_an_issuer_that_is_not_told_is_not_judged(how: int | bytes | None) -> None:
    async with open_backstage() as backstage:
        backstage.failing[DISCOVERY] = how
        assert await codes(backstage, "http://other/api/auth") == []


@pytest.mark.parametrize(
    ("ahead", "told"), [(9, None), (-9, None), (60, "60 s ahead of ours"), (-60, "60 s behind ours")]
)
async def test_a_clock_that_differs_by_more_than_ten_seconds_is_a_finding(
    ahead: int, told: str | None
) -> None:
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    async with open_backstage() as backstage:
        backstage.date = now + timedelta(seconds=ahead)
        found = await backstage_findings(config_of(backstage.url), lambda: now)
    assert [one.key for one in found] == ([] if told is None else ["backstage_clock_differs"])
    assert all(f"The clock of Backstage is {told}" in one.sentence for one in found)


async def test_without_backstage_nobody_is_asked() -> None:
    source = {"litmus": {"baseUrl": "https://litmus.example.com"}}
    config = parse_config(source, directory=Path("/etc"), environ={"LITMUS_AUTH_TOKEN": "a-token"})
    assert await backstage_findings(config, utc_now) == ()


@pytest.mark.parametrize("knows_people", [True, False])
async def test_a_catalog_at_a_name_without_an_address_is_told_once_and_not_asked(
    *, knows_people: bool
) -> None:
    away = {"baseUrl": "http://backstage.invalid:7007"}
    section = {
        "instances": [{"name": "default", "baseUrl": "http://127.0.0.1:9", "token": "a-token"}],
        "catalog": {"backstage": {**away, "token": "a-catalog-token"}},
        "auth": {"backstage": {**away, "issuer": ISSUER}} if knows_people else {},
        "store": {"url": "memory:"},
    }
    config = parse_config({"litmusSidecar": section}, directory=Path("/etc"))
    catalogs: list[Found] = []
    found = [
        one
        for one in await examine(config, offline=False, tell=catalogs.append)
        if ".invalid" in one.sentence
    ]
    assert [one.key for one in found] == ["name_unresolved"]
    assert [one.is_whole for one in catalogs] == [False]
