"""The stand-in for Backstage's proxy does what was recorded of the real one: what passes, and who."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from tests.support.app_catalog import AppCatalog
from tests.support.backstage import user_claims
from tests.support.backstage_app import SECURITY, BackstageApp, open_backstage_app

RECORDED: Final = Path(__file__).parents[2] / "../shared/backstage/recorded"
KEY: Final = "backstage-key-0123456789"


@dataclass
class Asked:
    """The app, and what the target behind its proxy got."""

    app: BackstageApp
    session: aiohttp.ClientSession
    received: list[web.Request] = field(default_factory=list)

    @property
    def token(self) -> str:
        return self.app.backstage.keys[-1].sign(user_claims(now=datetime.now(UTC)))

    def proxied(self, path: str) -> str:
        return f"{self.app.url}/api/proxy/litmus{path}"

    async def ask(self, method: str, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        async with self.session.request(method, self.proxied(path), headers=sent) as response:
            return response, await response.text()


@asynccontextmanager
async def open_asked() -> AsyncIterator[Asked]:
    """Serve a target that answers with headers of all kinds, behind the app."""

    async def answer(request: web.Request) -> web.Response:
        asked.received.append(request)
        await request.read()
        headers = {"ETag": '"1"', "Retry-After": "3", "Cache-Control": "no-cache", "X-Request-Id": "r"}
        return web.json_response({"code": "busy"}, status=429, headers=headers)

    target = web.Application()
    target.router.add_route("*", "/{tail:.*}", answer)
    async with (
        TestServer(target) as server,
        aiohttp.ClientSession() as session,
        open_backstage_app("new", AppCatalog([]), KEY) as app,
    ):
        app.target = str(server.make_url("")).rstrip("/")
        asked = Asked(app, session)
        yield asked


async def test_the_target_gets_the_person_the_key_and_no_header_that_is_not_let_through() -> None:
    async with open_asked() as asked:
        await asked.ask(
            "GET", "/api/v1/now?limit=5", Cookie="a=b", Origin="http://x.example", Traceparent="0"
        )
        (got,) = asked.received
        assert got.path_qs == "/api/v1/now?limit=5"
        assert got.headers["X-Litmus-Sidecar-Key"] == KEY
        assert got.headers["Authorization"].startswith("Bearer ")
        assert got.headers["Connection"] == "close"
        assert got.headers["Host"] == asked.app.target.removeprefix("http://")
        assert not {"Cookie", "Origin", "Traceparent", "Accept-Encoding"} & {*got.headers}


async def test_it_sends_the_headers_that_were_recorded_of_the_plugin() -> None:
    """The real proxy's request, where the recording is at hand."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded requests are not at hand")
    recorded = json.loads((RECORDED / "ui-requests-forward.json").read_text())["requests"][0]
    browser = json.loads((RECORDED / "browser-side-of-proxy.json").read_text())[0]["requestHeaders"]
    sent = {name: text for name, text in browser.items() if name not in {"host", "content-length"}}
    async with open_asked() as asked:
        headers = {**sent, "authorization": f"Bearer {asked.token}"}
        async with asked.session.post(asked.proxied("/api/query"), data=b"{}", headers=headers):
            pass
        (got,) = asked.received
        expected = {name.lower() for name, _ in recorded["rawHeaders"]} - {"x-sidecar-key"}
        assert {name.lower() for name in got.headers} == expected | {"x-litmus-sidecar-key"}


async def test_what_comes_back_keeps_its_status_and_body_and_few_headers() -> None:
    async with open_asked() as asked:
        response, text = await asked.ask("GET", "/api/v1/now")
        assert (response.status, json.loads(text)) == (429, {"code": "busy"})
        assert response.headers["Cache-Control"] == "no-cache"
        assert not {"ETag", "Retry-After", "X-Request-Id"} & {*response.headers}
        assert {*SECURITY} <= {*response.headers}


async def test_nobody_but_a_signed_in_person_and_no_other_method_reaches_the_target() -> None:
    async with open_asked() as asked:
        for headers in ({}, {"Authorization": "Bearer garbage"}):
            async with asked.session.get(asked.proxied("/api/v1/now"), headers=headers) as response:
                assert response.status == 401
        response, _ = await asked.ask("DELETE", "/api/v1/now")
        assert response.status == 404
        assert asked.received == []


async def test_a_target_that_is_down_is_a_504_in_plain_text() -> None:
    async with open_asked() as asked:
        asked.app.target = f"http://127.0.0.1:{unused_port()}"
        response, text = await asked.ask("GET", "/api/v1/now")
        assert (response.status, response.content_type) == (504, "text/plain")
        assert text.startswith("Error occurred while trying to proxy: 127.0.0.1:")


async def test_the_configuration_in_the_page_cannot_end_its_script() -> None:
    async with open_asked() as asked:
        asked.app.litmus_url = "https://x.example/</script><script>alert(1)</script>"
        async with asked.session.get(f"{asked.app.url}/catalog") as response:
            text = await response.text()
        assert text.count("</script>") == 2
        assert "backstage.io/config" in text
