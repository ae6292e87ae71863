"""Signing in with Litmus, the page of API tokens, and signing out, in a real Chromium."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from sidecar.litmus.wire.token import fingerprint
from sidecar.simulator.documents import OWNER, VIEWER, User
from tests.e2e.conftest import Small, open_small
from tests.e2e.door import CART, COOKIE, config_of, people
from tests.support.browser import Watched, open_page
from tests.support.service import Service, catalog_text, open_service
from tests.support.visitor import PASSWORD, SIGN_IN

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS: Final = "/litmus/settings/tokens"
LOOKS: Final = {"light-desk": (False, False), "dark-phone": (True, True)}


@dataclass
class Front:
    """A sidecar with a managed token, to which people of its Litmus sign in, and a browser."""

    small: Small
    service: Service
    browser: Browser

    @property
    def base_url(self) -> str:
        return self.service.url("").rstrip("/")

    def user(self, name: str) -> User:
        user = self.small.world.user_named(name)
        assert user is not None
        return user

    @property
    def session_token(self) -> str:
        """What Litmus gave out when root signed in last."""
        world = self.small.world
        return next(
            token
            for token in reversed(world.session_tokens)
            if world.token_factory.parse(token, 0)["username"] == "root"
        )

    @asynccontextmanager
    async def at(
        self, path: str, *, dark: bool = False, phone: bool = False, script: bool = True
    ) -> AsyncIterator[Watched]:
        """Open a page as root, the admin of all accounts, who signs in on the way to it."""
        async with open_page(self.browser, self.base_url, dark=dark, phone=phone, script=script) as watched:
            await watched.page.goto(path)
            await sign_in(watched.page)
            yield watched


@pytest_asyncio.fixture(loop_scope="session")
async def front(browser: Browser, tmp_path: Path) -> AsyncIterator[Front]:
    async with open_small(tmp_path) as small, open_front(small, browser) as opened:
        yield opened


@asynccontextmanager
async def open_front(small: Small, browser: Browser) -> AsyncIterator[Front]:
    world = small.world
    people(small)
    robot, root = world.user_named("backstage"), world.user_named("root")
    assert robot is not None
    assert root is not None
    world.set_role(small.project, root, VIEWER)
    other = world.add_project("other", owner=world.user_named("alice"), members={robot.user_id: OWNER})
    small.catalog.write_text(catalog_text({"cart": small.project.project_id, "vault": other.project_id}))
    world.issue_token(robot, days=-1, name="left behind")
    world.issue_token(robot, days=7, name="nightly")
    credentials = {"username": robot.username, "password": PASSWORD}
    instances = [{"name": "default", "baseUrl": small.simulator.url, "credentials": credentials}]
    async with open_service(config_of(small, instances=instances)) as service:
        await service.ready()
        yield Front(small, service, browser)


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await page.get_by_label("User name").fill("root")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def make_token(page: Page, name: str) -> None:
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Expires after").select_option("30")
    await page.get_by_role("button", name="Create token").click()


def row_of(page: Page, name: str) -> Locator:
    return page.locator("tbody tr").filter(has=page.get_by_role("rowheader", name=name, exact=True))


async def cookie_of(context: BrowserContext) -> str:
    (value,) = [one["value"] for one in await context.cookies() if one["name"] == COOKIE]
    return value


async def test_signing_in_leads_to_the_page_wanted_and_shows_only_projects_with_a_role(front: Front) -> None:
    async with front.at(f"{CART}?window=7d") as watched:
        page = watched.page
        await expect(page).to_have_url(re.compile(re.escape(f"{CART}?window=7d")))
        await expect(page.get_by_role("banner")).to_contain_text("litmus:root")
        await page.get_by_role("link", name="Litmus resilience").click()
        await expect(page.locator("#entity-rows tbody tr")).to_have_count(1)
        await expect(page.locator("#entity-rows")).to_contain_text("cart")
        await expect(page.locator("main")).not_to_contain_text("vault")
        assert watched.faults == []


async def test_a_token_is_shown_once_copied_and_then_listed(front: Front) -> None:
    async with front.at(TOKENS) as watched:
        page = watched.page
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await make_token(page, "ci")
        value = await page.get_by_label("Value").input_value()
        assert value == front.small.world.api_tokens[-1].token
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == value
        made = row_of(page, "ci")
        await expect(made).to_contain_text(fingerprint(value))
        await expect(made).to_contain_text(re.compile(r"\d{4}, \d\d:\d\d \(in 29 days\)"))
        await watched.picture("tokens-created-light-desk")
        assert watched.faults == []

        await page.reload()
        await expect(page.get_by_role("alert")).to_contain_text("There is a token of this name already")
        assert value not in await page.content()
        await page.goto(TOKENS)
        await page.go_back()
        assert value not in await page.content()
        assert [row.name for row in front.small.world.api_tokens].count("ci") == 1
        # Chromium itself writes the status of a refused page.
        assert all("status of 409" in fault for fault in watched.faults)


async def test_without_a_clipboard_the_value_is_selected_for_the_keyboard(front: Front) -> None:
    async with front.at(TOKENS) as watched:
        page = watched.page
        # As on a page that came over plain HTTP.
        await page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        await make_token(page, "ci")
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Selected")).to_be_visible()
        selected = await page.evaluate(
            "(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd))"
            "(document.getElementById('new-token'))"
        )
        assert selected == front.small.world.api_tokens[-1].token
        assert watched.faults == []


async def test_the_list_marks_the_token_in_use_and_expired_ones(front: Front) -> None:
    async with front.at(TOKENS) as watched:
        page = watched.page
        used = page.locator("tbody tr").filter(has_text="in use")
        await expect(used).to_have_count(1)
        await expect(used).to_contain_text("In use: rotate first")
        await expect(used.get_by_role("button")).to_have_count(0)
        await expect(row_of(page, "left behind")).to_contain_text("(24 hours ago)")
        await expect(row_of(page, "left behind")).to_contain_text("expired")
        await expect(row_of(page, "nightly")).to_contain_text("valid")


async def test_a_token_is_revoked_after_a_question(front: Front) -> None:
    async with front.at(TOKENS) as watched:
        page = watched.page
        doomed = row_of(page, "nightly")
        (value,) = [row.token for row in front.small.world.api_tokens if row.name == "nightly"]
        revoke = doomed.get_by_role("button", name="Revoke", exact=True)
        await expect(revoke).to_be_hidden()
        await doomed.locator("summary").click()
        await expect(doomed).to_contain_text("Revoke nightly for good?")
        await watched.picture("tokens-question-light-desk")
        await revoke.click()
        await expect(page.get_by_role("status")).to_contain_text("The token is revoked.")
        await expect(doomed).to_have_count(0)
        assert value in front.small.world.revoked_tokens
        assert watched.faults == []


async def test_the_managed_token_is_rotated(front: Front) -> None:
    async with front.at(TOKENS) as watched:
        page = watched.page
        used = page.locator("tbody tr").filter(has_text="in use").locator("code")
        before = await used.inner_text()
        await page.locator("summary", has_text="Rotate now").click()
        await page.get_by_role("button", name="Rotate now", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("A new token is in use")
        await expect(used).not_to_have_text(before)
        assert watched.faults == []


@pytest.mark.parametrize("look", LOOKS)
async def test_the_pages_of_signing_in_and_of_tokens_are_whole_and_accessible(
    front: Front, look: str
) -> None:
    dark, phone = LOOKS[look]
    async with open_page(front.browser, front.base_url, dark=dark, phone=phone) as watched:
        page = watched.page

        async def sound(name: str) -> None:
            await watched.picture(f"{name}-{look}")
            assert (name, await watched.violations()) == (name, [])
            assert (name, await watched.too_wide()) == (name, 0)
            assert (name, watched.faults) == (name, [])

        await page.goto(TOKENS)
        await sound("sign-in")
        await sign_in(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Manage API tokens")
        await sound("tokens-managed")
        await make_token(page, "ci")
        await expect(page.get_by_label("Value")).to_be_visible()
        await sound("tokens-created")


async def test_a_refusal_is_told_on_the_form(front: Front) -> None:
    async with open_page(front.browser, front.base_url) as watched:
        await watched.page.goto(SIGN_IN)
        await sign_in(watched.page, "wrong")
        await expect(watched.page.get_by_role("alert")).to_contain_text("Not signed in")
        await expect(watched.page.get_by_label("Password")).to_have_value("")
        assert await watched.violations() == []


async def test_all_of_it_works_without_a_script(front: Front) -> None:
    async with front.at(TOKENS, script=False) as watched:
        page = watched.page
        await make_token(page, "ci")
        await expect(page.get_by_label("Value")).to_have_value(front.small.world.api_tokens[-1].token)
        # It could do nothing.
        await expect(page.locator("[data-copy]")).to_be_hidden()
        await row_of(page, "ci").locator("summary").click()
        await row_of(page, "ci").get_by_role("button", name="Revoke", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("The token is revoked.")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("status")).to_have_text("You are signed out.")
        assert watched.faults == []


async def status_at_litmus(front: Front, token: str) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{front.small.simulator.url}/auth/list_projects") as response,
    ):
        return response.status


async def test_after_signing_out_neither_the_old_cookie_nor_the_old_litmus_token_is_worth_anything(
    front: Front,
) -> None:
    async with front.at(TOKENS) as watched:
        page = watched.page
        await expect(page.get_by_role("heading", level=1)).to_have_text("Manage API tokens")
        cookie, token = await cookie_of(page.context), front.session_token
        form_token = await page.locator("input[name=csrf]").first.input_value()
        headers = {"Cookie": f"{COOKIE}={cookie}"}
        # The copies are good ones: both open something until signing out.
        assert (await front.service.get(TOKENS, headers=headers, allow_redirects=False)).status == 200
        assert await status_at_litmus(front, token) == 200

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("status")).to_have_text("You are signed out.")
        assert [one for one in await page.context.cookies() if one["name"] == COOKIE] == []
        await page.go_back()
        await page.reload()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert watched.faults == []

    replayed = await front.service.get(TOKENS, headers=headers, allow_redirects=False)
    assert replayed.status == 303
    assert replayed.headers["Location"].startswith(SIGN_IN)
    fields = {"csrf": form_token, "instance": "default", "do": "create", "name": "stolen", "days": "30"}
    sent = {**headers, "Origin": front.base_url}
    async with front.service.session.post(
        front.service.url(TOKENS), data=fields, headers=sent, allow_redirects=False
    ) as answer:
        assert answer.status in {303, 401, 403}
    assert "stolen" not in [row.name for row in front.small.world.api_tokens]
    assert await status_at_litmus(front, token) == 401

    async with open_page(front.browser, front.base_url) as thief:
        await thief.page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": front.base_url}])
        await thief.page.goto(TOKENS)
        await expect(thief.page.get_by_role("button", name="Sign in")).to_be_visible()
