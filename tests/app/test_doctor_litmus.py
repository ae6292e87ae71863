"""Why a Litmus cannot be asked is found on the way to it, each cause by a code of its own."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sidecar.app.compose import utc_now
from sidecar.app.doctor.reach import reach
from sidecar.cli.check import ask_instances
from sidecar.config import Config, parse_config
from sidecar.config.proxies import Proxy
from sidecar.insight.token_findings import Finding, FindingSeverity
from tests.support.tls import certified, open_server

VERSION = {"data": {"getServerVersion": {"value": "3.31.0"}}}


async def litmus(request: web.Request) -> web.StreamResponse:
    """Answer as a Litmus below ``/chaos`` that is asked its version."""
    match request.path:
        case "/chaos/api/query":
            assert "getServerVersion" in await request.text()
            return web.json_response(VERSION)
        case "/chaos/auth/readiness":
            return web.json_response({"database": {"status": "up"}})
        case path if path.startswith("/chaos/auth/") and path.count("/auth/") == 1 and "/api/" not in path:
            return web.json_response({"error": "unauthorized"}, status=401)
        case path if path.startswith("/pages/"):
            return web.Response(text="<html>", content_type="text/html")
        case _:
            raise web.HTTPNotFound


async def alone(request: web.Request) -> web.StreamResponse:
    """Answer as a GraphQL server without its auth server beside it."""
    if request.path == "/api/query":
        return web.json_response(VERSION)
    raise web.HTTPNotFound


async def strict(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": "Invalid origin"}, status=403)


def config_of(base_url: str, **more: Any) -> Config:
    instance: Mapping[str, Any] = {"name": "default", "baseUrl": base_url, "token": "a-token", **more}
    section = {"instances": [instance], "sync": {"maxRequestsPerSecond": 1_000}}
    return parse_config({"litmusSidecar": section}, directory=Path("/etc"))


async def found(base_url: str, **more: Any) -> list[Finding]:
    (answer,) = await ask_instances(config_of(base_url, **more), (), is_whole=False)
    return [*answer.way, *answer.failures]


async def codes(base_url: str, **more: Any) -> list[str]:
    return [one.key for one in await found(base_url, **more)]


async def test_a_name_without_an_address_is_told_in_place_of_no_connection() -> None:
    (one,) = await found("http://litmus.invalid:9091")
    assert one.key == "name_unresolved"
    assert "the name litmus.invalid does not resolve" in one.sentence


async def test_nobody_who_listens_stays_the_failure_that_it_is() -> None:
    assert await codes("https://127.0.0.1:9") == ["upstream_unavailable"]


async def test_a_certificate_of_an_unknown_authority_is_told_with_the_reason_and_mended_by_cafile(
    tmp_path: Path,
) -> None:
    async with open_server(litmus, certified("localhost", tmp_path)) as port:
        (one,) = await found(f"https://localhost:{port}/chaos")
        assert one.key == "tls_untrusted"
        assert "self-signed certificate" in one.sentence.replace("self signed", "self-signed")
        assert await codes(f"https://localhost:{port}/chaos", caFile=str(tmp_path / "ca.pem")) == []


async def test_a_certificate_for_another_name_is_told_with_that(tmp_path: Path) -> None:
    async with open_server(litmus, certified("litmus.example.com", tmp_path)) as port:
        (one,) = await found(f"https://localhost:{port}/chaos", caFile=str(tmp_path / "ca.pem"))
    assert one.key == "tls_untrusted"
    assert "not valid for 'localhost'" in one.sentence


async def test_an_expired_certificate_is_not_trusted(tmp_path: Path) -> None:
    tls = certified("localhost", tmp_path, life=timedelta(days=-2))
    async with open_server(litmus, tls) as port:
        (one,) = await found(f"https://localhost:{port}/chaos", caFile=str(tmp_path / "ca.pem"))
    assert one.key == "tls_untrusted"
    assert one.sentence.endswith("certificate has expired")


@pytest.mark.parametrize(
    ("life", "told"),
    [
        (timedelta(days=31), None),
        (timedelta(days=29, hours=12), "in 29 days"),
        (timedelta(days=1, hours=12), "in 1 day,"),
        (timedelta(minutes=30), "in 0 days"),
    ],
)
async def test_a_certificate_is_told_thirty_days_before_it_expires_and_litmus_asked_all_the_same(
    tmp_path: Path, life: timedelta, told: str | None
) -> None:
    async with open_server(litmus, certified("localhost", tmp_path, life=life)) as port:
        told_of = await found(f"https://localhost:{port}/chaos", caFile=str(tmp_path / "ca.pem"))
    assert [one.key for one in told_of] == ([] if told is None else ["certificate_expires_soon"])
    assert all(told in one.sentence for one in told_of if told is not None)


async def test_https_to_a_port_without_tls_is_told_apart() -> None:
    async with open_server(litmus) as port:
        assert await codes(f"https://localhost:{port}/chaos") == ["tls_not_spoken"]


@pytest.mark.parametrize("path", ["/chaos/api", "/chaos/api/query", "/chaos/auth/"])
async def test_the_path_at_which_litmus_answers_is_named(path: str) -> None:
    async with open_server(litmus) as port:
        (one,) = await found(f"http://127.0.0.1:{port}{path}")
        assert one.key == "base_url_path_wrong"
        assert one.sentence.endswith(f"below http://127.0.0.1:{port}/chaos: set baseUrl to that")
        assert await codes(f"http://127.0.0.1:{port}/chaos/") == []


@pytest.mark.parametrize("path", ["", "/pages", "/else/where"])
async def test_a_path_with_no_litmus_above_stays_the_failure_that_it_is(path: str) -> None:
    async with open_server(litmus) as port:
        assert await codes(f"http://127.0.0.1:{port}{path}") == ["upstream_protocol"]


async def test_a_graphql_server_without_its_auth_server_beside_it_is_told() -> None:
    async with open_server(alone) as port:
        assert await codes(f"http://127.0.0.1:{port}") == ["auth_path_missing"]


async def test_a_host_that_litmus_does_not_admit_has_its_code() -> None:
    async with open_server(strict) as port:
        assert await codes(f"http://127.0.0.1:{port}") == ["upstream_host_refused"]


async def test_a_proxy_is_said_without_being_a_fault_and_only_its_name_looked_up() -> None:
    (note,) = (
        await reach(
            "Litmus",
            "https://litmus.invalid",
            ca_file=None,
            proxy=Proxy(url="http://localhost:3128", authorization="Basic geheim"),
            clock=utc_now,
        )
    ).findings
    assert (note.key, note.severity) == ("asked_through_proxy", FindingSeverity.NOTE)
    assert "geheim" not in note.sentence
    lost = Proxy(url="http://proxy.invalid:3128")
    way = await reach("Litmus", "https://litmus.invalid", ca_file=None, proxy=lost, clock=utc_now)
    assert not way.is_open
    assert [one.key for one in way.findings] == ["asked_through_proxy", "name_unresolved"]
