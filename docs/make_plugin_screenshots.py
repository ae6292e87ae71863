"""Take the pictures of the package for Backstage, in a small real app in front of the demonstration.

``make screenshots`` rewrites the files in ``docs/images``. The demonstration
moves, so every run's pictures differ a little; they are taken anew when the
package changes its look.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Locator, Page, ViewportSize

from sidecar.telemetry.logs import configure_logging
from tests.support.backstage_app import APPS, USER_COOKIE
from tests.support.browser import open_browser
from tests.support.demo_portal import DemoPortal, open_demo_portal

IMAGES: Final = Path(__file__).with_name("images")
ENTITY: Final = "/catalog/default/component/cart"
DESK: Final = ViewportSize(width=1280, height=900)


async def main() -> None:
    """Serve the demonstration behind an app of the new frontend system and take every picture."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("chromium is missing; install the package chromium")
    if not (APPS / "dist" / "new" / "app.js").is_file():
        sys.exit("the Backstage apps are not bundled; run make screenshots")
    configure_logging(level="error")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with open_demo_portal("new", Path(directory)) as portal, open_browser(executable) as browser:
            page = await _visitor(browser, portal)
            card = page.locator("[class*=MuiCard-root]").filter(has_text="Runs by outcome")
            await _take(page, ENTITY, card, "plugin-card.png", of=card)
            row = page.get_by_role("row").filter(has_text="cart-pod-delete").first
            await _take(page, f"{ENTITY}/resilience", row, "plugin-content.png")
            row = page.get_by_role("row").filter(has_text="shop-team").first
            await _take(page, "/litmus", row, "plugin-portfolio.png")


async def _visitor(browser: Browser, portal: DemoPortal) -> Page:
    context = await browser.new_context(
        base_url=portal.app.url, color_scheme="light", viewport=DESK, locale="en-GB", device_scale_factor=1
    )
    await context.add_cookies([{"name": USER_COOKIE, "value": "alice", "url": portal.app.url}])
    return await context.new_page()


async def _take(page: Page, path: str, data: Locator, name: str, *, of: Locator | None = None) -> None:
    """Open a view, wait for its data, and picture it or a part of it."""
    await page.goto(path)
    await data.wait_for()
    await page.wait_for_load_state("networkidle")
    await (page if of is None else of).screenshot(path=IMAGES / name)
    sys.stdout.write(f"{IMAGES / name} is written\n")


if __name__ == "__main__":
    asyncio.run(main())
