"""Signing in to the pages with Litmus: who gets in, and who does not, over HTTP."""

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.http.pages.sign_in import NOT_SIGNED_IN, local_path
from tests.e2e.conftest import Small, open_small
from tests.e2e.door import CART, COOKIE, Door, config_of, open_door, people
from tests.support.service import Service, open_service
from tests.support.visitor import SIGN_IN, Seen, Visitor

SECURE_COOKIE = "__Host-litmus-session"
SHARED = pytest.mark.asyncio(loop_scope="session")
"""Marks what needs no sidecar of its own."""
BEHIND_TLS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "sidecar.example.com"}


@pytest.fixture
async def peopled(small: Small) -> Small:
    people(small)
    return small


@pytest.fixture
async def door(small: Small) -> AsyncIterator[Door]:
    async with open_door(small) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """The same, shared by visitors who leave nothing but their sessions."""
    async with open_small(tmp_path_factory.mktemp("door")) as small, open_door(small) as opened:
        yield opened


def without_id(seen: Seen) -> str:
    return re.sub(r"request <code>[^<]*</code>", "", seen.text)


@SHARED
async def test_who_is_unknown_is_led_to_the_form_and_back_to_the_page(open_to_all: Door) -> None:
    visitor = Visitor(open_to_all.service)
    led = await visitor.get(f"{CART}?window=7d")
    assert led.status == 303
    form = (await visitor.get(led.location)).page.one("form", action=SIGN_IN)
    entered = await visitor.send(form, username="vera", password="Litmus-1")
    assert entered.status == 303
    assert entered.location == f"{CART}?window=7d"
    page = await visitor.get(entered.location)
    assert page.status == 200
    assert "litmus:vera" in page.page.one("header").text


@SHARED
async def test_in_a_frame_the_form_and_what_follows_are_for_a_frame(open_to_all: Door) -> None:
    visitor = Visitor(open_to_all.service)
    led = await visitor.get("/litmus?window=7d&embed=1")
    assert (led.status, parse_qs(urlsplit(led.location).query)) == (
        303,
        {"next": ["/litmus?window=7d&embed=1"], "embed": ["1"]},
    )
    form = (await visitor.get(led.location)).page
    assert not form.all("header", class_="top")
    (sign_in,) = form.all("form")
    assert sign_in.attributes["action"] == "/litmus/sign-in?embed=1"
    refused = await visitor.post(sign_in.attributes["action"], {"username": "ada", "password": "wrong"})
    assert not refused.page.all("header", class_="top")
    following = sign_in.one("input", name="next").attributes["value"]
    assert (await visitor.sign_in("vera", next=following)).location == "/litmus?window=7d&embed=1"


@SHARED
async def test_every_sign_in_has_a_new_secret_and_ends_the_session_before(open_to_all: Door) -> None:
    visitor = Visitor(open_to_all.service)
    visitor.cookies[COOKIE] = planted = "A" * 43
    await visitor.sign_in("vera")
    first = visitor.cookies[COOKIE]
    assert first != planted
    copied = visitor.at(open_to_all.service)
    await visitor.sign_in("vera")
    assert visitor.cookies[COOKIE] != first
    assert (await visitor.get("/litmus")).status == 200
    assert (await copied.get("/litmus")).status == 303


@SHARED
async def test_the_cookie_on_this_machine_is_kept_from_scripts_and_other_sites(open_to_all: Door) -> None:
    seen = await Visitor(open_to_all.service).sign_in("vera")
    cookie = seen.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert not cookie["secure"]
    assert not cookie["domain"]
    assert seen.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("sections", "headers", "origin"),
    [
        ({"listen": {"trustedProxies": ["127.0.0.1/32"]}}, BEHIND_TLS, "https://sidecar.example.com"),
        (
            {"publicUrl": "https://sidecar.example.com"},
            {"Host": "sidecar.example.com"},
            "https://sidecar.example.com",
        ),
    ],
)
async def test_over_https_the_cookie_is_bound_to_the_host(
    peopled: Small, sections: dict[str, Any], headers: dict[str, str], origin: str
) -> None:
    async with open_service(config_of(peopled, **sections)) as service:
        await service.ready()
        visitor = Visitor(service, headers)
        visitor.origin = origin
        cookie = (await visitor.sign_in("vera")).cookies[SECURE_COOKIE]
        assert cookie["secure"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
        assert not cookie["domain"]
        assert (await visitor.get("/litmus")).status == 200
        # A sibling host or somebody on the network could plant a cookie of any other name.
        visitor.cookies = {COOKIE: visitor.cookies[SECURE_COOKIE]}
        assert (await visitor.get("/litmus")).status == 303


@pytest.mark.parametrize("sections", [{}, {"publicUrl": "https://sidecar.example.com"}])
async def test_nobody_signs_in_over_plain_http_from_elsewhere(
    peopled: Small, sections: dict[str, Any]
) -> None:
    async with open_service(config_of(peopled, **sections)) as service:
        await service.ready()
        visitor = Visitor(service, {"Host": "sidecar.internal"})
        visitor.origin = "http://sidecar.internal"
        refused = await visitor.sign_in("vera")
        assert refused.status == 403
        assert "Signing in needs HTTPS" in refused.text
        assert not visitor.cookies
        assert not peopled.world.session_tokens


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": ""},
    ],
)
@SHARED
async def test_no_foreign_page_signs_anybody_in(open_to_all: Door, headers: dict[str, str]) -> None:
    visitor = Visitor(open_to_all.service)
    seen = await visitor.post(SIGN_IN, {"username": "vera", "password": "Litmus-1"}, **headers)
    assert seen.status == 403
    assert not visitor.cookies


async def test_every_refusal_is_the_same_page_to_the_byte(door: Door) -> None:
    world = door.small.world
    world.deactivate(world.add_user("gone"))
    refusals = [
        await Visitor(door.service).sign_in("vera", "wrong"),
        await Visitor(door.service).sign_in("nobody", "Litmus-1"),
        await Visitor(door.service).sign_in("gone", "Litmus-1"),
        await Visitor(door.service).sign_in("", ""),
        await Visitor(door.service).sign_in("vera", "x" * 5_000),
    ]
    refusals += [await Visitor(door.service).sign_in("egon", "wrong") for _ in range(6)]
    refusals.append(await Visitor(door.service).sign_in("egon"))
    assert {seen.status for seen in refusals} == {403}
    assert len({without_id(seen) for seen in refusals}) == 1
    assert NOT_SIGNED_IN in refusals[0].page.text
    assert not any(seen.cookies for seen in refusals)
    # Litmus was asked of three accounts once, and of the one that was tried too often five times.
    assert door.asked("/auth/login") == 3 + 5


@SHARED
async def test_the_address_alone_tells_nobody_with_a_cookie_that_they_are_signed_out(
    open_to_all: Door,
) -> None:
    visitor = Visitor(open_to_all.service)
    visitor.cookies[COOKIE] = "A" * 43
    assert not (await visitor.get(f"{SIGN_IN}?signed-out")).page.all("p", id="said")
    visitor.cookies.clear()
    assert (await visitor.get(f"{SIGN_IN}?signed-out")).page.by_id("said").text == "You are signed out."


async def test_while_litmus_is_away_the_form_says_that_it_cannot_be_asked(door: Door) -> None:
    door.small.world.auth_server_up = False
    seen = await Visitor(door.service).sign_in("vera")
    assert seen.status == 503
    assert "Litmus cannot be asked" in seen.page.one(role="alert").text


async def test_without_being_configured_there_is_no_sign_in_page(service: Service) -> None:
    visitor = Visitor(service)
    assert (await visitor.get(SIGN_IN)).status == 404
    assert (await visitor.sign_in("vera")).status == 404
    assert (await visitor.post("/litmus/sign-out", {})).status == 404


@given(st.one_of(st.text(), st.from_regex(r"/litmus[/?\\.%0-9a-z\s:@#]*", fullmatch=True)))
@example("//attacker.example/litmus")
@example("/litmus//attacker.example")
@example("/litmus/../api/v1/docs")
@example("/litmus/%2e%2E/api/v1/docs")
@example("/litmus\\@attacker.example")
@example("/litmus/%5c%5cattacker.example")
@example("/litmus\r\nSet-Cookie: a=b")
@example("/litmus.attacker.example")
@example("/litmus/sign-out")
@example("https://attacker.example/litmus")
def test_after_signing_in_one_is_on_a_page_of_ours(wanted: str) -> None:
    path = local_path(wanted)
    assert path == "/litmus" or path.startswith(("/litmus/", "/litmus?"))
    assert path.isascii()
    assert path.isprintable()
    assert "\\" not in path
    assert "//" not in path.partition("?")[0]
    assert "/.." not in path.partition("?")[0].lower().replace("%2e", ".")
    assert path.partition("?")[0] not in {"/litmus/sign-out", "/litmus/sign-in"}


def test_a_page_of_ours_is_kept_as_it_is_wanted() -> None:
    assert local_path(f"{CART}?window=7d&q=a%20b") == f"{CART}?window=7d&q=a%20b"


@SHARED
async def test_the_cookie_is_worth_nothing_under_api(open_to_all: Door) -> None:
    visitor = await open_to_all.visitor("olga")
    for path in ("/api/v1/entities", "/api/v1/docs", "/metrics"):
        assert (await visitor.get(path)).status == 401
    body = '{"query": "{ getServerVersion { value } }"}'
    sent = {"Content-Type": "application/json", "Cookie": f"{COOKIE}={visitor.cookies[COOKIE]}"}
    assert (await open_to_all.service.post(body, sent)).status == 401


async def test_a_credential_in_a_header_decides_in_place_of_the_cookie(peopled: Small) -> None:
    keys = [{"name": "metrics", "secret": "metrics-key-0123456789", "scopes": ["metrics"]}]
    async with open_service(config_of(peopled, auth={"keys": keys})) as service:
        await service.ready()
        visitor = Visitor(service)
        await visitor.sign_in("vera")
        assert (await visitor.get("/litmus")).status == 200
        visitor.headers["X-Litmus-Sidecar-Key"] = "metrics-key-0123456789"
        assert (await visitor.get("/litmus")).status == 403
