"""People signed in with Litmus: what they may see and do, and how that ends, over HTTP."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.domain.ports import AuditQuery
from sidecar.simulator.documents import VIEWER
from tests.e2e.conftest import Small
from tests.e2e.door import CART, COOKIE, Door, accepts, config_of, form_token, open_door, people
from tests.support.service import CEILING_SECONDS, config_for, eventually, open_service
from tests.support.visitor import Visitor


@pytest.fixture
async def peopled(small: Small) -> Small:
    people(small)
    return small


@pytest.fixture
async def door(small: Small) -> AsyncIterator[Door]:
    async with open_door(small) as opened:
        yield opened


async def test_people_see_the_projects_in_which_litmus_gives_them_a_role(door: Door) -> None:
    for name in ("vera", "egon", "olga"):
        visitor = await door.visitor(name)
        assert "cart" in (await visitor.get("/litmus")).page.by_id("entity-rows").text
        assert (await visitor.get(CART)).status == 200
    nora = await door.visitor("nora")
    portfolio = await nora.get("/litmus")
    assert CART not in portfolio.text
    assert "Litmus gives you no role" in portfolio.page.by_id("no-role").text
    assert not portfolio.page.all(id="attention")
    assert (await nora.get(CART)).status == 404
    assert (await nora.get(f"{CART}/badge.svg")).status == 404
    assert (await nora.get(f"{CART}/runs.csv")).status == 404


async def test_roles_decide_who_runs_and_who_switches(door: Door) -> None:
    refused = await door.acted(await door.visitor("vera"), "run", force="true")
    assert refused.status == 403
    assert door.small.simulator.asked("runChaosExperiment") == 0
    assert (await door.acted(await door.visitor("nora"), "run", force="true")).status == 404
    egon = await door.visitor("egon")
    assert (await door.acted(egon, "run", force="true")).status == 303
    assert door.small.simulator.asked("runChaosExperiment") == 1
    assert (await door.acted(egon, "schedule", suspended="true")).status == 403
    # An owner may; only that this experiment has no schedule is in the way.
    switched = await door.acted(await door.visitor("olga"), "schedule", suspended="true")
    assert "experiment_not_scheduled" in switched.text


async def test_the_audit_names_the_person(door: Door) -> None:
    await door.acted(await door.visitor("egon"), "run", force="true")
    entries = await door.service.services.audit.find(AuditQuery(limit=10))
    assert [entry.who for entry in entries] == ["litmus:egon"]


@pytest.mark.parametrize("loss", ["demoted", "removed", "deactivated", "deleted", "revoked"])
async def test_who_loses_a_right_in_litmus_loses_it_here_within_a_minute(door: Door, loss: str) -> None:
    world, user = door.small.world, door.user("egon")
    visitor = await door.visitor("egon")
    assert (await visitor.get(CART)).status == 200
    match loss:
        case "demoted":
            world.set_role(door.small.project, user, VIEWER)
        case "removed":
            world.set_role(door.small.project, user, None)
        case "deactivated":
            world.deactivate(user)
        case "deleted":
            world.delete_user(user)
        case _:
            world.revoked_tokens.update(world.session_tokens)
    door.clock.ahead += timedelta(seconds=61)
    seen = await visitor.get(CART)
    if loss == "demoted":
        assert seen.status == 200
        assert (await door.acted(visitor, "run", force="true")).status == 403
    else:
        assert seen.status == (404 if loss == "removed" else 303)


async def test_litmus_is_asked_once_a_minute_however_many_pages_are_opened(door: Door) -> None:
    of_the_sidecar = door.asked("/auth/list_projects")
    visitor = await door.visitor("vera")
    for _ in range(6):
        await visitor.get("/litmus")
        await visitor.get(CART)
    assert (of_the_sidecar, door.asked("/auth/list_projects")) == (1, 2)


async def test_while_litmus_is_away_its_last_word_counts_for_ten_minutes(door: Door) -> None:
    visitor = await door.visitor("vera")
    assert (await visitor.get(CART)).status == 200
    door.small.world.auth_server_up = False
    door.clock.ahead += timedelta(minutes=9)
    assert (await visitor.get(CART)).status == 200
    door.clock.ahead += timedelta(minutes=2)
    seen = await visitor.get(CART)
    assert seen.status == 503
    assert "rights_unknown" in seen.text
    assert "cart-kill" not in seen.text


async def test_account_admins_have_the_page_of_tokens_and_others_have_not(door: Door) -> None:
    assert (await (await door.visitor("root")).get("/litmus/settings/tokens")).status == 200
    assert (await (await door.visitor("olga")).get("/litmus/settings/tokens")).status == 403


async def test_an_admin_of_one_litmus_is_none_of_another(peopled: Small) -> None:
    both = {"default": (peopled.simulator, peopled.token), "other": (peopled.simulator, peopled.token)}
    config = config_for(both, peopled.catalog, auth={"signIn": {"enabled": True}})
    async with open_service(config) as service:
        await service.ready()
        visitor = Visitor(service)
        await visitor.sign_in("root", instance="other")
        page = (await visitor.get("/litmus/settings/tokens")).page
        assert not page.all("select", name="instance")
        assert (await visitor.get("/litmus/settings/tokens?instance=other")).status == 200
        assert (await visitor.get("/litmus/settings/tokens?instance=default")).status == 404
        form = next(one for one in page.all("form") if one.all("input", name="name"))
        assert (await visitor.send(form, instance="default", name="stolen")).status == 404
        # The catalog names the project of the instance "default", where this session gives no role.
        await visitor.sign_in("olga", instance="other")
        assert (await visitor.get(CART)).status == 404


async def test_a_form_needs_the_token_of_this_very_session(door: Door) -> None:
    visitor, other = await door.visitor("egon"), await door.visitor("egon")
    foreign = await form_token(other)
    for fields in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "A" * 43}):
        path = f"{CART}/experiments/{door.experiment_id}/run"
        assert (await visitor.post(path, {"force": "true", **fields})).status == 403
        assert (await visitor.post("/litmus/sign-out", fields)).status == 403
    own = await form_token(visitor)
    refused = await visitor.post("/litmus/sign-out", {"csrf": own}, Origin="https://attacker.example")
    assert refused.status == 403
    assert door.small.simulator.asked("runChaosExperiment") == 0
    assert (await visitor.get("/litmus")).status == 200


async def test_a_session_ends_when_it_is_idle(door: Door) -> None:
    visitor = await door.visitor("vera")
    for _ in range(3):
        door.clock.ahead += timedelta(minutes=50)
        assert (await visitor.get("/litmus")).status == 200
    door.clock.ahead += timedelta(minutes=61)
    seen = await visitor.get("/litmus")
    assert seen.status == 303
    assert seen.cookies[COOKIE]["max-age"] == "0"


async def test_a_session_ends_at_the_latest_after_its_longest_time(door: Door) -> None:
    visitor = await door.visitor("vera")
    for _ in range(14):
        door.clock.ahead += timedelta(minutes=50)
        assert (await visitor.get("/litmus")).status == 200
    door.clock.ahead += timedelta(minutes=21)
    assert (await visitor.get("/litmus")).status == 303


async def test_signing_out_ends_the_session_on_every_replica_and_its_token_at_litmus(
    peopled: Small, shared_store: str
) -> None:
    config = config_of(peopled, store={"url": shared_store})
    async with open_service(config) as one, open_service(config) as two:
        visitor = Visitor(one)
        await visitor.sign_in("olga")
        copied = visitor.at(two)
        assert (await copied.get("/litmus")).status == 200
        (token,) = peopled.world.session_tokens
        assert await accepts(peopled, token)

        out = await visitor.sign_out()
        assert out.status == 303
        assert out.headers["Clear-Site-Data"] == '"cache"'
        assert out.cookies[COOKIE]["max-age"] == "0"
        assert (await copied.get("/litmus")).status == 303
        assert (await copied.at(one).get("/litmus")).status == 303
        assert not await accepts(peopled, token)
        page = (await visitor.get(out.location)).page
        assert page.by_id("said").text == "You are signed out."


async def test_a_token_that_could_not_be_revoked_is_revoked_later(door: Door) -> None:
    visitor = await door.visitor("vera")
    (token,) = door.small.world.session_tokens
    await visitor.get("/litmus")
    page = (await visitor.get("/litmus")).page
    door.small.world.auth_server_up = False
    assert (await visitor.send(page.one("form", action="/litmus/sign-out"))).status == 303
    door.small.world.auth_server_up = True
    assert await accepts(door.small, token)
    sessions = door.service.services.sessions
    assert sessions is not None

    async def revoked() -> bool:
        await sessions.sweep()
        return not await accepts(door.small, token)

    await eventually(revoked)


async def test_a_restart_keeps_the_session_and_so_does_a_new_signing_key(peopled: Small) -> None:
    old, new = "old-signing-key-" * 3, "new-signing-key-" * 3
    async with open_service(config_of(peopled, auth={"signingKeys": [old]})) as service:
        await service.ready()
        visitor = Visitor(service)
        await visitor.sign_in("vera")
    for keys, status in (([old], 200), ([new, old], 200), ([new], 303)):
        async with open_service(config_of(peopled, auth={"signingKeys": keys})) as service:
            await service.ready()
            assert (await visitor.at(service).get("/litmus")).status == status


async def test_while_the_store_is_away_litmus_opens_no_session_for_somebody(door: Door) -> None:
    visitor = await door.visitor("vera")
    asked = door.asked("/auth/login")
    database = door.small.catalog.parent / "sidecar.db"
    _execute(database, "ALTER TABLE sessions RENAME TO away")
    assert (await visitor.sign_in("vera")).status == 503
    assert door.asked("/auth/login") == asked


async def test_who_signs_in_again_has_a_cookie_though_the_earlier_session_cannot_be_ended(
    door: Door,
) -> None:
    visitor = await door.visitor("vera")
    earlier = visitor.at(door.service)
    database = door.small.catalog.parent / "sidecar.db"
    for change in ("DELETE", "UPDATE OF id"):
        trigger = f"keep_{change[:6].lower()}"
        _execute(
            database,
            f"CREATE TRIGGER {trigger} BEFORE {change} ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
    assert (await visitor.sign_in("vera")).status == 303
    assert visitor.cookies != earlier.cookies
    assert (await visitor.get("/litmus")).status == 200
    assert (await earlier.get("/litmus")).status == 303


async def test_signing_out_works_while_the_store_is_away_and_reaches_it_later(door: Door) -> None:
    visitor = await door.visitor("vera")
    (token,) = door.small.world.session_tokens
    form = (await visitor.get("/litmus")).page.one("form", action="/litmus/sign-out")
    copied = visitor.at(door.service)
    database = door.small.catalog.parent / "sidecar.db"
    _execute(database, "ALTER TABLE sessions RENAME TO away")

    closed = await visitor.get("/litmus")
    assert closed.status == 503
    assert "store_unavailable" in closed.text
    out = await visitor.send(form)
    assert out.status == 503
    assert "You are signed out in this browser" in out.page.one(role="alert").text
    assert not visitor.cookies
    assert not await accepts(door.small, token)

    _execute(database, "ALTER TABLE away RENAME TO sessions")
    sessions = door.service.services.sessions
    assert sessions is not None

    async def over() -> bool:
        return (await copied.get("/litmus")).status == 303

    await eventually(over)
    await sessions.sweep()
    assert _execute(database, "SELECT id FROM sessions") == []


def _execute(database: Path, statement: str) -> list[tuple[object, ...]]:
    # Beside a service that writes: whoever reads first is refused at once if another wrote meanwhile.
    with closing(sqlite3.connect(database, timeout=CEILING_SECONDS, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute(statement).fetchall()
        connection.execute("COMMIT")
    return rows
