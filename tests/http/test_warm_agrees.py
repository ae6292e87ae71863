"""Whatever changes between two requests, the warm path gives, counts and logs what the usual way would."""

import asyncio
import io
import json
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.telemetry.logs import configure_logging
from tests.http.warm_world import (
    ANEW,
    ASKED,
    COUNT,
    OWN,
    PLACES,
    Answer,
    World,
    changed,
    open_world,
)
from tests.replica.documents import ENVIRONMENTS

CHANGES: Final = ("annotate", "leave", "rotate", "sign in", "hide", "show", "changed", "same", "failed")
STEPS: Final = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from((1, 9, 29, 31, 61, 121, 700, 3_500, 3_700, 90_000))),
    st.tuples(st.sampled_from(CHANGES), st.integers(0, 5)),
    st.tuples(st.sampled_from(("key", "person", "both", "nobody")), st.integers(0, len(ASKED) - 1)),
)


async def follow(steps: Collection[tuple[str, int]], *, is_enforced: bool) -> None:
    async with open_world(is_enforced=is_enforced) as world:
        asked = dict.fromkeys((("key", 0), ("key", 4), ("person", 4)))
        for step, amount in steps:
            if step in {"key", "person", "both", "nobody"}:
                asked[step, amount] = None
            else:
                await changed(world, step, amount)
            for who, number in asked:
                what = ASKED[number]
                before = await world.ask(who, what, ANEW)
                first, again = await world.ask(who, what), await world.ask(who, what)
                # As Backstage asks where it is traced: from the second time on known but for these.
                traced = await world.ask(who, what, world.own_headers())
                after = await world.ask(who, what, ANEW)
                # What Backstage is asked in the background may be answered in between.
                assert first in (before, after), (step, who, what)
                assert again in (before, after), (step, who, what)
                assert traced in (before, after), (step, who, what)


@given(steps=st.lists(STEPS, max_size=8), is_enforced=st.booleans())
def test_the_warm_path_agrees_with_the_usual_way_always(
    steps: list[tuple[str, int]],
    is_enforced: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    asyncio.run(follow(steps, is_enforced=is_enforced))


class Told(NamedTuple):
    """What a service tells of a request, in its answer and beside it."""

    answer: Answer
    request_id: str
    line: Mapping[str, Any]
    """Of the log, without instant and duration."""
    counted: float


async def told(world: World, ask: tuple[str, str, Mapping[str, str]], stream: io.StringIO) -> Told:
    """Ask, and return all that the service tells of it."""
    who, what, headers = ask
    begun = stream.tell()
    response, content = await world.answer(who, what, headers)
    shown = {name.lower(): value for name, value in response.headers.items() if name.lower() not in OWN}
    stream.seek(begun)
    (line,) = [json.loads(text) for text in stream if '"event":"request"' in text]
    given = line.pop("request_id")
    assert given == response.headers["X-Request-ID"]
    del line["seconds"], line["timestamp"]
    body = content.replace(given.encode(), b"ID")
    # One of ours is as good as any other.
    request_id = given if given == headers.get("X-Request-ID") else "ID"
    return Told(Answer(response.status, shown, body), request_id, line, world.counted(line["route"]))


CALLERS: Final = ("person", "person", "key", "both")
MOVES: Final = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from((1, 9, 20, 31, 45)), st.none()),
    st.tuples(
        st.sampled_from(CALLERS),
        st.sampled_from((COUNT, ENVIRONMENTS, PLACES[0])),
        st.sampled_from((None, "traced", "traced", "odd")),
    ),
)


async def compare(moves: Collection[tuple[str, Any, str | None]]) -> None:
    """Ask two services the same, one of which knows the usual way alone; they may never differ."""
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    async with AsyncExitStack() as stack:
        warm, usual = [
            await stack.enter_async_context(open_world(per_minute=7, key_per_minute=9)) for _ in range(2)
        ]
        for who, amount, own in moves:
            if who == "advance":
                for world in (warm, usual):
                    world.parts.clock.advance(amount)
                continue
            headers = {
                None: {},
                "traced": warm.own_headers(),
                "odd": {"X-Request-ID": "no id", "tracestate": "a=1"},
            }[own]
            # Whatever is asked is asked some times, so that it becomes known.
            for _ in range(3):
                assert await told(warm, (who, amount, headers), stream) == await told(
                    usual, (who, amount, {**headers, **ANEW}), stream
                )
        assert usual.warm.hits == 0


@settings(max_examples=min(25, settings().max_examples))
@given(moves=st.lists(MOVES, max_size=10))
def test_both_ways_count_limit_and_log_the_same_requests(
    moves: list[tuple[str, Any, str | None]],
) -> None:
    asyncio.run(compare(moves))
