"""Pages and pictures of a Litmus that means harm, is huge, empty or dead, in a real Chromium."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, expect

from sidecar.http.pages.experiments import AT_ONCE
from sidecar.simulator import Simulator, open_simulator
from tests.e2e.hostile import CROWD, HARMFUL, ODD, hostile_catalog, hostile_world
from tests.support.browser import Watched, open_page
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENTITIES: Final = "/litmus/entities/component/default"
HOSTILE: Final = f"{ENTITIES}/hostile"
PAGES: Final = {
    "portfolio": "/litmus?group=system",
    "entity": HOSTILE,
    "runs": f"{HOSTILE}/runs",
    "report": f"{HOSTILE}/report",
    "tokens": "/litmus/settings/tokens",
    "crowd": f"{ENTITIES}/crowd",
    "nothing": f"{ENTITIES}/nothing",
}
SHARES: Final = f"/api/v1{HOSTILE.removeprefix('/litmus')}/share"
LABEL: Final = HARMFUL[1]
PICTURES: Final = ("score.svg", "trend.svg", "runs.svg", f"badge.svg?label={quote(LABEL)}")
FOUR: Final = {name: PAGES[name] for name in ("entity", "runs", "report", "portfolio")}
NO_ANSWER: Final = re.compile("No connection to Litmus|Litmus did not answer")
NOTHING_READ: Final = re.compile("never read|no run was read")
OF_NOTHING: Final = re.compile(r"\b0 (%|runs|finished)|Nothing runs|No runs yet|has run yet|Nothing[.:]")
"""What may be said only of what was read."""
OLD: Final = re.compile("shown as of|is old|the runs are those of")
LOOKS: Final = {"light-desk": (False, False), "dark-phone": (True, True)}
FOREIGN: Final = """() => {
  const elements =
    "script:not([src^='/litmus/assets/']), style, iframe, img, image, object, embed, base, foreignObject";
  const leading = /^(xlink:)?(href|src|action|formaction)$/i;
  const running = /^\\s*(javascript|data|vbscript):/i;
  const isForeign = ({ name, value }) =>
    /^on/i.test(name) || name === "style" || (leading.test(name) && running.test(value));
  const harmed = [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some(isForeign));
  return [...document.querySelectorAll(elements), ...harmed].map((one) => one.outerHTML.slice(0, 200));
}"""
"""Elements and attributes of a document that none of ours has."""

OPEN_ALL: Final = "for (const one of document.querySelectorAll('details')) one.open = true"


@dataclass
class Stage:
    """The sidecar of a hostile Litmus, and a browser."""

    litmus: Simulator
    service: Service
    browser: Browser

    @property
    def base_url(self) -> str:
        return self.service.url("").rstrip("/")


@asynccontextmanager
async def open_stage(
    folder: Path, browser: Browser, *, alive: bool = True, **sections: Any
) -> AsyncIterator[Stage]:
    world, projects, token = hostile_world()
    catalog = folder / "catalog-info.yaml"
    catalog.write_text(hostile_catalog(projects), encoding="utf-8")
    async with open_simulator(world) as litmus:
        config = config_for({"default": (litmus, token)}, catalog, **sections)
        if not alive:
            await litmus.stop()
        async with open_service(config, wait_seconds=0.1) as service:
            if alive:
                await service.attempted()
            yield Stage(litmus, service, browser)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path_factory.mktemp("hostile"), browser) as opened:
        await opened.service.ready()
        yield opened


@asynccontextmanager
async def harmless(
    stage: Stage, *, dark: bool = False, phone: bool = False, script: bool = True
) -> AsyncIterator[Watched]:
    """Open a page on which nothing foreign may run, whatever is shown on it."""
    async with open_page(stage.browser, stage.base_url, dark=dark, phone=phone, script=script) as watched:
        dialogs: list[str] = []
        watched.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        yield watched
        assert dialogs == []


async def assert_unharmed(watched: Watched, name: str) -> None:
    page = watched.page
    assert (name, await page.evaluate("window.__hit")) == (name, None)
    assert (name, await page.evaluate(FOREIGN)) == (name, [])
    # Chromium itself writes the status of a refused page.
    faults = [fault for fault in watched.faults if "responded with a status of 4" not in fault]
    assert (name, faults) == (name, [])


@pytest.mark.parametrize("look", LOOKS)
async def test_whatever_litmus_and_the_catalog_say_is_text_on_whole_pages(stage: Stage, look: str) -> None:
    dark, phone = LOOKS[look]
    async with harmless(stage, dark=dark, phone=phone) as watched:
        for name, path in PAGES.items():
            await watched.page.goto(path)
            await assert_unharmed(watched, name)
            await watched.picture(f"hostile-{name}-{look}")
            await watched.page.evaluate(OPEN_ALL)
            assert (name, await watched.too_wide()) == (name, 0)


async def test_harmful_names_stand_on_the_page_as_they_are(stage: Stage) -> None:
    async with harmless(stage) as watched:
        await watched.page.goto(HOSTILE)
        names = await watched.page.locator("#experiment-rows tbody th bdi").all_text_contents()
        assert set(HARMFUL) <= set(names)


async def test_no_name_turns_or_breaks_the_text_around_it(stage: Stage) -> None:
    async with harmless(stage) as watched:
        await watched.page.goto(HOSTILE)
        text = await watched.page.locator("main").text_content()
        assert text is not None
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        assert ODD[2] in text
        # Each of Litmus's texts finds its direction by itself, apart from ours.
        turned = watched.page.locator("#experiment-rows bdi", has_text=ODD[2]).first
        assert await turned.evaluate("element => getComputedStyle(element).unicodeBidi") == "isolate"


async def test_hostile_pages_are_accessible(stage: Stage) -> None:
    async with harmless(stage, phone=True) as watched:
        for name in ("entity", "report"):
            await watched.page.goto(PAGES[name])
            assert (name, await watched.violations()) == (name, [])


async def test_what_an_address_says_is_text_too(stage: Stage) -> None:
    async with harmless(stage) as watched:
        for text in HARMFUL[:7:3]:
            given = quote(text, safe="")
            for path in (
                f"/litmus?q={given}",
                f"/litmus?owner={given}",
                f"/litmus?window={given}",
                f"{HOSTILE}?q={given}&outcome={given}&infra={given}",
                f"{HOSTILE}/runs?since={given}",
                f"{HOSTILE}/runs?experiment={given}",
                f"{ENTITIES}/{given}",
                f"/litmus/settings/tokens?instance={given}",
            ):
                await watched.page.goto(path)
                await assert_unharmed(watched, path)


async def test_a_harmful_name_is_searched_and_told_on_a_form_sent_by_the_script(stage: Stage) -> None:
    async with harmless(stage) as watched:
        page = watched.page
        await page.goto(HOSTILE)
        await page.get_by_label("Name contains").fill(HARMFUL[5])
        row = page.locator("#experiment-rows tbody tr:not([hidden])")
        await expect(row).to_have_count(1)
        await row.locator("summary.button").first.click()
        await row.locator("form button").first.click()
        await expect(page.locator("#said")).to_be_visible()
        await expect(page.locator("#said")).to_contain_text(HARMFUL[5])
        await assert_unharmed(watched, "said")


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.partition(".")[0])
async def test_a_picture_by_itself_runs_nothing(stage: Stage, picture: str) -> None:
    async with harmless(stage) as watched:
        answer = await watched.page.goto(f"{HOSTILE}/{picture}")
        assert answer is not None
        assert answer.status == 200
        assert await watched.page.evaluate("document.documentElement.tagName") == "svg"
        assert await watched.page.locator("parsererror").count() == 0
        await assert_unharmed(watched, picture)


async def test_pictures_show_in_a_page_of_another_host(stage: Stage) -> None:
    sources = [await signed(stage, picture) for picture in ("score", "trend", "runs", "badge")]
    images = "".join(f'<img src="{source}" alt="">' for source in sources)

    async def readme(_: web.Request) -> web.Response:
        return web.Response(text=f"<!doctype html><title>README</title>{images}", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", readme)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        async with harmless(stage) as watched:
            await watched.page.goto(str(server.make_url("/")))
            widths = await watched.page.evaluate("[...document.images].map((one) => one.naturalWidth)")
            assert len(widths) == len(sources)
            assert all(width > 0 for width in widths), widths
            assert await watched.page.evaluate("window.__hit") is None
    finally:
        await server.close()


async def signed(stage: Stage, picture: str) -> str:
    """Return the signed address of a picture, as a README has it."""
    body = {"picture": picture, "expiresInDays": 1}
    if picture == "badge":
        body["label"] = LABEL
    async with stage.service.session.post(stage.service.url(SHARES), json=body) as answer:
        assert answer.status == 201, await answer.text()
        parts = urlsplit((await answer.json())["url"])
    return stage.service.url(f"{parts.path}?{parts.query}")


async def test_five_hundred_experiments_are_all_reached_by_turning_pages(stage: Stage) -> None:
    async with harmless(stage) as watched:
        page = watched.page
        await page.goto(PAGES["crowd"])
        links: set[str] = set()
        pages = page.get_by_role("navigation", name="Pages of experiments").get_by_role("link")
        for number in range(await pages.count()):
            await pages.nth(number).click()
            await expect(pages.nth(number)).to_have_attribute("aria-current", "page")
            rows = page.locator("#experiment-rows tbody th > a:first-child")
            await expect(rows).to_have_count(AT_ONCE)
            links |= set(await rows.evaluate_all("all => all.map((one) => one.href)"))
        assert len(links) == CROWD
        assert watched.faults == []


async def test_one_of_five_hundred_is_found_by_its_name(stage: Stage) -> None:
    async with harmless(stage) as watched:
        page = watched.page
        await page.goto(PAGES["crowd"])
        await page.get_by_label("Name contains").fill("experiment-007")
        await page.get_by_label("Name contains").press("Enter")
        await expect(page.locator("#experiment-rows tbody tr")).to_have_count(1)
        await expect(page.locator("#experiment-rows caption")).to_contain_text("1 of 500 experiments")
        assert watched.faults == []


async def test_an_empty_project_tells_the_next_step(stage: Stage) -> None:
    async with harmless(stage) as watched:
        await watched.page.goto(PAGES["nothing"])
        main = watched.page.locator("main")
        await expect(main.locator("#experiments")).to_contain_text(re.compile("[Nn]o experiment.*Litmus"))
        await expect(main).not_to_contain_text("0 %")
        await expect(main.locator("#infrastructures")).to_contain_text("None yet")


async def test_a_litmus_that_was_never_reached_is_told_in_place_of_figures(
    browser: Browser, tmp_path: Path
) -> None:
    opened = open_stage(tmp_path, browser, alive=False)
    async with opened as stage, harmless(stage) as watched:
        await told(stage, HOSTILE)
        for name, path in FOUR.items():
            await watched.page.goto(path)
            await expect(watched.page.locator("main")).to_contain_text(NOTHING_READ)
            await expect(watched.page.locator("main")).not_to_contain_text(OF_NOTHING)
            await assert_unharmed(watched, name)
            assert (name, await watched.too_wide()) == (name, 0)
            await watched.picture(f"never-reached-{name}")


async def test_a_litmus_that_died_leaves_its_last_data_and_their_age(
    browser: Browser, tmp_path: Path
) -> None:
    opened = open_stage(tmp_path, browser, sync=QUICK_SYNC)
    async with opened as stage, harmless(stage, phone=True) as watched:
        await eventually(partial(has_read_runs, stage))
        await stage.litmus.stop()
        await told(stage, PAGES["crowd"])
        await watched.page.goto(PAGES["crowd"])
        await expect(watched.page.locator("#experiment-rows tbody tr")).to_have_count(AT_ONCE)
        for name, path in FOUR.items():
            await watched.page.goto(path)
            await expect(watched.page.locator("main")).to_contain_text(OLD)
            await assert_unharmed(watched, name)
            assert (name, await watched.too_wide()) == (name, 0)
            await watched.picture(f"died-{name}-phone")


async def has_read_runs(stage: Stage) -> bool:
    """Tell whether the runs of the hostile project were read at least once."""
    runs = await stage.service.get("/api/v1/entities/component/default/hostile/runs")
    return (await runs.json())["history"]["syncedAt"] is not None


async def told(stage: Stage, path: str) -> None:
    """Wait until the page says that Litmus does not answer."""

    async def says() -> bool:
        return NO_ANSWER.search(await (await stage.service.get(path)).text()) is not None

    await eventually(says)
