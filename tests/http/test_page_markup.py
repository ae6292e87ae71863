"""What holds for the links and pictures of every page."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from tests.support.golden_service import golden_app
from tests.support.markup import Element, parse_html

PATH = "/litmus/entities/component/default/shop"
Client = TestClient[Any, Any]


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def page(client: Client, path: str) -> Element:
    async with client.get(path) as response:
        assert response.status == 200
        return parse_html(await response.text())


@pytest.mark.parametrize("path", ["/litmus", PATH, f"{PATH}/runs", f"{PATH}/report"])
async def test_links_to_other_origins_open_a_tab_that_knows_nothing_of_us_and_our_own_do_not(
    client: Client, path: str
) -> None:
    links = (await page(client, path)).all("a")
    out = [one for one in links if urlsplit(one.attributes["href"]).netloc]
    assert out
    for link in links:
        own = {name: link.attributes.get(name) for name in ("target", "rel")}
        assert own == (
            {"target": "_blank", "rel": "noopener noreferrer"}
            if link in out
            else {"target": None, "rel": "next" if link.text == "Older runs" else None}
        )


@pytest.mark.parametrize("path", ["/litmus", PATH, f"{PATH}/report"])
async def test_pictures_are_called_by_their_titles_and_described_by_their_figures(
    client: Client, path: str
) -> None:
    pictures = (await page(client, path)).all("svg", role="img")
    assert pictures
    for picture in pictures:
        title, desc = picture.children[:2]
        assert isinstance(title, Element)
        assert isinstance(desc, Element)
        assert picture.attributes["aria-labelledby"] == title.attributes["id"]
        assert picture.attributes["aria-describedby"] == desc.attributes["id"]
        assert len(title.text) < 150
