"""The portfolio page tells the figures of the JSON, for everybody, whatever the names are."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.domain.model import Content
from tests.http.asking import Client, get, percent
from tests.support import builders
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, golden_app
from tests.support.markup import Element, parse_html


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def page(client: Client, query: str = "", headers: Mapping[str, str] | None = None) -> Element:
    async with client.get(f"/litmus{query}", headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        return parse_html(await response.text())


@pytest.mark.parametrize("group", ["owner", "system", "domain"])
@pytest.mark.parametrize("window", ["24h", "30d", "12mo"])
async def test_the_groups_have_the_figures_of_the_api_in_its_order(
    client: Client, group: str, window: str
) -> None:
    rows = (await page(client, f"?group={group}&window={window}")).by_id("groups").rows()
    groups = (await get(client, f"/api/v1/portfolio?group={group}&window={window}"))["groups"]
    assert len(rows) == len(groups)
    for row, told in zip(rows, groups, strict=True):
        assert row[0].startswith("none" if told["group"] is None else told["group"].rpartition("/")[2])
        assert row[1].startswith(percent(told["scoreNow"]["score"]))
        assert row[3].startswith(percent(told["score"]["mean"]))
        assert row[5].startswith(str(told["totalRuns"] or "none"))
        assert row[7] == str(len(told["entities"]))


async def test_what_needs_attention_is_what_the_api_says(client: Client) -> None:
    card = (await page(client)).by_id("attention")
    told = (await get(client, "/api/v1/attention"))["attention"]
    listed = [item.all("a")[0] for item in card.all("li")]
    assert sorted((link.text, link.attributes["href"]) for link in listed) == sorted(
        (one["experimentName"], one["link"]) for one in told
    )
    assert listed


async def test_what_needs_attention_is_listed_by_its_entities_with_owner_and_grade(client: Client) -> None:
    card = (await page(client)).by_id("attention")
    told = (await get(client, "/api/v1/attention"))["attention"]
    headings = [{link.attributes["href"] for link in one.all("a")} for one in card.all("h3")]
    lists = card.all("ul")
    assert len(headings) == len(lists)
    for heading, items in zip(headings, lists, strict=True):
        for item in items.all("li"):
            link = item.all("a")[0].attributes["href"]
            (refs, *_) = [one["entities"] for one in told if one["link"] == link]
            assert heading == {f"/litmus/entities/{ref.replace(':', '/')}" for ref in refs}
            assert re.match("Urgent|Soon|Later", item.text)
    assert all("owner team-" in one.text for one in card.all("h3"))


async def test_what_runs_now_is_what_the_api_says(client: Client) -> None:
    listed = [item.text for item in (await page(client)).by_id("running").all("li")]
    told = (await get(client, "/api/v1/now"))["runs"]
    assert len(listed) == len(told) > 0
    for text, one in zip(listed, told, strict=True):
        assert one["run"]["experimentName"] in text


async def test_every_entity_has_its_row_with_the_figures_of_its_overview(client: Client) -> None:
    rows = (await page(client, "?window=30d")).by_id("entity-rows").rows()
    assert len(rows) == 2
    for row, entity in zip(rows, sorted([ENTITY, PART], key=lambda one: one.ref), strict=True):
        told = await get(client, f"/api/v1/entities/{entity.ref.replace(':', '/')}/overview?window=30d")
        assert row[0] == (entity.title or "pay")
        assert row[3:5] == [percent(told["scoreNow"]["score"]), percent(told["score"]["mean"])]
        assert row[6] == str(told["totalRuns"])


@pytest.mark.parametrize(
    ("wanted", "number"), [("shop", 1), ("TEAM-B", 1), ("market%20shop", 1), ("default", 2), ("nothing", 0)]
)
async def test_entities_are_searched_without_a_script(client: Client, wanted: str, number: int) -> None:
    found = (await page(client, f"?q={wanted}")).by_id("entity-rows")
    assert len(found.all("tr")[1:]) == number
    if not number:
        assert "No entity matches “nothing”" in found.text


async def test_the_owner_narrows_the_whole_page(client: Client) -> None:
    narrowed = await page(client, "?owner=group:default/team-b")
    assert [row[0].split()[0] for row in narrowed.by_id("groups").rows()] == ["team-b"]
    assert len(narrowed.by_id("entity-rows").rows()) == 1


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("?window=2y", "window"),
        ("?group=team", "group"),
        ("?from=x", "from"),
        ("?show=some", "show"),
        ("?until=now", "since"),
    ],
)
async def test_a_bad_parameter_is_told_on_a_page(client: Client, query: str, parameter: str) -> None:
    async with client.get(f"/litmus{query}") as response:
        assert response.status == 400
        said = parse_html(await response.text()).one(role="alert").text
    assert parameter in said


OWN_WINDOW = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-20T00:00:00Z", "tz": "Europe/Berlin"}


async def test_a_window_of_ones_own_is_counted_and_kept_by_forms(client: Client) -> None:
    document = await page(client, f"?{urlencode(OWN_WINDOW)}")
    told = await get(client, f"/api/v1/portfolio?{urlencode(OWN_WINDOW)}")
    assert [row[3].split(" of ")[0] for row in document.by_id("groups").rows()] == [
        percent(group["score"]["mean"]) for group in told["groups"]
    ]
    for form in [*document.all("form", action="/litmus"), *document.all("form", action="/litmus#entities")]:
        hidden = {one.attributes["name"]: one.attributes["value"] for one in form.all("input", type="hidden")}
        assert hidden.items() >= OWN_WINDOW.items()


async def test_links_keep_what_the_address_asks_for(aiohttp_client: AiohttpClient) -> None:
    crowd = {
        builders.entity(f"component:default/{number:03}", project=builders.project(f"p{number}")): Content()
        for number in range(101)
    }
    client = await aiohttp_client(golden_app(beside=crowd))
    asked = {**OWN_WINDOW, "group": "system", "q": "default"}
    document = await page(client, f"?{urlencode(asked)}")
    (more,) = [one for one in document.all("a") if one.text == "More"]
    assert dict(parse_qsl(urlsplit(more.attributes["href"]).query)) == {**asked, "from": "100"}
    windows = document.one(aria_label="Window of the figures").all("a")
    assert [one.text for one in windows] == ["24 hours", "7 days", "30 days", "90 days", "12 months"]
    assert dict(parse_qsl(urlsplit(windows[0].attributes["href"]).query)) == {
        "window": "24h",
        "tz": "Europe/Berlin",
        "group": "system",
        "q": "default",
    }


async def test_lists_that_are_cut_lead_to_the_page_that_has_all(aiohttp_client: AiohttpClient) -> None:
    stuck = [
        builders.experiment(
            f"stuck-{number}", f"Stuck {number}", recent_runs=[builders.recent_run("r", "Running", None)]
        )
        for number in range(60)
    ]
    content = msgspec.structs.replace(golden().content, experiments=tuple(stuck))
    client = await aiohttp_client(golden_app(content=content))
    document = await page(client, "?group=system")
    for name, number in (("attention", 50), ("running", 12)):
        card = document.by_id(name)
        assert len(card.all("li")) == number
        link = card.all("a")[-1]
        assert re.fullmatch(r"\d+ more (items|runs)", link.text)
        path, _, anchor = link.attributes["href"].removeprefix("/litmus").partition("#")
        assert anchor == name
        whole = (await page(client, path)).by_id(name)
        assert len(whole.all("li")) == number + int(link.text.split()[0])
    assert "/api/v1" not in document.by_id("main").text


async def test_the_script_searches_by_what_the_sidecar_searches_by(client: Client) -> None:
    (row,) = (await page(client, "?q=commerce")).by_id("entity-rows").all("tr")[1:]
    text = row.attributes["data-text"]
    for field in (ENTITY.ref, "shop", ENTITY.owner, ENTITY.system, ENTITY.domain, "golden", "default"):
        assert field
        assert field in text


async def test_an_unchanged_page_is_not_sent_again(client: Client) -> None:
    async with client.get("/litmus") as response:
        tag = response.headers["ETag"]
    async with client.get("/litmus", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_a_page_brings_nothing_inline_and_may_fetch_nothing_foreign(client: Client) -> None:
    async with client.get("/litmus") as response:
        policy = response.headers["Content-Security-Policy"]
        document = parse_html(await response.text())
    assert "'unsafe" not in policy
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert not document.all("style")
    assert not [one for one in document.all() if "style" in one.attributes]
    assert all(script.attributes["src"].startswith("/litmus/assets/") for script in document.all("script"))


async def test_assets_are_kept_for_ever_under_the_address_of_their_content(client: Client) -> None:
    address = (await page(client)).one("link", rel="stylesheet").attributes["href"]
    async with client.get(address) as response:
        assert (response.status, response.content_type) == (200, "text/css")
        assert "immutable" in response.headers["Cache-Control"]
    async with client.get(address.replace("?v=", "?v=0")) as response:
        assert response.headers["Cache-Control"] == "no-cache"
    async with client.get("/litmus/assets/secret.py") as response:
        assert response.status == 404


async def test_a_slash_at_the_end_leads_to_the_page(client: Client) -> None:
    async with client.get("/litmus/?group=system&q=a%26b", allow_redirects=False) as response:
        assert response.status == 308
        assert response.headers["Location"] == "/litmus?group=system&q=a%26b"


async def test_without_any_entity_the_page_says_what_to_do(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(golden_app(entities=()))
    assert "litmuschaos.io/project-id: <id of the project>" in (await page(client)).by_id("main").text


@pytest.mark.parametrize("wanted", ["x" * 301, " ".join("abcdefghijklmnopqrstu")])
async def test_a_search_for_too_much_is_refused_by_name(client: Client, wanted: str) -> None:
    async with client.get("/litmus", params={"q": wanted}) as response:
        assert response.status == 400
        assert "at most 300 characters and 20 words" in await response.text()


async def test_that_something_never_ran_is_said_only_of_a_history_that_was_read_whole(
    aiohttp_client: AiohttpClient,
) -> None:
    unread = builders.entity(
        "component:default/unread", owner="group:default/newcomers", project=builders.project("unread")
    )
    client = await aiohttp_client(golden_app(beside={unread: builders.content()}))
    whole = await page(client)
    (group,) = [row for row in whole.by_id("groups").rows() if row[0].startswith("newcomers")]
    (entity,) = [row for row in whole.by_id("entity-rows").rows() if row[0].startswith("unread")]
    assert (group[5], group[6], entity[6], entity[7]) == ("unknown",) * 4


async def test_a_window_without_runs_is_no_claim_that_there_never_was_one(client: Client) -> None:
    shown = await page(client, "?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z")
    for row in shown.by_id("groups").rows():
        assert row[5] == "none"
        assert row[6] not in {"never run", "unknown"}
