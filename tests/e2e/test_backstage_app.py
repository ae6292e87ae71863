"""The package in small real Backstage apps, in Chromium: what people do with it, and what it never does.

The apps are bundled from the packed package by ``make test``; behind them are a
proxy as Backstage's, the sidecar that knows Backstage's people, and the
demonstration.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import pytest
import pytest_asyncio
from aiohttp.test_utils import unused_port
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.backstage_app import USER_COOKIE, built_apps
from tests.support.browser import Watched, open_page
from tests.support.demo_portal import CART, MISSED, DemoPortal, open_demo_portal
from tests.support.service import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

OVERVIEW: Final = "/catalog/default/component/cart"
RESILIENCE: Final = f"{OVERVIEW}/resilience"
PORTFOLIO: Final = "/litmus"
EXPERIMENT: Final = "recommender-pod-cpu-hog"
BACKSTAGES_OWN: Final = ("console: The following icons were registered as IconComponent",)
"""Warnings of Backstage 1.55 about itself."""
LOOKS: Final = {"new": [(False, False), (True, True)], "old": [(False, True)]}
"""Whether dark and whether on a phone, by frontend system: the views are the same, and axe takes its time."""
BACKSTAGES_BAR: Final = "[class*=MuiBottomNavigation]"
"""Backstage's navigation on a phone, whose links have no names."""
OF_THE_SIDECAR_AWAY: Final = "the server responded with a status of 504"
"""Chromium's line about an answer that is an error; no page can prevent it."""


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["new", "old"])
async def portal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DemoPortal]:
    """The demonstration behind the app of each frontend system."""
    built_apps()
    async with open_demo_portal(request.param, tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


@asynccontextmanager
async def open_as(
    browser: Browser, portal: DemoPortal, user: str = "alice", *, dark: bool = False, phone: bool = False
) -> AsyncIterator[Watched]:
    """Open an empty page of somebody who is signed in."""
    async with open_page(browser, portal.app.url, dark=dark, phone=phone) as watched:
        await watched.page.context.add_cookies([{"name": USER_COOKIE, "value": user, "url": portal.app.url}])
        yield watched


def faults(watched: Watched) -> list[str]:
    return [fault for fault in watched.faults if not fault.startswith(BACKSTAGES_OWN)]


def card(page: Page) -> Locator:
    """The figures of the card, once they are there."""
    return page.get_by_role("img", name=re.compile("^Score now: "))


def row_of(page: Page, region: str, text: str) -> Locator:
    """A row of a table; on a phone it has no such role, being a list there."""
    return page.get_by_role("region", name=region).locator("tr").filter(has_text=text)


DATA_OF: Final[Mapping[str, Callable[[Page], Locator]]] = {
    OVERVIEW: card,
    RESILIENCE: lambda page: row_of(page, "Experiments", EXPERIMENT),
    PORTFOLIO: lambda page: row_of(page, "Scores, worst first", "shop-team"),
}
"""What of a view comes with its data."""


async def shown(page: Page, path: str) -> None:
    """Open one of our views and wait until its data is there."""
    await page.goto(path)
    await expect(DATA_OF[path](page)).to_be_visible()


async def test_from_the_card_to_a_run_and_to_the_portfolio(browser: Browser, portal: DemoPortal) -> None:
    async with open_as(browser, portal) as watched:
        page = watched.page
        portal.app.proxied.clear()
        await shown(page, OVERVIEW)
        assert portal.app.proxied == [f"GET /api/v1/entities/{CART}/overview?window=30d"]

        async with page.expect_response(re.compile(r"/overview\?window=7d")) as answered:
            await page.get_by_role("button", name="7 days", exact=True).click()
        score = (await (await answered.value).json())["score"]
        await expect(page.get_by_text("Last 7 days")).to_be_visible()
        await expect(page.get_by_text(f"{score['number']} scored runs")).to_be_visible()
        await expect(page.get_by_text(f"{score['mean']:g} %", exact=True).first).to_be_visible()

        await page.get_by_role("link", name="Experiments and runs").click()
        await expect(page).to_have_url(re.compile(f"{RESILIENCE}$"))
        await page.go_back()
        tab = page.get_by_role("tab", name="Resilience")  # of the old system; a link in the new one
        await tab.or_(page.get_by_role("link", name="Resilience", exact=True)).click()
        missed = row_of(page, "Experiments", MISSED)
        await expect(missed).to_contain_text(re.compile(r"missed \d+ runs"))

        await page.get_by_label("Filter by name").fill(EXPERIMENT)
        row = row_of(page, "Experiments", EXPERIMENT)
        await expect(row).to_have_count(1)
        started = portal.worlds.default.asked("runChaosExperiment")
        await row.get_by_role("button", name=f"Run {EXPERIMENT}").click()
        question = page.get_by_role("dialog")
        await expect(question).to_contain_text("It injects its faults into")
        assert portal.worlds.default.asked("runChaosExperiment") == started
        await question.get_by_role("button", name="Run", exact=True).click()
        await expect(row).to_contain_text(re.compile("Litmus accepted the run|The run has begun"))
        await expect(row.get_by_role("img", name=re.compile("^(Waiting|Running)")).first).to_be_visible()
        assert portal.worlds.default.asked("runChaosExperiment") == started + 1

        await page.get_by_role("navigation").get_by_role("link", name="Litmus").click()
        await expect(page.get_by_text("Scores, yours first, then worst first")).to_be_visible()
        await expect(row_of(page, "Scores, worst first", "shop-team")).to_contain_text("yours")
        await page.get_by_role("textbox", name=re.compile("^Search")).fill("cart component")
        await page.get_by_role("link", name="cart", exact=True).first.click()
        await page.wait_for_url(f"**{OVERVIEW}")
        assert faults(watched) == []
    assert portal.app.unknown == []


async def test_who_may_not_run_reads_why_before_any_click(browser: Browser, portal: DemoPortal) -> None:
    async with open_as(browser, portal, "bob") as watched:
        page = watched.page
        await shown(page, RESILIENCE)
        content = await portal.ask(f"/entities/{CART}/content")
        assert content["experiments"]
        await page.get_by_label("Filter by name").fill(EXPERIMENT)
        row = row_of(page, "Experiments", EXPERIMENT)
        await expect(row).to_contain_text(re.compile("No “Run”: .*own", re.IGNORECASE))
        await expect(row.get_by_role("button", name=f"Run {EXPERIMENT}")).to_have_count(0)
        assert faults(watched) == []


async def test_every_view_is_whole_accessible_and_keeps_to_itself(
    browser: Browser, portal: DemoPortal
) -> None:
    for dark, phone in LOOKS[portal.app.system]:
        look = f"{'dark' if dark else 'light'}-{'phone' if phone else 'desk'}"
        # One visitor: their browser keeps the portal's scripts from one view to the next.
        async with open_as(browser, portal, dark=dark, phone=phone) as watched:
            for name, path in {"card": OVERVIEW, "content": RESILIENCE, "portfolio": PORTFOLIO}.items():
                await shown(watched.page, path)
                await watched.picture(f"backstage-{portal.app.system}-{name}-{look}")
                assert (name, look, await watched.too_wide()) == (name, look, 0)
                if path == RESILIENCE:
                    # Some of every kind: axe takes seconds for forty alike.
                    await watched.page.get_by_label("Filter by name").fill("cpu")
                    await expect(row_of(watched.page, "Experiments", "search-pod-delete")).to_have_count(0)
                found = [*await watched.violations(beside=BACKSTAGES_BAR), *faults(watched)]
                assert (name, look, found) == (name, look, [])


async def test_a_sidecar_that_is_away_is_told_and_its_return_noticed(
    browser: Browser, portal: DemoPortal
) -> None:
    sidecar = portal.app.target
    async with open_as(browser, portal) as watched:
        page = watched.page
        await page.clock.install()
        portal.app.target = f"http://127.0.0.1:{unused_port()}"
        try:
            await page.goto(OVERVIEW)
            alert = page.get_by_role("alert").filter(has_text="The Litmus sidecar does not answer")
            await expect(alert).to_be_visible()
            await expect(alert.get_by_role("button", name="Try again")).to_be_enabled()
        finally:
            portal.app.target = sidecar
        await page.clock.fast_forward("01:00")
        await expect(card(page)).to_be_visible()
        await expect(alert).to_have_count(0)
        assert [fault for fault in faults(watched) if OF_THE_SIDECAR_AWAY not in fault] == []


async def test_a_hidden_page_asks_for_nothing(browser: Browser, portal: DemoPortal) -> None:
    async with open_as(browser, portal) as watched:
        page = watched.page
        await page.clock.install()
        await shown(page, OVERVIEW)
        await page.evaluate(
            "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});"
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"
        )
        portal.app.proxied.clear()
        await page.clock.fast_forward("10:00")
        assert portal.app.proxied == []
        await page.evaluate(
            "delete document.visibilityState; delete document.hidden;"
            "document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"
        )
        await eventually(lambda: bool(portal.app.proxied))
        assert faults(watched) == []


async def test_an_entity_without_a_project_has_no_card(browser: Browser, portal: DemoPortal) -> None:
    async with open_as(browser, portal) as watched:
        page = watched.page
        await page.goto("/catalog/default/domain/commerce")
        await expect(page.get_by_role("heading", name="About").first).to_be_visible()
        await expect(page.get_by_text("Resilience", exact=True)).to_have_count(0)
