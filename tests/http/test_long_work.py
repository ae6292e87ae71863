"""However large the world, no route holds the event loop for longer than a few slices."""

import asyncio
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.http.answers.cache import ROWS_AT_ONCE, Answer, encode_answer
from sidecar.http.routes import ROUTES
from sidecar.runtime.turns import Turns
from tests.support.big_world import Passes, big_app, slowness, touch_memory
from tests.support.garbage import collector

Client = TestClient[web.Request, web.Application]

pytestmark = pytest.mark.service

MOST_SECONDS = 0.02
"""Of the thread's own time on a quiet machine: a slice, what it ends with, and the client's part here."""
NAMES = {
    "kind": "component",
    "namespace": "default",
    "name": "shop",
    "id": "none",
    "instance": "default",
    "file": "style.css",
}
PATHS = [route.path.format(**NAMES) for route in ROUTES if route.method == "GET"]
LARGER = (
    "/litmus?show=all",
    "/litmus?q=a+e+i+o+s+t+r",
    "/api/v1/portfolio?limit=200",
    "/api/v1/attention?limit=200",
    "/api/v1/now?limit=200",
    "/api/v1/entities?limit=200",
    "/api/v1/entities/component/default/shop/runs?limit=200",
    "/api/v1/entities/component/default/shop/runs?format=csv",
    "/litmus/entities/component/default/shop?q=e+1",
    # A part of the project.
    "/litmus/entities/component/default/pay",
    "/api/v1/entities/component/default/pay/content",
    "/api/v1/entities/component/default/pay/overview",
)


class Watched:
    """The application on the large world, in an event loop whose passes are watched."""

    def __init__(self, runner: asyncio.Runner, passes: Passes, client: Client) -> None:
        self.runner = runner
        self._passes = passes
        self._client = client

    def status_of(self, path: str) -> int:
        return self.runner.run(self._ask(path))

    @property
    def longest_seconds(self) -> float:
        """The longest pass of the last question."""
        return self._passes.longest_seconds

    async def _ask(self, path: str) -> int:
        touch_memory()
        async with self._passes.watched(), self._client.get(path) as response:
            await response.read()
        return response.status


async def started() -> Client:
    client: Client = TestClient(TestServer(big_app()), auto_decompress=False)
    await client.start_server()
    return client


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    passes = Passes()
    with asyncio.Runner(loop_factory=partial(asyncio.SelectorEventLoop, passes)) as runner:
        client = runner.run(started())
        opened = Watched(runner, passes, client)
        assert opened.status_of("/api/v1/portfolio") == 200
        # To walk the world is no work of a request.
        with collector.stopped():
            yield opened
        runner.run(client.close())
    collector.look_again()


@pytest.mark.parametrize("path", [*PATHS, *LARGER])
def test_no_route_holds_the_event_loop(watched: Watched, path: str) -> None:
    # Others share the machine's caches for moments: what the same work takes is measured in the same moment,
    # after it only where before was not enough.
    most_seconds = MOST_SECONDS * slowness()
    assert watched.status_of(path) in {200, 404}
    if watched.longest_seconds >= most_seconds:
        most_seconds = MOST_SECONDS * slowness()
    assert watched.longest_seconds < most_seconds


@pytest.mark.parametrize("rows", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 5 * ROWS_AT_ONCE])
async def test_an_answer_made_in_slices_has_the_very_bytes_of_one_made_at_once(rows: int) -> None:
    class Shape(msgspec.Struct, kw_only=True, rename="camel"):
        entity_ref: str = 'with "quotes"'
        all_rows: list[dict[str, int]]
        project_id: str | None = msgspec.field(name="projectID", default=None)

    shape = Shape(all_rows=[{"row": number} for number in range(rows)])
    turns = Turns()
    in_slices = await encode_answer(turns, shape, as_of=None)
    at_once = Answer(shape, as_of=None)
    assert (in_slices.body, in_slices.tag) == (at_once.body, at_once.tag)
