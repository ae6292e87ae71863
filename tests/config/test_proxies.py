"""Which proxy a server is asked through, and that all that is asked of it goes there."""

from pathlib import Path

import pytest
from aiohttp import encode_basic_auth, web

from sidecar.backstage.transport import BackstageError, open_backstage_http
from sidecar.config import Config, parse_config
from sidecar.config.proxies import Proxy, configured_proxy, proxy_for
from sidecar.domain.errors import ConfigError
from tests.support.backstage import open_backstage
from tests.support.findings import check
from tests.support.proxy import open_proxy
from tests.support.tls import certified

PROXY = {"HTTPS_PROXY": "http://proxy.test:3128", "HTTP_PROXY": "proxy.test:3129"}


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://litmus.test", PROXY, "http://proxy.test:3128"),
        ("http://litmus.test", PROXY, "http://proxy.test:3129"),
        ("http://litmus.test", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://litmus.test", {"HTTPS_PROXY": ""}, None),
        ("https://litmus.test", {"HTTPS_PROXY": "http://p:1", "https_proxy": ""}, None),
        ("https://litmus.test", {"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:2/"}, "http://q:2"),
        ("https://litmus.test", {"ALL_PROXY": "socks5://p:1"}, None),
        ("https://localhost:9002", PROXY, None),
        ("http://127.0.0.1:9002", PROXY, None),
        ("http://[::1]:9002", PROXY, None),
    ],
)
def test_the_variables_that_most_programs_honour_name_the_proxy(
    url: str, environ: dict[str, str], expected: str | None
) -> None:
    found = proxy_for(url, environ)
    assert (found.url if found is not None else None) == expected


@pytest.mark.parametrize(
    ("no_proxy", "url", "asked"),
    [
        ("*", "https://litmus.example.com", "directly"),
        ("example.com", "https://litmus.example.com", "directly"),
        (".example.com", "https://litmus.example.com", "directly"),
        ("*.example.com", "https://litmus.example.com", "directly"),
        ("EXAMPLE.com, other", "https://Litmus.example.com", "directly"),
        ("other litmus.example.com", "https://litmus.example.com", "directly"),
        ("litmus.example.com:443", "https://litmus.example.com", "directly"),
        ("litmus.example.com:8443", "https://litmus.example.com", "through it"),
        ("ample.com", "https://litmus.example.com", "through it"),
        ("", "https://litmus.example.com", "through it"),
        (" , .", "https://litmus.example.com", "through it"),
        (".svc,.cluster.local", "http://litmus.chaos.svc:9091", "directly"),
        ("10.0.0.0/8", "http://10.96.3.7:9091", "directly"),
        ("10.0.0.0/8", "http://11.96.3.7:9091", "through it"),
        ("10.96.3.7", "http://10.96.3.7:9091", "directly"),
        ("10.96.3.7:9091", "http://10.96.3.7:9091", "directly"),
        ("10.96.3.7:9092", "http://10.96.3.7:9091", "through it"),
        ("fd00::/8", "http://[fd00::7]:9091", "directly"),
        ("[fd00::7]", "http://[fd00::7]:9091", "directly"),
    ],
)
def test_no_proxy_lists_whom_to_ask_directly(no_proxy: str, url: str, asked: str) -> None:
    proxy = proxy_for(url, {**PROXY, "NO_PROXY": no_proxy})
    assert ("directly" if proxy is None else "through it") == asked


@pytest.mark.parametrize(
    "value",
    [
        "socks5://p:1",
        "http://",
        "http://u:geheim/x@p:1",
        "http://u:gehe@im@p:1",
        "http://p:geheim",
        "http://p/geheim",
    ],
)
def test_what_is_no_address_of_a_proxy_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^HTTPS_PROXY must be ") as caught:
        proxy_for("https://litmus.test", {"HTTPS_PROXY": value})
    assert "gehe" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_credentials_of_a_proxy_are_not_shown() -> None:
    proxy = proxy_for("https://litmus.test", {"HTTPS_PROXY": "http://us%40er:ge%2Fheim@p:1"})
    assert proxy is not None
    assert proxy.authorization == encode_basic_auth("us@er", "ge/heim")
    assert repr(proxy) == "Proxy(url='http://p:1')"


def config_with(**sections: str) -> Config:
    instance = {"name": "default", "baseUrl": "https://litmus.test", "token": "a-token"}
    return parse_config({"litmusSidecar": {"instances": [instance], **sections}}, directory=Path())


async def test_the_environment_is_looked_at_unless_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:1")
    monkeypatch.setenv("no_proxy", "")
    assert configured_proxy(config_with(), "https://litmus.test") == Proxy(url="http://proxy.test:1")
    assert configured_proxy(config_with(proxy="off"), "https://litmus.test") is None

    monkeypatch.setenv("https_proxy", "socks5://proxy.test:1")
    with pytest.raises(ConfigError, match="https_proxy must be"):
        await check(config_with(), offline=True)
    await check(config_with(proxy="off"), offline=True)


async def test_plain_requests_go_to_the_proxy_with_its_credentials() -> None:
    async with open_backstage() as backstage:
        port = int(backstage.url.rpartition(":")[2])
        async with open_proxy({"backstage.test": port}) as proxied:
            environ = {"http_proxy": f"http://user:word@127.0.0.1:{proxied.port}"}
            proxy = proxy_for("http://backstage.test", environ)
            async with open_backstage_http("http://backstage.test", proxy=proxy) as http:
                assert "keys" in await http.get("/api/auth/.well-known/jwks.json")
    assert proxied.asked == ["GET http://backstage.test/api/auth/.well-known/jwks.json"]
    assert "Proxy-Authorization: Basic dXNlcjp3b3Jk" in proxied.heads[0]


async def test_encrypted_requests_go_through_a_tunnel_and_show_the_proxy_nothing(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"authorization": request.headers["Authorization"]})

    app = web.Application()
    app.router.add_get("/secret", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certified("backstage.test", tmp_path)).start()
    try:
        async with open_proxy({"backstage.test": runner.addresses[0][1]}) as proxied:
            environ = {"https_proxy": f"http://127.0.0.1:{proxied.port}"}
            proxy = proxy_for("https://backstage.test", environ)
            async with open_backstage_http(
                "https://backstage.test", proxy=proxy, ca_file=tmp_path / "ca.pem"
            ) as http:
                assert await http.get("/secret", token="geheim") == {"authorization": "Bearer geheim"}
        assert proxied.asked == ["CONNECT backstage.test:443"]
        assert "geheim" not in proxied.heads[0]
    finally:
        await runner.cleanup()


async def test_a_proxy_that_refuses_is_an_error_without_its_credentials() -> None:
    async with open_proxy({}) as proxied:
        environ = {"https_proxy": f"http://user:geheim@127.0.0.1:{proxied.port}"}
        proxy = proxy_for("https://gone.test", environ)
        async with open_backstage_http("https://gone.test", proxy=proxy) as http:
            with pytest.raises(BackstageError) as caught:
                await http.get("/x")
    assert proxied.asked == ["CONNECT gone.test:443"]
    assert "geheim" not in repr(caught.value)
    assert caught.value.__context__ is None
