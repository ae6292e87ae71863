"""The pages on the demo, in a real Chromium: what a person does with them, and what they never do."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, expect

from tests.e2e.conftest import Shown, open_shown, open_small
from tests.support import builders, histories
from tests.support.browser import open_page
from tests.support.golden import golden
from tests.support.golden_service import ENTITY as GOLDEN_ENTITY
from tests.support.golden_service import golden_app
from tests.support.service import config_for, eventually, open_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENTITY: Final = "/litmus/entities/component/default/cart"
PAGES: Final = {
    "portfolio": "/litmus",
    "entity": ENTITY,
    "runs": f"{ENTITY}/runs",
    "report": f"{ENTITY}/report",
    "never-run": "/litmus/entities/component/default/newsletter",
    "narrowed": "/litmus/entities/component/default/checkout",
    "odd-texts": "/litmus/entities/api/default/login-api",
    "tokens": "/litmus/settings/tokens",
}


def sheets(pdf: bytes) -> int:
    """How many pages are printed."""
    assert pdf.startswith(b"%PDF")
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


async def test_a_person_finds_an_entity_runs_an_experiment_and_prints_the_report(
    browser: Browser, shown: Shown
) -> None:
    async with open_page(browser, shown.base_url) as watched:
        page = watched.page
        await page.goto("/litmus")
        await page.get_by_label("Search by name").fill("cart")
        await page.locator("#entity-rows").get_by_role("link", name="cart", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("cart")

        await page.get_by_label("Name contains").fill("recommender-pod-cpu-hog")
        row = page.locator("#experiment-rows tbody tr:not([hidden])")
        await expect(row).to_have_count(1)
        await expect(row).not_to_contain_text("Waiting")
        before = await page.evaluate("performance.timeOrigin")

        await row.locator("summary", has_text=re.compile("^Run")).click()
        await row.get_by_role("button", name=re.compile("^Run")).click()
        await expect(page.locator("#said")).to_contain_text("recommender-pod-cpu-hog")
        await expect(row.get_by_text(re.compile("Waiting|Running")).first).to_be_visible()
        assert await page.evaluate("performance.timeOrigin") == before, "the page was loaded anew"

        await page.get_by_role("link", name="Report to print").click()
        await expect(page.get_by_role("heading", name="Runs by outcome")).to_be_visible()
        assert sheets(await page.pdf(format="A4")) == 1
        assert watched.faults == []


async def test_a_run_is_started_without_a_script_too(browser: Browser, shown: Shown) -> None:
    async with open_page(browser, shown.base_url, script=False) as watched:
        page = watched.page
        await page.goto(f"{ENTITY}?q=search-pod-delete")
        row = page.locator("#experiment-rows tbody tr")
        await row.locator("summary", has_text=re.compile("^Run")).click()
        await row.get_by_role("button", name=re.compile("^Run")).click()
        await expect(page.locator("#said")).to_contain_text("search-pod-delete")
        assert watched.faults == []


@pytest.mark.parametrize(
    ("dark", "phone"), [(False, False), (True, True)], ids=["light on a desk", "dark on a phone"]
)
async def test_every_page_is_whole_accessible_and_keeps_to_itself(
    browser: Browser, shown: Shown, *, dark: bool, phone: bool
) -> None:
    look = f"{'dark' if dark else 'light'}-{'phone' if phone else 'desk'}"
    async with open_page(browser, shown.base_url, dark=dark, phone=phone) as watched:
        for name, path in PAGES.items():
            answer = await watched.page.goto(path)
            assert answer is not None
            assert (name, answer.status) == (name, 200)
            await watched.picture(f"{name}-{look}")
            assert (name, await watched.violations()) == (name, [])
            assert (name, await watched.too_wide()) == (name, 0)
            assert (name, watched.faults) == (name, [])


async def test_what_is_not_there_is_told_on_a_page(browser: Browser, shown: Shown) -> None:
    async with open_page(browser, shown.base_url) as watched:
        answer = await watched.page.goto("/litmus/entities/component/default/nothing")
        assert answer is not None
        assert answer.status == 404
        await expect(watched.page.get_by_role("alert")).to_contain_text("No such entity")
        assert await watched.violations() == []


async def test_pages_tell_that_litmus_is_dead_and_keep_its_last_data(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_shown(tmp_path) as shown, open_page(browser, shown.base_url) as watched:
        page = watched.page
        await page.goto(ENTITY)
        rows = await page.locator("#experiment-rows tbody tr").count()
        await shown.worlds.default.stop()
        await expect(page.locator("#state")).to_contain_text(
            # The second once Litmus is left alone for a while.
            re.compile("No connection to Litmus|Litmus did not answer")
        )
        assert await page.locator("#experiment-rows tbody tr").count() == rows == 40
        assert await watched.violations() == []
        await watched.picture("entity-litmus-dead")


async def test_a_page_refreshes_itself_from_nobody_but_the_sidecar(browser: Browser, shown: Shown) -> None:
    async with open_page(browser, shown.base_url) as watched:
        asked: list[str] = []
        watched.page.on("request", lambda request: asked.append(request.resource_type))
        await watched.page.goto(ENTITY)
        await eventually(lambda: "fetch" in asked)
        assert watched.faults == []


async def test_all_figures_are_reached_without_a_script(browser: Browser, shown: Shown) -> None:
    async with open_page(browser, shown.base_url, script=False) as watched:
        page = watched.page
        await page.goto("/litmus")
        await page.get_by_label("Search by name").fill("cart")
        await page.get_by_role("button", name="Search").click()
        await page.locator("#entity-rows").get_by_role("link", name="cart", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("cart")
        await expect(page.locator("#experiment-rows tbody tr")).to_have_count(40)

        await page.get_by_role("link", name="All runs", exact=True).click()
        await page.get_by_label("Outcome").select_option("probe_failed")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url(re.compile("outcome=probe_failed"))
        await page.wait_for_load_state()
        outcomes = page.locator("#runs td[data-name=Outcome]")
        assert set(await outcomes.all_inner_texts()) == {"! Probe failed"}

        await page.get_by_role("link", name="cart", exact=True).click()
        await page.get_by_role("link", name="Report to print").click()
        await expect(page.get_by_role("heading", name="Runs by outcome")).to_be_visible()
        await expect(page.locator("main time").first).to_contain_text("UTC")
        assert watched.faults == []


async def test_the_report_is_one_page_however_much_is_found_and_however_long_the_names(
    browser: Browser,
) -> None:
    now = golden().now
    names = {f"long-{number}": f"{number} " + "Longest of names " * 18 for number in range(12)}
    runs = [
        msgspec.structs.replace(
            histories.run(now - timedelta(hours=hours), "Error", 0.0, experiment_id=key, updated_by=name),
            experiment_name=name,
        )
        for key, name in names.items()
        for hours in range(1, 5)
    ]
    waiting = [builders.recent_run("", "Queued", None)]
    content = msgspec.structs.replace(
        golden().content,
        experiments=tuple(builders.experiment(key, name, recent_runs=waiting) for key, name in names.items()),
    )
    entity = msgspec.structs.replace(GOLDEN_ENTITY, title="T" * 300, owner=f"group:default/{'o' * 63}")
    app = golden_app(entities=[entity], more_runs=runs, content=content)
    async with TestServer(app) as server, open_page(browser, str(server.make_url("/"))) as watched:
        page = watched.page
        await page.goto("/litmus/entities/component/default/shop/report")
        found = page.locator("section", has=page.get_by_role("heading", name="Needs attention"))
        await expect(found.locator("li")).to_have_count(5)
        await expect(found).to_contain_text("more, all of them in the portfolio")
        await expect(found.locator("li").first).to_contain_text("Longest of names " * 17)
        for size in ("A4", "Letter"):
            assert (size, sheets(await page.pdf(format=size))) == (size, 1)


@asynccontextmanager
async def open_frame() -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Serve a page that frames an address; yields its origin, and where the address is put."""
    framed = {"src": "about:blank"}

    async def outer(_request: web.Request) -> web.Response:
        return web.Response(text=f'<iframe src="{framed["src"]}"></iframe>', content_type="text/html")

    app = web.Application()
    app.router.add_get("/", outer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), framed


async def test_only_a_configured_origin_frames_pages_and_links_out_leave_the_frame_alone(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        open_small(tmp_path) as small,
        open_frame() as (portal, framed),
        open_frame() as (stranger, framed_by_stranger),
    ):
        config = config_for(
            {"default": (small.simulator, small.token)}, small.catalog, pages={"frameAncestors": [portal]}
        )
        async with open_service(config) as service, open_page(browser, portal) as watched:
            await service.ready()
            page = watched.page
            framed["src"] = framed_by_stranger["src"] = service.url(ENTITY)
            await page.goto(portal)
            inside = page.frame_locator("iframe")
            await expect(inside.get_by_role("heading", level=1)).to_have_text("cart")
            async with page.expect_popup() as opening:
                await inside.get_by_role("link", name="Open in Litmus (opens in a new tab)").click()
            tab = await opening.value
            await tab.wait_for_url(f"{small.simulator.url}/**")
            assert await tab.evaluate("[opener, document.referrer]") == [None, ""]
            await expect(inside.get_by_role("heading", level=1)).to_have_text("cart")

            framed["src"] = service.url(f"/litmus/projects/{small.project.project_id}?embed=1")
            await page.goto(portal)
            await expect(inside.get_by_role("heading", level=1)).to_have_text("cart")
            await expect(inside.get_by_role("banner")).to_have_count(0)
            await expect(inside.get_by_role("contentinfo")).to_have_count(0)
            await inside.get_by_role("link", name="Portfolio").click()
            await expect(inside.get_by_role("heading", level=1)).to_have_text("How resilient are we?")
            await expect(inside.get_by_role("banner")).to_have_count(0)

            await page.goto(stranger)
            await eventually(lambda: any("frame-ancestors" in fault for fault in watched.faults))
            await expect(inside.get_by_role("heading", level=1)).to_have_count(0)
