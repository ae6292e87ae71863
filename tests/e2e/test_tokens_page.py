"""The page of API tokens: what it says, and what its forms do, without a script."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from sidecar.http.pages.tokens import distance
from sidecar.litmus.wire.token import fingerprint
from sidecar.simulator.documents import User
from tests.e2e.conftest import ReadOnly, Small
from tests.support.acting import ShiftedClock
from tests.support.markup import Element
from tests.support.service import Service, config_for, open_service
from tests.support.visitor import Seen, Visitor

PAGE = "/litmus/settings/tokens"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


REFUSED = pytest.mark.asyncio(loop_scope="session")
"""Marks what changes nothing, at the sidecar that is shared for it."""


@pytest.fixture
def visitor(service: Service) -> Visitor:
    """Somebody on the sidecar's own machine, where nobody is configured."""
    return Visitor(service)


@pytest.fixture
def refused_visitor(read_only: ReadOnly) -> Visitor:
    """The same at a sidecar that others ask, too."""
    return Visitor(read_only.service)


def robot(small: Small) -> User:
    user = small.world.user_named("backstage")
    assert user is not None
    return user


async def page(visitor: Visitor, query: str = "") -> Element:
    seen = await visitor.get(f"{PAGE}{query}")
    assert seen.status == 200, seen.text
    assert seen.headers["Cache-Control"] == "no-store"
    return seen.page


def form_of(page: Element, do: str, **held: str) -> Element:
    """Return the form that does this, and holds these values."""
    (found,) = [
        form
        for form in page.all("form", method="post")
        if all(form.all("input", name=name, value=value) for name, value in {"do": do, **held}.items())
    ]
    return found


async def make(visitor: Visitor, name: str, **fields: str) -> Seen:
    return await visitor.send(form_of(await page(visitor), "create"), name=name, **fields)


async def test_the_list_says_what_each_token_is(visitor: Visitor, small: Small) -> None:
    expired = small.world.issue_token(robot(small), days=-1, name="left behind")
    listed = (await page(visitor)).one("section", aria_labelledby="list-title")
    rows = {row[0]: row for row in listed.rows()}
    assert rows["left behind"][1] == fingerprint(expired)
    assert rows["left behind"][3].endswith("(24 hours ago)")
    assert rows["left behind"][4] == "expired"
    assert rows["simulator"][1] == fingerprint(small.token)
    assert rows["simulator"][3].endswith("(in 29 days)")
    assert rows["simulator"][4] == "valid, in use"


async def test_the_value_of_a_new_token_is_on_one_answer_alone(visitor: Visitor, small: Small) -> None:
    made = await make(visitor, "ci", days="30")
    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    value = made.page.by_id("new-token").attributes["value"]
    assert value == small.world.api_tokens[-1].token
    assert [button.text for button in made.page.all("button", data_copy="new-token")] == ["Copy"]
    assert made.text.count(value) == 1
    assert value not in (await visitor.get(PAGE)).text


async def test_sending_the_form_again_neither_shows_the_value_nor_makes_another(
    visitor: Visitor, small: Small
) -> None:
    form = form_of(await page(visitor), "create")
    await visitor.send(form, name="ci")
    again = await visitor.send(form, name="ci")
    assert again.status == 409
    assert "There is a token of this name already" in again.page.by_id("said").text
    assert [row.name for row in small.world.api_tokens] == ["simulator", "ci"]
    assert small.world.api_tokens[-1].token not in again.text


async def test_a_double_click_makes_one_token(visitor: Visitor, small: Small) -> None:
    form = form_of(await page(visitor), "create")
    clicks = await asyncio.gather(visitor.send(form, name="ci"), visitor.send(form, name="ci"))
    made, refused = sorted(clicks, key=lambda seen: seen.status)
    assert (made.status, refused.status) == (201, 409)
    assert "There is a token of this name already" in refused.page.by_id("said").text
    assert [row.name for row in small.world.api_tokens] == ["simulator", "ci"]


async def test_the_name_of_an_expired_token_is_free(visitor: Visitor, small: Small) -> None:
    small.world.issue_token(robot(small), days=-1, name="ci")
    assert (await make(visitor, "ci")).status == 201


@pytest.mark.parametrize(
    ("fields", "lasts"),
    [
        ({"days": "30"}, 30),
        ({"days": "365"}, 365),
        ({"days": "other", "own_days": "7"}, 7),
        # What was written beside a choice is not chosen.
        ({"days": "90", "own_days": "7"}, 90),
    ],
)
async def test_the_expiry_is_one_of_the_choices_or_a_number_of_ones_own(
    visitor: Visitor, small: Small, fields: dict[str, str], lasts: int
) -> None:
    made = await make(visitor, "ci", **fields)
    assert made.status == 201
    row = small.world.api_tokens[-1]
    assert row.expires_at_seconds - row.created_at_ms // 1000 == pytest.approx(lasts * 86_400, abs=5)


@pytest.mark.parametrize(
    "fields",
    [
        {"days": "0"},
        {"days": "366"},
        {"days": "-1"},
        {"days": "other", "own_days": ""},
        {"days": "other", "own_days": "1e2"},
        {"days": "other", "own_days": "\N{ARABIC-INDIC DIGIT THREE}"},
        {"name": ""},
        {"name": "<script>"},
        {"name": "x" * 65},
        {"do": "destroy"},
    ],
)
@REFUSED
async def test_a_form_that_is_wrong_is_shown_again_with_what_is_wrong(
    refused_visitor: Visitor, read_only: ReadOnly, fields: dict[str, str]
) -> None:
    seen = await make(refused_visitor, **{"name": "ci", **fields})
    assert seen.status == 400
    assert seen.page.by_id("said").attributes["role"] == "alert"
    if "do" not in fields:
        held = form_of(seen.page, "create").one("input", name="name").attributes["value"]
        assert held == fields.get("name", "ci")
    assert [row.name for row in read_only.small.world.api_tokens] == ["simulator"]


async def test_a_token_is_deleted_after_a_question_and_the_others_live(
    visitor: Visitor, small: Small
) -> None:
    doomed = small.world.issue_token(robot(small), days=7, name="doomed")
    small.world.issue_token(robot(small), days=8, name="bystander")
    form = form_of(await page(visitor), "revoke", id=fingerprint(doomed))
    assert "Revoke doomed for good?" in form.text
    done = await visitor.send(form)
    assert done.status == 303
    assert "The token is revoked." in (await visitor.get(done.location)).page.by_id("said").text
    assert [row.name for row in small.world.api_tokens] == ["simulator", "bystander"]
    assert small.world.revoked_tokens == {doomed}


async def test_only_who_sent_the_form_is_told_what_it_did_and_for_a_while(small: Small) -> None:
    names, clock = ("one-key-0123456789", "another-key-0123456789"), ShiftedClock()
    keys = [{"name": name, "secret": name, "scopes": ["read", "admin"]} for name in names]
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, auth={"keys": keys})
    doomed = small.world.issue_token(robot(small), days=7, name="doomed")
    async with open_service(config, clock=clock) as service:
        await service.ready()
        visitor, other = (Visitor(service, {"X-Litmus-Sidecar-Key": name}) for name in names)
        done = await visitor.send(form_of(await page(visitor), "revoke", id=fingerprint(doomed)))
        query = urlsplit(done.location).query
        assert (await page(visitor, f"?{query}")).all("p", id="said")
        assert not (await page(other, f"?{query}")).all("p", id="said")
        for made_up in ("said=revoked", query.replace("revoked", "rotated"), query.replace("at=1", "at=2")):
            assert not (await page(visitor, f"?{made_up}")).all("p", id="said")
        clock.ahead = timedelta(minutes=6)
        assert not (await page(visitor, f"?{query}")).all("p", id="said")


async def test_a_text_that_is_turned_around_is_so_in_no_part_of_the_list(
    visitor: Visitor, small: Small
) -> None:
    small.world.issue_token(robot(small), days=7, name="left\u202eright")
    seen = await visitor.get(PAGE)
    assert "left" in seen.page.one("section", aria_labelledby="list-title").one("summary").text
    assert "\u202e" not in seen.text


async def test_the_token_in_use_has_no_form_and_is_not_deleted_by_another(
    visitor: Visitor, small: Small
) -> None:
    other = small.world.issue_token(robot(small), days=7, name="other")
    form = form_of(await page(visitor), "revoke", id=fingerprint(other))
    assert not (await page(visitor)).all("input", name="id", value=fingerprint(small.token))
    refused = await visitor.send(form, id=fingerprint(small.token))
    assert refused.status == 409
    assert "The sidecar itself asks Litmus with this token" in refused.page.by_id("said").text
    assert not small.world.revoked_tokens


async def test_a_token_from_outside_is_not_rotated_and_the_page_says_why(
    visitor: Visitor, small: Small
) -> None:
    shown = await page(visitor)
    assert "It cannot be rotated here" in shown.text
    refused = await visitor.send(form_of(shown, "create"), do="rotate")
    assert refused.status == 409
    assert "only one that the sidecar creates itself" in refused.page.by_id("said").text
    assert not small.world.revoked_tokens


@pytest.fixture
async def managed(small: Small) -> AsyncIterator[Visitor]:
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        instances=[
            {
                "name": "default",
                "baseUrl": small.simulator.url,
                "credentials": {"username": "backstage", "password": "Litmus-1"},
            }
        ],
    )
    async with open_service(config) as service:
        await service.ready()
        yield Visitor(service)


async def test_a_managed_token_is_rotated_by_the_page(managed: Visitor) -> None:
    shown = await page(managed)
    before = shown.one("section", aria_labelledby="status-title").all("code")[1].text
    done = await managed.send(form_of(shown, "rotate"))
    assert done.status == 303
    after = (await managed.get(done.location)).page
    said = after.by_id("said").text
    assert "A new token is in use. The one before is revoked 2 to 10 minutes later, once no replica" in said
    assert after.one("section", aria_labelledby="status-title").all("code")[1].text != before


async def test_no_token_is_made_by_hand_under_the_name_that_the_sidecar_manages(
    managed: Visitor, small: Small
) -> None:
    before = [row.token for row in small.world.api_tokens]
    refused = await make(managed, "backstage-litmus-sidecar")
    assert refused.status == 409
    assert "are the sidecar's own" in refused.page.by_id("said").text
    assert [row.token for row in small.world.api_tokens] == before


@pytest.mark.parametrize("change", [lambda _: {"csrf": ""}, lambda given: {"csrf": given[::-1]}])
@REFUSED
async def test_a_form_without_its_token_does_nothing(
    refused_visitor: Visitor, read_only: ReadOnly, change: Callable[[str], dict[str, str]]
) -> None:
    form = form_of(await page(refused_visitor), "create")
    given = form.one("input", name="csrf").attributes["value"]
    assert (await refused_visitor.send(form, name="ci", **change(given))).status == 403
    refused_visitor.origin = "https://attacker.example"
    assert (await refused_visitor.send(form, name="ci")).status == 403
    assert [row.name for row in read_only.small.world.api_tokens] == ["simulator"]


async def test_while_litmus_is_away_the_page_says_so_and_shows_what_is_known(
    visitor: Visitor, small: Small
) -> None:
    small.world.auth_server_up = False
    shown = await page(visitor)
    assert shown.one(role="alert").text.startswith("The list cannot be shown:")
    assert fingerprint(small.token) in shown.one("section", aria_labelledby="status-title").text


async def test_findings_are_told_gravest_first(visitor: Visitor, small: Small) -> None:
    small.world.issue_token(robot(small), days=-1, name="left behind")
    small.world.issue_token(robot(small), days=9, name="somebody else's")
    found = (await page(visitor)).one("section", aria_labelledby="findings-title").all("li")
    assert [one.text.split(" ")[0] for one in found] == ["Soon", "Some"]


async def test_a_token_that_ends_soon_is_told_on_every_page(small: Small) -> None:
    soon = small.world.issue_token(robot(small), days=10, name="soon")
    keys = [{"name": "reader", "secret": "reader-key-0123456789", "scopes": ["read"]}]
    config = config_for({"default": (small.simulator, soon)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        for path in ("/litmus", "/litmus/entities/component/default/cart", PAGE):
            notice = (await Visitor(service).get(path)).page.all("p", class_="notice warn", role="status")
            assert any("The token of the instance default expires on" in one.text for one in notice)
    guarded = config_for({"default": (small.simulator, soon)}, small.catalog, auth={"keys": keys})
    async with open_service(guarded) as service:
        await service.ready()
        reader = Visitor(service, {"X-Litmus-Sidecar-Key": "reader-key-0123456789"})
        assert "expires on" not in (await reader.get("/litmus")).text
        assert (await reader.get(PAGE)).status == 403


@REFUSED
async def test_an_unknown_instance_is_not_found(refused_visitor: Visitor) -> None:
    assert (await refused_visitor.get(f"{PAGE}?instance=nowhere")).status == 404


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(days=30), "in 30 days"),
        (timedelta(hours=47), "in 47 hours"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(0), "0 minutes ago"),
        (timedelta(hours=-3), "3 hours ago"),
        (timedelta(days=-2), "2 days ago"),
    ],
)
def test_distances_are_worded_in_their_largest_unit(away: timedelta, words: str) -> None:
    assert distance(NOW + away, NOW) == words
