"""A small real Backstage app in front of a sidecar: what it is served by, one origin as in earnest.

The bundles are those of ``tests/backstage_app``. The rest does what was seen of
Backstage 1.55: its security headers, its configuration inside the page, a
sign-in by a proxy in front, catalog answers, and a proxy that lets few headers
through in either direction and closes every connection. Signing keys and
userinfo are those of the Backstage stand-in.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.support.app_catalog import AppCatalog
from tests.support.backstage import Backstage, open_backstage, user_claims

APPS: Final = Path(__file__).parents[1] / "backstage_app"
USER_COOKIE: Final = "signed-in"
"""Who the proxy in front of Backstage would say is there."""
PROXIED: Final = "/api/proxy/litmus"
SECURITY: Final = {
    "Content-Security-Policy": "default-src 'self';base-uri 'self';font-src 'self' https: data:;"
    "frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self' 'unsafe-eval';"
    "script-src-attr 'none';style-src 'self' https: 'unsafe-inline';connect-src 'self' http: https:;"
    "upgrade-insecure-requests",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=15552000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "X-Download-Options": "noopen",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0",
}
"""What Backstage sends with every answer by default."""
FORWARDED: Final = frozenset(
    (
        *("cache-control", "content-language", "content-length", "content-type", "expires", "last-modified"),
        *("pragma", "host", "accept", "accept-language", "user-agent"),
    )
)
"""Headers that its proxy lets through, there and back; ``Authorization`` there, too, with ``forward``."""


@dataclass(kw_only=True)
class BackstageApp:
    """The running app; tests change who is there and where the proxy leads."""

    system: str
    """Whose bundle is served: of the ``new`` or the ``old`` frontend system."""
    backstage: Backstage
    catalog: AppCatalog
    key: str
    """What the proxy adds as ``X-Litmus-Sidecar-Key``."""
    session: aiohttp.ClientSession
    """What the proxy asks with."""
    target: str = ""
    """Origin that the proxy leads to."""
    litmus_url: str = "https://litmus.example.com"
    url: str = ""
    proxied: list[str] = field(default_factory=list)
    """Method and path of each request that went through the proxy."""
    unknown: list[str] = field(default_factory=list)
    """What was asked of a backend and is not here: a test of the app fails for it."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith(f"{PROXIED}/"):
            response = await self._proxy(request)
        elif path == "/api/auth/people/refresh":
            response = self._sign_in(request)
        elif path.startswith("/api/auth/"):
            response = await self.backstage.handle(request)
        elif path.startswith("/api/catalog/"):
            response = await self._catalog(request)
        elif path.startswith("/api/"):
            response = self._not_here(request)
        elif path.startswith("/static/"):
            response = self._static(path.removeprefix("/static/"))
        else:
            response = self._page()
        response.headers.update(SECURITY)
        return response

    def _page(self) -> web.Response:
        config = {
            "app": {"title": "Small Backstage", "baseUrl": self.url},
            "organization": {"name": "Example"},
            "backend": {"baseUrl": self.url},
            "auth": {"environment": "development"},
            "litmus": {"baseUrl": self.litmus_url},
        }
        injected = json.dumps([{"context": "app", "data": config}]).replace("<", "\\u003c")
        return web.Response(
            content_type="text/html",
            headers={"Cache-Control": "no-store, max-age=0"},
            text=f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(config["app"]["title"])}</title>
<link rel="icon" href="data:,">
<script type="backstage.io/config">{injected}</script>
<link rel="stylesheet" href="/static/app.css">
<script type="module" src="/static/app.js"></script>
</head>
<body><div id="root"></div></body>
</html>
""",
        )

    def _static(self, name: str) -> web.StreamResponse:
        file = APPS / "dist" / self.system / name
        if "/" in name or not file.is_file():
            return web.Response(status=404)
        return web.FileResponse(file)

    def _not_here(self, request: web.Request) -> web.Response:
        self.unknown.append(f"{request.method} {request.path_qs}")
        return _error(404, "NotFoundError", "No such route")

    def _sign_in(self, request: web.Request) -> web.Response:
        name = request.cookies.get(USER_COOKIE)
        if name is None:
            return _error(401, "AuthenticationError", "Nobody is signed in at the proxy")
        user = f"user:default/{name}"
        token = self.backstage.keys[-1].sign(user_claims(user, now=datetime.now(UTC)))
        owned = [user, *self.backstage.groups.get(user, [])]
        identity = {"type": "user", "userEntityRef": user, "ownershipEntityRefs": owned}
        return web.json_response(
            {
                "providerInfo": {},
                "profile": {"displayName": name.title()},
                "backstageIdentity": {"token": token, "expiresInSeconds": 3600, "identity": identity},
            }
        )

    async def _catalog(self, request: web.Request) -> web.Response:
        if self.backstage.user_of(request) is None:
            return _error(401, "AuthenticationError", "Missing credentials")
        answer = await self.catalog.answer(request)
        return self._not_here(request) if answer is None else answer

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        if self.backstage.user_of(request) is None:
            return _error(401, "AuthenticationError", "Missing credentials")
        if request.method not in {"GET", "POST"}:
            return web.Response(status=404)
        path = request.raw_path.removeprefix(PROXIED)
        self.proxied.append(f"{request.method} {path}")
        headers = {
            **_let_through(request.headers),
            "Host": self.target.partition("://")[2],
            "Authorization": request.headers["Authorization"],
            "X-Litmus-Sidecar-Key": self.key,
            "Connection": "close",
        }
        try:
            async with self.session.request(
                request.method,
                URL(f"{self.target}{path}", encoded=True),
                headers=headers,
                data=await request.read() if request.can_read_body else None,
                allow_redirects=False,
                skip_auto_headers=("Accept-Encoding", "Accept", "User-Agent", "Content-Type"),
            ) as answer:
                body = await answer.read()
                back = _let_through(answer.headers)
                back.pop("Content-Length", None)  # set anew, from the body
                return web.Response(status=answer.status, body=body, headers=back)
        except aiohttp.ClientConnectionError:
            host = self.target.partition("://")[2]
            text = f"Error occurred while trying to proxy: {host}{path}"
            return web.Response(status=504, text=text)


def _let_through(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in headers.items() if name.lower() in FORWARDED}


def _error(status: int, name: str, message: str) -> web.Response:
    return web.json_response({"error": {"name": name, "message": message}}, status=status)


def built_apps() -> None:
    """Skip where the apps are not bundled; in CI that fails."""
    if all((APPS / "dist" / system / "app.js").is_file() for system in ("new", "old")):
        return
    message = "the Backstage apps are not bundled; run `make test` once"
    if os.environ.get("LITMUS_SIDECAR_CI"):
        pytest.fail(message)
    pytest.skip(message)


@asynccontextmanager
async def open_backstage_app(system: str, catalog: AppCatalog, key: str) -> AsyncIterator[BackstageApp]:
    """Serve the app of a frontend system on a free port of loopback; ``target`` is the caller's to set."""
    async with (
        open_backstage() as backstage,
        aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        served = BackstageApp(system=system, backstage=backstage, catalog=catalog, key=key, session=session)
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", served.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            served.url = f"http://{host}:{port}"
            yield served
        finally:
            await runner.cleanup()
