"""A page in a frame has no header and footer, and nothing leads out of it; a project leads to its entity."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from sidecar.http.pages.embedding import embedded, embedded_markup
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, PROJECT, golden_app
from tests.support.markup import Element, parse_html

ENTITY_PATH = "/litmus/entities/component/default/shop"
PAGES = (
    "/litmus",
    "/litmus?window=7d&group=system&show=all",
    ENTITY_PATH,
    f"{ENTITY_PATH}?window=7d&tz=Europe/Berlin&q=cart",
    f"{ENTITY_PATH}/report",
    f"{ENTITY_PATH}/runs?outcome=passed",
    f"/litmus/projects/{PROJECT.project_id}",
    "/litmus/entities/component/default/nobody",
    "/litmus?group=nothing",
)
Client = TestClient[Any, Any]


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def page(client: Client, path: str) -> Element:
    async with client.get(path) as response:
        return parse_html(await response.text())


def framed(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}embed=1"


def led_to(document: Element) -> list[str]:
    """Every address of ours that links and forms of the page lead to."""
    addresses = [one.attributes["href"] for one in document.all("a") if "href" in one.attributes]
    addresses += [one.attributes["action"] for one in document.all("form")]
    return [one for one in addresses if re.fullmatch(r"/litmus([/?#].*)?", one)]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_in_a_frame_has_no_header_and_footer_and_the_same_between(
    client: Client, path: str
) -> None:
    whole, inner = await page(client, path), await page(client, framed(path))
    assert whole.all("header", class_="top")
    assert whole.all("footer")
    for name in ("header", "footer", "nav"):
        assert not [one for one in inner.all(name) if one.attributes.get("class") in {"top", "bottom"}]
    assert not inner.all("a", class_="skip")
    assert [one.text for one in inner.all("h1")] == [one.text for one in whole.all("h1")]
    assert [one.text for one in inner.all("h2")] == [one.text for one in whole.all("h2")]


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_and_form_to_a_page_keeps_it_and_what_else_it_asks_for(
    client: Client, path: str
) -> None:
    whole, inner = await page(client, path), await page(client, framed(path))
    for header in whole.all("header", class_="top"):
        header.children.clear()
    plain, kept = led_to(whole), led_to(inner)
    assert len(kept) > 0
    for address in kept:
        assert parse_qs(urlsplit(address).query).get("embed") == ["1"], address
    assert [str(URL(one).without_query_params("embed")) for one in kept] == [
        str(URL(one).without_query_params("embed")) for one in plain
    ]
    for form in inner.all("form"):
        fields = {one.attributes.get("name"): one.attributes.get("value") for one in form.all("input")}
        # What a search asks for replaces the query of its address.
        assert (form.attributes.get("method") == "get") == (fields.get("embed") == "1")


@pytest.mark.parametrize("path", PAGES)
async def test_no_link_leads_to_what_no_frame_may_show(client: Client, path: str) -> None:
    inner = await page(client, framed(path))
    assert not [one for one in inner.all("a") if one.attributes["href"].startswith("/api/")]


async def test_what_is_old_shows_its_age_in_a_frame_too(client: Client) -> None:
    inner = await page(client, framed(ENTITY_PATH))
    assert "Updated" in inner.by_id("age").text


async def test_the_way_back_from_a_search_stays_in_the_frame(client: Client) -> None:
    inner = await page(client, framed(f"{ENTITY_PATH}?q=nothing-of-that-name"))
    assert any("embed=1" in one and "q=" not in one for one in led_to(inner))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/litmus", "/litmus?embed=1"),
        ("/litmus?q=a#entities", "/litmus?q=a&embed=1#entities"),
        ("/litmus?embed=1&q=a", "/litmus?embed=1&q=a"),
        ("/litmus/entities/a/b/c#x", "/litmus/entities/a/b/c?embed=1#x"),
        ("/litmus?q=embed%3D1", "/litmus?q=embed%3D1&embed=1"),
    ],
)
def test_an_address_gets_it_once_before_its_fragment(address: str, expected: str) -> None:
    assert embedded(address) == expected
    assert embedded(embedded(address)) == expected


@pytest.mark.parametrize(
    "markup",
    [
        '<a href="https://litmus.example.com/litmus/x">',
        '<link href="/litmus/assets/style-1.css">',
        '<a href="/api/v1/docs">',
        '<a href="/litmusx">',
        "<p>href=&#34;/litmus&#34;</p>",
        '<form method="post" action="/elsewhere">',
    ],
)
def test_what_leads_to_no_page_of_ours_stays_as_it_is(markup: str) -> None:
    assert embedded_markup(markup) == markup


def test_what_is_escaped_stays_escaped() -> None:
    assert embedded_markup('<a href="/litmus?q=a&amp;owner=b&#39;c">') == (
        '<a href="/litmus?q=a&amp;owner=b&#x27;c&amp;embed=1">'
    )


async def test_a_project_that_one_entity_names_leads_to_its_page(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(golden_app(entities=(ENTITY,)))
    path = f"/litmus/projects/{PROJECT.project_id}?window=7d&tz=Europe/Berlin"
    for asked, expected in (
        (path, f"{ENTITY_PATH}?window=7d&tz=Europe%2FBerlin"),
        (framed(path), f"{ENTITY_PATH}?window=7d&tz=Europe%2FBerlin&embed=1"),
        (f"/litmus/projects/{PROJECT.project_id}?instance=default", ENTITY_PATH),
    ):
        async with client.get(asked, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, expected)
    async with client.get(framed(path)) as response:
        assert response.status == 200


async def test_of_several_entities_people_choose_the_whole_project_first(client: Client) -> None:
    document = await page(client, f"/litmus/projects/{PROJECT.project_id}?window=7d")
    links = [one for one in document.one("main").all("a") if "/entities/" in one.attributes["href"]]
    assert [one.attributes["href"] for one in links] == [
        f"{ENTITY_PATH}?window=7d",
        "/litmus/entities/component/default/pay?window=7d",
    ]
    assert "a part of the project" in document.text


async def test_entities_of_one_id_in_two_instances_are_told_apart(aiohttp_client: AiohttpClient) -> None:
    other = msgspec.structs.replace(
        PART, ref="component:default/twin", project=msgspec.structs.replace(PROJECT, instance="staging")
    )
    client = await aiohttp_client(golden_app(entities=(ENTITY,), beside={other: golden().content}))
    document = await page(client, f"/litmus/projects/{PROJECT.project_id}")
    assert "Litmus staging" in document.text
    path = f"/litmus/projects/{PROJECT.project_id}?instance=staging"
    async with client.get(path, allow_redirects=False) as response:
        assert response.headers["Location"] == "/litmus/entities/component/default/twin"


@pytest.mark.parametrize("rest", ["nobody", f"{PROJECT.project_id}?instance=other", f"{PROJECT.project_id}x"])
async def test_a_project_that_nobody_names_is_404(client: Client, rest: str) -> None:
    async with client.get(f"/litmus/projects/{rest}") as response:
        assert response.status == 404
        assert "No entity names this Litmus project" in await response.text()
