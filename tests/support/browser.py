"""A real Chromium, and pages of it that notice whatever a page should not do."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    async_playwright,
    expect,
)

FLAGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE: Final = ViewportSize(width=360, height=740)
DESK: Final = ViewportSize(width=1280, height=900)
AXE: Final = (files("axe_playwright_python") / "axe.min.js").read_text()
"""axe-core as that package brings it; its wrapper has no types."""
ARTEFACTS: Final = os.environ.get("LITMUS_SIDECAR_ARTEFACTS")
"""Directory where screenshots stay after the tests; without it none are taken."""
CEILING_MS: Final = 60_000
"""How long a condition on a page may take to come true; only a failing test waits so long."""
WCAG: Final = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    # What holds is not told node by node, which takes as long as looking.
    "resultTypes": ["violations"],
}

expect.set_options(timeout=CEILING_MS)


@asynccontextmanager
async def open_browser(executable: str) -> AsyncIterator[Browser]:
    """Start the browser; as root it runs without its sandbox, which refuses root."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=list(FLAGS), chromium_sandbox=os.geteuid() != 0
        )
        try:
            yield browser
        finally:
            await browser.close()


class Watched:
    """A page of the browser, and what it did that no page of ours may."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self._host = host
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # Violations of the content policy come this way, too.
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https"} and address.netloc != self._host:
            self.faults.append(f"request to {request.url}")

    async def picture(self, name: str) -> None:
        """Keep a picture of the whole page as an artefact of the tests, where these are wanted."""
        if ARTEFACTS:
            await self.page.screenshot(path=Path(ARTEFACTS) / f"{name}.png", full_page=True)

    async def too_wide(self) -> int:
        """Return by how many pixels the page is wider than its window; 0 if it fits."""
        return int(await self.page.evaluate("Math.max(0, document.documentElement.scrollWidth - innerWidth)"))

    async def violations(self, *, beside: str | None = None) -> list[str]:
        """Return what axe-core finds against WCAG 2.2 A and AA, one line each.

        ``beside`` selects what is not ours and not looked at.
        """
        await self.page.evaluate(AXE)
        looked_at = {"exclude": [] if beside is None else [beside]}
        results = await self.page.evaluate("([at, options]) => axe.run(at, options)", [looked_at, WCAG])
        return [
            f"{found['id']}: {node['html'][:160]}: {node['failureSummary']}"
            for found in results["violations"]
            for node in found["nodes"]
        ]


@asynccontextmanager
async def open_page(
    browser: Browser,
    base_url: str,
    *,
    dark: bool = False,
    phone: bool = False,
    script: bool = True,
    context: BrowserContext | None = None,
) -> AsyncIterator[Watched]:
    """Open an empty page of a new visitor to the service at ``base_url``."""
    visitor = context or await browser.new_context(
        base_url=base_url,
        color_scheme="dark" if dark else "light",
        viewport=PHONE if phone else DESK,
        java_script_enabled=script,
        timezone_id="Europe/Berlin",
        locale="en-GB",
    )
    try:
        yield Watched(await visitor.new_page(), urlsplit(base_url).netloc)
    finally:
        await visitor.close()
