"""Six mistakes of one configuration are mended by what ``check`` says alone, until it finds nothing."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from ruamel.yaml import YAML

from sidecar.cli.main import main
from sidecar.config.merging import merge
from sidecar.insight.finding_codes import EXPLANATIONS
from tests.e2e.conftest import Small
from tests.support.backstage import ISSUER, open_backstage
from tests.support.tls import certified, open_server

PREFIX = "/chaos"
KEY = "key-of-backstage-0123456789"
DISPLAY_TOKEN = "eyJhbGciOiJub25lIn0.eyJ1aWQiOiJiYWNrc3RhZ2UifQ."

Mend = Callable[[dict[str, Any], str], Any]


def ingress(simulator: str) -> Callable[[web.Request], Any]:
    """Return what serves a Litmus below a path, as an ingress does."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not request.path.startswith(f"{PREFIX}/"):
            return web.Response(status=404, text="<html>", content_type="text/html")
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in {"Authorization", "Content-Type"}
        }
        url = simulator + request.path_qs.removeprefix(PREFIX)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, headers=headers, data=await request.read()) as answer,
        ):
            return web.Response(
                status=answer.status, body=await answer.read(), content_type=answer.content_type
            )

    return handle


def named(pattern: str, sentence: str) -> str:
    """Return the address that a sentence says to use."""
    found = re.search(pattern, sentence)
    assert found is not None, sentence
    return found[1]


def explained(code: str) -> Any:
    """Return what ``--explain`` says to write."""
    return YAML(typ="safe").load(EXPLANATIONS[code].fix or "")


def mends(directory: Path) -> Mapping[str, Mend]:
    """Return how a reader does what is said of each."""

    def set_in(config: dict[str, Any], *path: str | int, value: Any) -> None:
        place: Any = config
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    def from_explanation(code: str) -> Mend:
        def mend(config: dict[str, Any], _sentence: str) -> None:
            whole = merge(config, explained(code))
            assert isinstance(whole, dict)
            config.update(whole)

        return mend

    instance = ("litmusSidecar", "instances", 0)
    return {
        "tls_untrusted": lambda config, _: set_in(
            config, *instance, "caFile", value=str(directory / Path("ca.pem"))
        ),
        "base_url_path_wrong": lambda config, told: set_in(
            config, *instance, "baseUrl", value=named(r"but below (\S+):", told)
        ),
        "store_unreachable": lambda config, _: set_in(
            config, "litmusSidecar", "store", "url", value=f"sqlite:///{directory}/store.db"
        ),
        "backstage_issuer_differs": lambda config, told: set_in(
            config, "litmusSidecar", "auth", "backstage", "issuer", value=named(r", but (\S+):", told)
        ),
        "proxy_without_post": from_explanation("proxy_without_post"),
        "proxy_carries_nobody": from_explanation("proxy_carries_nobody"),
    }


async def checked(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    code = await asyncio.to_thread(main, ["check", "--json", "--config", str(file)], {})
    return code, json.loads(capsys.readouterr().out)["findings"]


async def test_six_planted_mistakes_are_mended_by_following_check_alone(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tls = certified("localhost", tmp_path)
    async with open_backstage() as backstage, open_server(ingress(small.simulator.url), tls) as port:
        config: dict[str, Any] = {
            "litmus": {"baseUrl": f"https://localhost:{port}{PREFIX}", "apiToken": DISPLAY_TOKEN},
            "proxy": {
                "endpoints": {
                    "/litmus": {
                        "target": "http://litmus-sidecar:8080",
                        "credentials": "require",
                        "allowedMethods": ["GET"],
                        "headers": {"X-Litmus-Sidecar-Key": KEY},
                    }
                }
            },
            "litmusSidecar": {
                "instances": [
                    {
                        "name": "default",
                        "baseUrl": f"https://localhost:{port}{PREFIX}/api",
                        "externalBaseUrl": f"https://localhost:{port}{PREFIX}",
                        "token": small.token,
                    }
                ],
                "auth": {
                    "keys": [{"name": "portal", "secret": KEY, "scopes": ["read"]}],
                    "backstage": {"baseUrl": backstage.url, "issuer": f"{backstage.url}/api/auth"},
                },
                "catalog": {"files": [str(small.catalog)]},
                "store": {"url": f"sqlite:///{tmp_path}/gone/store.db"},
            },
        }
        known, mended, file = mends(tmp_path), [], tmp_path / "app-config.json"
        while True:
            file.write_text(json.dumps(config))
            code, found = await checked(file, capsys)
            if not found:
                break
            assert code == 1
            one = found[0]
            assert one["code"] in known, one
            assert one["code"] not in mended, f"mending it did not help: {one}"
            known[one["code"]](config, one["sentence"])
            mended.append(one["code"])
        assert code == 0
        assert sorted(mended) == sorted(known)
        assert config["litmusSidecar"]["instances"][0]["baseUrl"] == f"https://localhost:{port}{PREFIX}"
        assert config["litmusSidecar"]["auth"]["backstage"]["issuer"] == ISSUER
    assert not (tmp_path / "store.db").exists()
