"""Signing in to the pages with Litmus: who gets in, what they may do, and how it ends, over HTTP."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.ports import AuditQuery
from sidecar.simulator.documents import EXECUTOR, OWNER, VIEWER, User
from sidecar.web.pages.sign_in import NOT_SIGNED_IN, local_path
from tests.e2e.conftest import Small
from tests.support.acting import ShiftedClock
from tests.support.service import Service, config_for, eventually, open_service
from tests.support.visitor import SIGN_IN, Seen, Visitor

COOKIE = "litmus-session"
SECURE_COOKIE = "__Host-litmus-session"
CART = "/litmus/entities/component/default/cart"
BEHIND_TLS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "sidecar.example.com"}


@dataclass
class Door:
    """A sidecar to which people of a small Litmus can sign in."""

    small: Small
    service: Service
    clock: ShiftedClock

    def asked(self, path: str) -> int:
        return sum(request.path == path for request in self.small.simulator.requests)

    @property
    def experiment_id(self) -> str:
        return next(iter(self.small.world.experiments))

    def user(self, name: str) -> User:
        user = self.small.world.user_named(name)
        assert user is not None
        return user

    async def visitor(self, name: str) -> Visitor:
        """Return somebody who is signed in."""
        visitor = Visitor(self.service)
        assert (await visitor.sign_in(name)).status == 303
        return visitor


def config_of(small: Small, **sections: Any) -> Any:
    auth = {"signIn": {"enabled": True}, **sections.pop("auth", {})}
    return config_for({"default": (small.simulator, small.token)}, small.catalog, auth=auth, **sections)


@pytest.fixture
async def peopled(small: Small) -> Small:
    """The small Litmus with somebody of every kind in its project, and one who is in none."""
    for name, role in {"vera": VIEWER, "egon": EXECUTOR, "olga": OWNER}.items():
        small.world.set_role(small.project, small.world.add_user(name), role)
    small.world.add_user("nora")
    small.world.add_user("root", role="admin")
    return small


@pytest.fixture
async def door(peopled: Small) -> AsyncIterator[Door]:
    clock = ShiftedClock()
    async with open_service(config_of(peopled), clock=clock) as service:
        await service.ready()
        yield Door(peopled, service, clock)


def without_id(seen: Seen) -> str:
    return re.sub(r"request <code>[^<]*</code>", "", seen.text)


async def test_who_is_unknown_is_led_to_the_form_and_back_to_the_page(door: Door) -> None:
    visitor = Visitor(door.service)
    led = await visitor.get(f"{CART}?window=7d")
    assert led.status == 303
    form = (await visitor.get(led.location)).page.one("form", action=SIGN_IN)
    entered = await visitor.send(form, username="vera", password="Litmus-1")
    assert entered.status == 303
    assert entered.location == f"{CART}?window=7d"
    page = await visitor.get(entered.location)
    assert page.status == 200
    assert "litmus:vera" in page.page.one("header").text


async def test_every_sign_in_has_a_new_secret_and_ends_the_session_before(door: Door) -> None:
    visitor = Visitor(door.service)
    visitor.cookies[COOKIE] = planted = "A" * 43
    await visitor.sign_in("vera")
    first = visitor.cookies[COOKIE]
    assert first != planted
    copied = visitor.at(door.service)
    await visitor.sign_in("vera")
    assert visitor.cookies[COOKIE] != first
    assert (await visitor.get("/litmus")).status == 200
    assert (await copied.get("/litmus")).status == 303


async def test_the_cookie_on_this_machine_is_kept_from_scripts_and_other_sites(door: Door) -> None:
    seen = await Visitor(door.service).sign_in("vera")
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
async def test_no_foreign_page_signs_anybody_in(door: Door, headers: dict[str, str]) -> None:
    visitor = Visitor(door.service)
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


async def test_attempts_are_counted_per_address_too(peopled: Small) -> None:
    config = config_of(peopled, listen={"trustedProxies": ["127.0.0.1/32"]})
    async with open_service(config) as service:
        near = Visitor(service, BEHIND_TLS | {"X-Forwarded-For": "2001:db8:1:2::1"})
        neighbour = Visitor(service, BEHIND_TLS | {"X-Forwarded-For": "2001:db8:1:2:ffff::9"})
        far = Visitor(service, BEHIND_TLS | {"X-Forwarded-For": "2001:db8:9::1"})
        for visitor in (near, neighbour, far):
            visitor.origin = "https://sidecar.example.com"
        for number in range(20):
            await service.services.sign_in_pace.allows("default", f"user-{number}", "2001:db8:1:2::3")
        assert (await near.sign_in("vera")).status == 403
        assert (await neighbour.sign_in("vera")).status == 403
        assert (await far.sign_in("vera")).status == 303


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


async def test_the_cookie_is_worth_nothing_under_api(door: Door) -> None:
    visitor = await door.visitor("olga")
    for path in ("/api/v1/entities", "/api/v1/docs", "/metrics"):
        assert (await visitor.get(path)).status == 401
    body = '{"query": "{ getServerVersion { value } }"}'
    sent = {"Content-Type": "application/json", "Cookie": f"{COOKIE}={visitor.cookies[COOKIE]}"}
    assert (await door.service.post(body, sent)).status == 401


async def test_a_credential_in_a_header_decides_in_place_of_the_cookie(peopled: Small) -> None:
    keys = [{"name": "metrics", "secret": "metrics-key-0123456789", "scopes": ["metrics"]}]
    async with open_service(config_of(peopled, auth={"keys": keys})) as service:
        visitor = Visitor(service)
        await visitor.sign_in("vera")
        assert (await visitor.get("/litmus")).status == 200
        visitor.headers["X-Litmus-Sidecar-Key"] = "metrics-key-0123456789"
        assert (await visitor.get("/litmus")).status == 403


async def test_people_see_the_projects_in_which_litmus_gives_them_a_role(door: Door) -> None:
    for name in ("vera", "egon", "olga"):
        visitor = await door.visitor(name)
        assert "cart" in (await visitor.get("/litmus")).page.by_id("entity-rows").text
        assert (await visitor.get(CART)).status == 200
    nora = await door.visitor("nora")
    assert CART not in (await nora.get("/litmus")).text
    assert (await nora.get(CART)).status == 404
    assert (await nora.get(f"{CART}/badge.svg")).status == 404
    assert (await nora.get(f"{CART}/runs.csv")).status == 404


async def acted(visitor: Visitor, door: Door, what: str, **fields: str) -> Seen:
    """Send a form of the entity page, whether or not the page shows it."""
    token = (await visitor.get("/litmus")).page.all("input", name="csrf")[0].attributes["value"]
    path = f"{CART}/experiments/{door.experiment_id}/{what}"
    return await visitor.post(path, {"csrf": token, **fields})


async def test_roles_decide_who_runs_and_who_switches(door: Door) -> None:
    refused = await acted(await door.visitor("vera"), door, "run", force="true")
    assert refused.status == 403
    assert door.small.simulator.asked("runChaosExperiment") == 0
    assert (await acted(await door.visitor("nora"), door, "run", force="true")).status == 404
    egon = await door.visitor("egon")
    assert (await acted(egon, door, "run", force="true")).status == 303
    assert door.small.simulator.asked("runChaosExperiment") == 1
    assert (await acted(egon, door, "schedule", suspended="true")).status == 403
    # An owner may; only that this experiment has no schedule is in the way.
    switched = await acted(await door.visitor("olga"), door, "schedule", suspended="true")
    assert "experiment_not_scheduled" in switched.text


async def test_the_audit_names_the_person(door: Door) -> None:
    await acted(await door.visitor("egon"), door, "run", force="true")
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
        assert (await acted(visitor, door, "run", force="true")).status == 403
    else:
        assert seen.status == (404 if loss == "removed" else 303)


async def test_litmus_is_asked_once_a_minute_however_many_pages_are_opened(door: Door) -> None:
    visitor = await door.visitor("vera")
    await visitor.get("/litmus")
    asked = door.asked("/auth/list_projects")
    for _ in range(5):
        await visitor.get(CART)
        await visitor.get("/litmus")
    assert door.asked("/auth/list_projects") == asked == 1


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
    foreign = (await other.get("/litmus")).page.all("input", name="csrf")[0].attributes["value"]
    for fields in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "A" * 43}):
        path = f"{CART}/experiments/{door.experiment_id}/run"
        assert (await visitor.post(path, {"force": "true", **fields})).status == 403
        assert (await visitor.post("/litmus/sign-out", fields)).status == 403
    own = (await visitor.get("/litmus")).page.all("input", name="csrf")[0].attributes["value"]
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


async def test_signing_out_ends_the_session_on_every_replica_and_its_token_at_litmus(peopled: Small) -> None:
    config = config_of(peopled)
    async with open_service(config) as one, open_service(config) as two:
        visitor = Visitor(one)
        await visitor.sign_in("olga")
        copied = visitor.at(two)
        assert (await copied.get("/litmus")).status == 200
        (token,) = peopled.world.session_tokens
        assert await accepted(peopled, token)

        out = await visitor.sign_out()
        assert out.status == 303
        assert out.headers["Clear-Site-Data"] == '"cache"'
        assert out.cookies[COOKIE]["max-age"] == "0"
        assert (await copied.get("/litmus")).status == 303
        assert (await copied.at(one).get("/litmus")).status == 303
        assert not await accepted(peopled, token)
        page = (await visitor.get(out.location)).page
        assert page.by_id("said").text == "You are signed out."


async def accepted(small: Small, token: str) -> bool:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{small.simulator.url}/auth/list_projects") as response,
    ):
        return response.status == 200


async def test_a_token_that_could_not_be_revoked_is_revoked_later(door: Door) -> None:
    visitor = await door.visitor("vera")
    (token,) = door.small.world.session_tokens
    await visitor.get("/litmus")
    page = (await visitor.get("/litmus")).page
    door.small.world.auth_server_up = False
    assert (await visitor.send(page.one("form", action="/litmus/sign-out"))).status == 303
    door.small.world.auth_server_up = True
    assert await accepted(door.small, token)
    sessions = door.service.services.sessions
    assert sessions is not None

    async def revoked() -> bool:
        await sessions.sweep()
        return not await accepted(door.small, token)

    await eventually(revoked)


async def test_a_restart_keeps_the_session_and_so_does_a_new_signing_key(peopled: Small) -> None:
    old, new = "old-signing-key-" * 3, "new-signing-key-" * 3
    async with open_service(config_of(peopled, auth={"signingKeys": [old]})) as service:
        visitor = Visitor(service)
        await visitor.sign_in("vera")
    for keys, status in (([old], 200), ([new, old], 200), ([new], 303)):
        async with open_service(config_of(peopled, auth={"signingKeys": keys})) as service:
            assert (await visitor.at(service).get("/litmus")).status == status
