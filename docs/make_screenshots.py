"""Take the pictures of the README from the demo, in a real Chromium.

``make screenshots`` rewrites the files in ``docs/images``. The demo's world
moves, so every run's pictures differ a little; they are taken anew when the
pages change their look.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, ViewportSize, async_playwright

from sidecar.app.lifecycle import create_app
from sidecar.cli.demo import demo_config
from sidecar.simulator import demo_catalog, open_demo
from sidecar.telemetry.logs import configure_logging

IMAGES: Final = Path(__file__).with_name("images")
WAIT_SECONDS: Final = 90.0
ENTITY: Final = "/litmus/entities/component/default/cart"
DESK: Final = ViewportSize(width=1200, height=860)
PHONE: Final = ViewportSize(width=360, height=780)


async def main() -> None:
    """Serve the demo and take every picture."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("chromium is missing; install the package chromium")
    configure_logging(level="error")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        catalog = Path(directory) / "catalog-info.yaml"
        catalog.write_text(demo_catalog(), encoding="utf-8")
        async with open_demo() as demo:
            server = TestServer(create_app(demo_config(demo, catalog, 0)), host="127.0.0.1")
            await server.start_server()
            try:
                await _history_read(server)
                await _take_all(str(server.make_url("")).rstrip("/"), executable)
            finally:
                await server.close()


async def _history_read(server: TestServer) -> None:
    """Wait until figures miss no older runs."""
    async with asyncio.timeout(WAIT_SECONDS), aiohttp.ClientSession() as session:
        while True:
            async with session.get(server.make_url("/api/v1/portfolio")) as response:
                if (await response.json()).get("historyComplete"):
                    return
            await asyncio.sleep(0.5)


async def _take_all(base_url: str, executable: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, chromium_sandbox=os.geteuid() != 0, args=["--disable-gpu"]
        )
        try:
            await _take(browser, base_url, "/litmus", "portfolio.png")
            await _take(browser, base_url, ENTITY, "entity.png")
            await _take(browser, base_url, ENTITY, "entity-dark.png", dark=True)
            await _take(browser, base_url, ENTITY, "entity-phone.png", size=PHONE)
        finally:
            await browser.close()


async def _take(
    browser: Browser, base_url: str, path: str, name: str, *, dark: bool = False, size: ViewportSize = DESK
) -> None:
    context = await browser.new_context(
        base_url=base_url, color_scheme="dark" if dark else "light", viewport=size, locale="en-GB"
    )
    page = await context.new_page()
    await page.goto(path, wait_until="networkidle")
    await page.screenshot(path=IMAGES / name)
    await context.close()
    sys.stdout.write(f"{IMAGES / name} is written\n")


if __name__ == "__main__":
    asyncio.run(main())
