"""What was answered is answered again from one look-up, as long as all it was decided under holds."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sidecar.http.middleware.request_keys import IGNORED
from tests.http.warm_world import COUNT, PLACES, QUERIES, World, open_world
from tests.replica.documents import EXPERIMENTS


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world(is_enforced=False) as opened:
        yield opened


@pytest.mark.parametrize("who", ["key", "person", "both"])
@pytest.mark.parametrize("what", [*QUERIES, PLACES[0], PLACES[3]])
async def test_what_was_answered_is_answered_again_without_the_usual_way(
    world: World, who: str, what: str
) -> None:
    first = await world.ask(who, what)
    assert world.warm.hits == 0
    assert await world.ask(who, what) == first
    assert world.warm.hits == 1
    assert first.status == 200


@pytest.mark.parametrize("what", PLACES)
async def test_what_tells_what_a_caller_may_do_is_given_again_to_a_key(world: World, what: str) -> None:
    first = await world.ask("key", what)
    assert await world.ask("key", what) == first
    assert world.warm.hits == 1


async def test_a_person_learns_what_they_may_do_anew_each_time(world: World) -> None:
    for _ in range(3):
        assert (await world.ask("person", PLACES[1])).status == 200
    assert world.warm.hits == 0


async def test_a_client_that_has_the_answer_is_told_so_on_the_warm_path(world: World) -> None:
    tag = (await world.ask("key", PLACES[0])).headers["etag"]
    for hits in (0, 1, 2):
        answer = await world.ask("key", PLACES[0], {"If-None-Match": tag})
        assert (answer.status, answer.body) == (304, b"")
        assert world.warm.hits == hits


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept-Encoding": "gzip"},
        {"Accept": "text/html"},
        {"Origin": "https://elsewhere.example.com"},
        {"Cookie": "session=1"},
        {"X-Forwarded-User": "root"},
        {"Host": "other.example.com"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_another_header_is_another_request(world: World, headers: dict[str, str]) -> None:
    await world.ask("key", PLACES[0])
    await world.ask("key", PLACES[0], headers)
    assert world.warm.hits == 0


async def test_headers_that_no_answer_depends_on_do_not_matter(world: World) -> None:
    known = await world.ask("key", EXPERIMENTS)
    for name in sorted(IGNORED - {b"connection", b"content-length"}):
        assert await world.ask("key", EXPERIMENTS, {name.decode(): "other"}) == known
    assert world.warm.hits == len(IGNORED) - 2


async def test_a_refusal_is_decided_anew_each_time(world: World) -> None:
    for _ in range(3):
        assert (await world.ask("nobody", EXPERIMENTS)).status == 401
        assert b"errors" in (await world.ask("key", "{ nothing }")).body
    assert world.warm.hits == 0


async def test_warm_requests_count_against_the_limit_of_a_person() -> None:
    async with open_world(is_enforced=False, per_minute=5) as world:
        answers = [await world.ask("person", EXPERIMENTS) for _ in range(7)]
        assert [b"Too many requests" in one.body for one in answers] == [False] * 5 + [True] * 2
        assert world.warm.hits == 4


async def test_an_answer_that_gets_stale_says_so_at_once(world: World) -> None:
    assert b'"stale":false' in (await world.ask("key", COUNT)).body
    world.parts.clock.advance(timedelta(minutes=2).total_seconds() + 1)
    assert b'"stale":true' in (await world.ask("key", COUNT)).body
    assert world.warm.hits == 0


async def test_the_request_id_is_each_requests_own(world: World) -> None:
    await world.ask("key", COUNT)
    ids = set()
    for given_id in (None, None, "my-id_1", "not an id"):
        headers = {} if given_id is None else {"X-Request-ID": given_id}
        response, _ = await world.answer("key", COUNT, headers)
        ids.add(response.headers["X-Request-ID"])
    assert world.warm.hits == 4
    assert len(ids) == 4
    assert "my-id_1" in ids
    assert "not an id" not in ids
