"""Pages below the path of ``publicUrl``, behind a real ingress that takes the path off each request."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest

from tests.e2e.conftest import Small
from tests.e2e.door import config_of, people
from tests.support.service import Service, eventually, open_service

PREFIX = "/chaos-sidecar"
CART = "/litmus/entities/component/default/cart"
ADDRESS = re.compile(r'(?:href|action|src)="([^"]*)"')


def find_nginx() -> str:
    """Return the program, or skip; in CI a lack of it fails."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and os.environ.get("LITMUS_SIDECAR_CI"):
        pytest.fail("nginx is missing; install the package nginx-light")
    if found is None:
        pytest.skip("nginx is missing; install the package nginx-light")
    return found


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@asynccontextmanager
async def ingress(service: Service, port: int, directory: Path) -> AsyncIterator[str]:
    """An nginx that serves the sidecar below the prefix only; yields its address."""
    (directory / "nginx.conf").write_text(
        f"daemon off; pid {directory}/nginx.pid; error_log stderr crit;\n"
        f"events {{}}\n"
        f"http {{ access_log off;\n"
        + "".join(
            f"  {kind}_temp_path {directory}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"  server {{ listen 127.0.0.1:{port};\n"
        f"    location {PREFIX}/ {{ proxy_pass {service.url('/')}; proxy_set_header Host $http_host; }}\n"
        "    location / { return 404; }\n  }\n}\n"
    )
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - the program is found, and it starts at once
        [find_nginx(), "-p", directory, "-c", directory / "nginx.conf"], stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        assert process.poll() is None, "nginx ended at once"
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    try:
        await eventually(answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def test_every_link_form_and_redirect_of_the_pages_works_below_a_prefix(
    small: Small, tmp_path: Path
) -> None:
    people(small)
    port = free_port()
    public = f"http://127.0.0.1:{port}{PREFIX}/"
    config = config_of(small, publicUrl=public)
    async with (
        open_service(config) as service,
        ingress(service, port, tmp_path) as origin,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        await service.ready()
        # Who is unknown is led to the form, and from it back to the page.
        async with browser.get(f"{origin}{PREFIX}{CART}") as form:
            assert form.url.path == f"{PREFIX}/litmus/sign-in"
            text = await form.text()
        (action,) = re.findall(r'method="post" action="([^"]*sign-in)"', text)
        (following,) = re.findall(r'name="next" value="([^"]*)"', text)
        fields = {"username": "vera", "password": "Litmus-1", "next": unescape(following)}
        async with browser.post(urljoin(origin, action), data=fields, headers={"Origin": origin}) as page:
            assert (page.status, page.url.path) == (200, f"{PREFIX}{CART}")
        seen = set()
        waiting = [f"{PREFIX}/litmus", f"{PREFIX}{CART}", f"{PREFIX}{CART}/report", f"{PREFIX}{CART}/runs"]
        for path in waiting:
            async with browser.get(origin + path) as page:
                assert page.status == 200
                found = {unescape(address) for address in ADDRESS.findall(await page.text())}
            seen |= {urljoin(path, address).partition("#")[0] for address in found}
        ours = {address for address in seen if not urlsplit(address).netloc}
        assert len(ours) > 10
        assert [address for address in ours if not address.startswith(f"{PREFIX}/")] == []
        for address in sorted(ours):
            async with browser.get(origin + address) as answer:
                # Of forms only those that are sent are answered with 405.
                assert answer.status in {200, 401, 403, 405}, address
        async with browser.get(f"{origin}{PREFIX}/litmus/?window=7d", allow_redirects=False) as led:
            assert led.headers["Location"] == f"{PREFIX}/litmus?window=7d"


async def test_without_a_path_nothing_is_put_before_addresses(small: Small) -> None:
    people(small)
    texts = []
    for sections in ({}, {"publicUrl": "http://sidecar.example.com/"}):
        async with open_service(config_of(small, **sections)) as service:
            await service.ready()
            answer = await service.get("/litmus/sign-in")
            led = await service.get("/litmus", allow_redirects=False)
            texts.append((await answer.text(), led.headers["Location"]))
    assert texts[0] == texts[1]
    assert texts[0][1] == "/litmus/sign-in?next=%2Flitmus"
