"""What script and style of the pages do for whoever reads on while a page refreshes itself, in Chromium.

The pages are those of the golden history, which stand still; what changes, a test changes on its way.
"""

import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, Route, expect

from sidecar.domain.model import Content
from tests.support import builders
from tests.support.browser import open_page
from tests.support.golden import golden
from tests.support.golden_service import golden_app

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENTITY: Final = "/litmus/entities/component/default/shop"
CROWD: Final = builders.entity("component:default/crowd", project=builders.project("crowd"))
LOOKED_AT: Final = "document.dispatchEvent(new Event('visibilitychange'))"
"""Makes a page refresh itself at once, as when its tab is looked at again."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def base_url() -> AsyncIterator[str]:
    server = TestServer(golden_app(content=content(), beside={CROWD: crowd()}), host="127.0.0.1")
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


def content() -> Content:
    """Return the golden content with experiments that have ten runs each, with scores of every length."""
    runs = [
        builders.recent_run(f"run-{number}", "Completed_With_Probe_Failure", score)
        for number, score in enumerate([100.0, 0.0, 66.7, 100.0, 0.0, 66.7, 100.0, 0.0, 66.7, 100.0])
    ]
    experiments = [
        builders.experiment(f"experiment-{number}", f"Kill the {number:03} cart", recent_runs=runs)
        for number in range(9)
    ]
    return msgspec.structs.replace(golden().content, experiments=tuple(experiments))


def crowd() -> Content:
    """Return more experiments than stand on one page; none ever ran."""
    experiments = [
        builders.experiment(f"experiment-{number}", f"Kill the {number:03} cart", recent_runs=())
        for number in range(120)
    ]
    return msgspec.structs.replace(golden().content, experiments=tuple(experiments))


async def change_all(page: Page) -> None:
    """Let everything live on the page differ from now on, and wait until the page has taken it."""

    async def changed(route: Route) -> None:
        answer = await route.fetch()
        body = (await answer.text()).replace(" data-live", " data-live data-changed")
        await route.fulfill(response=answer, body=body)

    await page.route(lambda _: True, changed)
    await page.evaluate(LOOKED_AT)
    await expect(page.locator("[data-live]:not([data-changed])")).to_have_count(0)


async def test_the_newest_of_ten_runs_is_in_view_on_a_phone(browser: Browser, base_url: str) -> None:
    async with open_page(browser, base_url, phone=True) as watched:
        await watched.page.goto(ENTITY)
        over = await watched.page.evaluate(
            "(() => { const one = document.querySelector('#experiment-rows .scroll');"
            " return one.scrollWidth - one.clientWidth; })()"
        )
        assert over == 0
        await expect(watched.page.locator(".heat").first.locator("li")).to_have_count(10)


async def test_the_trend_opens_on_its_newest_part_on_a_phone(browser: Browser, base_url: str) -> None:
    async with open_page(browser, base_url, phone=True) as watched:
        await watched.page.goto(ENTITY)
        hidden = await watched.page.evaluate(
            "(() => { const chart = document.querySelector('#trend .chart');"
            " return chart.getBoundingClientRect().right"
            " - chart.parentElement.getBoundingClientRect().right; })()"
        )
        assert abs(hidden) < 1


@pytest.mark.parametrize(
    "focused",
    ["#experiment-rows tbody tr:nth-child(5) th a", "#latest tbody tr:nth-child(2) a", "#trend summary"],
    ids=["link of a row", "link of a row without an id", "summary"],
)
async def test_the_focus_survives_a_refresh(browser: Browser, base_url: str, focused: str) -> None:
    async with open_page(browser, base_url) as watched:
        await watched.page.goto(ENTITY)
        place = watched.page.locator(focused).first
        await place.focus()
        await change_all(watched.page)
        await expect(place).to_be_focused()


async def test_a_scroll_position_survives_a_refresh(browser: Browser, base_url: str) -> None:
    async with open_page(browser, base_url, phone=True) as watched:
        await watched.page.goto(ENTITY)
        scroller = watched.page.locator("#trend .scroll").first
        assert await scroller.evaluate("one => one.scrollLeft = -120") == -120
        await change_all(watched.page)
        assert await scroller.evaluate("one => one.scrollLeft") == -120


async def test_who_has_opened_something_finds_it_open_after_a_refresh(
    browser: Browser, base_url: str
) -> None:
    async with open_page(browser, base_url) as watched:
        await watched.page.goto(ENTITY)
        await watched.page.locator("#trend summary").click()
        await change_all(watched.page)
        await expect(watched.page.locator("#trend-figures")).to_have_attribute("open", "")


async def test_what_did_not_change_is_left_alone(browser: Browser, base_url: str) -> None:
    async with open_page(browser, base_url) as watched:
        page = watched.page
        await page.goto(ENTITY)
        await page.evaluate("for (const one of document.querySelectorAll('[data-live]')) one.was = true")

        async def one_changed(route: Route) -> None:
            answer = await route.fetch()
            body = (await answer.text()).replace('id="latest"', 'id="latest" data-changed')
            await route.fulfill(response=answer, body=body)

        await page.route(lambda _: True, one_changed)
        await page.evaluate(LOOKED_AT)
        await expect(page.locator("#latest[data-changed]")).to_be_attached()
        replaced = (
            "[...document.querySelectorAll('[data-live]')].filter((one) => !one.was).map((one) => one.id)"
        )
        assert await page.evaluate(replaced) == ["latest"]


async def test_the_report_has_absolute_times_of_one_named_zone(browser: Browser, base_url: str) -> None:
    async with open_page(browser, base_url) as watched:
        # The visitor's own zone is another one.
        await watched.page.goto(f"{ENTITY}/report?tz=America/New_York")
        times = await watched.page.locator("time").all_inner_texts()
        assert len(times) > 5
        assert [time for time in times if not re.fullmatch(r"\d+ \w{3} \d{4}, \d\d:\d\d E[SD]T", time)] == []
        said = await watched.page.locator("body").inner_text()
        assert "All times are in America/New_York." in said
        assert not re.search(r"\bago\b|\bUTC\b", said)


@pytest.mark.parametrize("path", ["/litmus", f"{ENTITY}?since=2026-03-01T00:00:00Z", f"{ENTITY}/runs"])
async def test_every_age_on_a_page_is_refreshed(browser: Browser, base_url: str, path: str) -> None:
    async with open_page(browser, base_url) as watched:
        await watched.page.goto(path)
        await expect(watched.page.locator("footer [data-live] time")).to_have_count(1)
        # A row that has no part around it, or a sentence of the window, would stay as it was.
        still = watched.page.locator("time:not([data-live] time)")
        assert await still.all_inner_texts() == []


@pytest.mark.parametrize(("path", "name"), [("/litmus", "group"), (f"{ENTITY}/runs", "outcome")])
async def test_choosing_by_the_keyboard_leaves_the_page_alone(
    browser: Browser, base_url: str, path: str, name: str
) -> None:
    async with open_page(browser, base_url) as watched:
        page = watched.page
        await page.goto(path)
        await page.evaluate("document.addEventListener('submit', () => { window.sent = true }, true)")
        await page.locator(f"select[name={name}]").focus()
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement.selectedIndex") == 1
        assert await page.evaluate("window.sent") is None
        await page.locator("main form").first.get_by_role("button", name="Show").click()
        await page.wait_for_url(re.compile(f"{name}="))


@pytest.mark.parametrize(
    ("typed", "found"), [("DEFAULT  shop market", 1), ("commerce", 1), ("shop team-b", 0)]
)
async def test_the_script_finds_what_the_sidecar_finds(
    browser: Browser, base_url: str, typed: str, found: int
) -> None:
    async with open_page(browser, base_url) as watched:
        page = watched.page
        await page.goto("/litmus")
        await page.get_by_label("Search by name").fill(typed)
        await expect(page.locator("#entity-rows tbody tr:not([hidden])")).to_have_count(found)
        await expect(page.get_by_text("No entity here matches.")).to_be_visible(visible=not found)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile("q="))
        await expect(page.locator("#entity-rows tbody tr")).to_have_count(found)


async def test_a_search_among_the_rows_of_one_page_says_how_to_search_all(
    browser: Browser, base_url: str
) -> None:
    async with open_page(browser, base_url) as watched:
        page = watched.page
        await page.goto(f"/litmus/entities/{CROWD.ref.replace(':', '/')}")
        await page.get_by_label("Name contains").fill("cart 110")
        await expect(page.get_by_text("No experiment here matches.")).to_be_visible()
        await expect(page.get_by_text("Show searches all.")).to_be_visible()
        await page.get_by_label("Name contains").press("Enter")
        await page.wait_for_url(re.compile("q="))
        await expect(page.locator("#experiment-rows tbody tr")).to_have_count(1)
        await expect(page.get_by_text("searches all.")).to_be_hidden()


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_when_and_by_whom_each_run_was_is_reached_without_a_pointer(
    browser: Browser, base_url: str, *, phone: bool
) -> None:
    async with open_page(browser, base_url, phone=phone) as watched:
        row = watched.page.locator("#experiment-rows tbody tr").first
        await watched.page.goto(ENTITY)
        await row.get_by_text("Details").focus()
        await watched.page.keyboard.press("Enter")
        words = row.locator(".heat li span")
        await expect(words).to_have_count(10)
        shown = [await word.bounding_box() for word in await words.all()]
        assert all(box and box["height"] > 10 and box["width"] > 100 for box in shown), shown
        await expect(words.first).to_have_text("Probe failed, 2 Mar 2026, 11:59 UTC, by alice")
        assert await watched.too_wide() == 0
