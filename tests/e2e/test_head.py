"""HEAD tells of everything that GET gives what GET would, without the content (RFC 9110, 9.3.2)."""

import pytest
from aiohttp import ClientResponse

from sidecar.http.routes import ROUTES
from tests.e2e.conftest import ReadOnly
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = {
    "{kind}": "component",
    "{namespace}": "default",
    "{name}": "cart",
    "{id}": "none",
    "{file}": "style.css",
    "{instance}": "default",
}
READ = sorted({route.path for route in ROUTES if route.method == "GET"})
TAKEN = sorted({route.path for route in ROUTES} - set(READ))
METHODS = {
    path: {"POST" if route.method == "*" else route.method for route in ROUTES if route.path == path}
    for path in TAKEN
}


def filled(path: str) -> str:
    for name, text in NAMES.items():
        path = path.replace(name, text)
    return path


ANSWERED = [
    *READ,
    "/api/v1/entities/component/default/cart/runs?format=csv",
    "/litmus?window=nonsense",
    "/litmus/entities/component/default/nobody",
    "/litmus/assets/nothing.css",
    "/nope",
    "/api/nope",
    "/litmus/nope",
    "/api/v1/entities/component/default/nobody/overview",
    "/api/v1/audit?limit=0",
]
CHANGING = {"Date", "X-Request-ID", "Transfer-Encoding"}
"""Headers that two answers to GET do not share, and how a body travels, which none does with HEAD."""


@pytest.fixture
def service(read_only: ReadOnly) -> Service:
    """The sidecar that is shared by who only reads."""
    return read_only.service


@pytest.mark.parametrize("packing", ["identity", "gzip"])
@pytest.mark.parametrize("path", ANSWERED)
async def test_head_answers_as_get_does_without_content(service: Service, path: str, packing: str) -> None:
    url = service.url(filled(path))
    assert "{" not in url
    asked = {"Accept-Encoding": packing}
    async with service.session.get(url, allow_redirects=False, headers=asked) as whole:
        content = await whole.read()
    async with service.session.head(url, headers=asked) as head:
        assert (head.status, head.content_type) == (whole.status, whole.content_type)
        assert await head.read() == b""
        assert told(head) == told(whole)
    if "Content-Length" in whole.headers and packing == "identity":
        assert int(whole.headers["Content-Length"]) == len(content)
    # The connection is still good: nothing was sent that was not announced.
    async with service.session.get(service.url("/healthz")) as after:
        assert after.status == 200


def told(answer: ClientResponse) -> dict[str, str]:
    """Return what the headers of an answer say about what it is."""
    return {name: value for name, value in answer.headers.items() if name not in CHANGING}


@pytest.mark.parametrize("path", TAKEN)
async def test_what_only_takes_has_no_head_and_says_what_it_has(service: Service, path: str) -> None:
    url = service.url(filled(path))
    async with service.session.get(url) as whole:
        await whole.read()
    async with service.session.head(url) as head:
        assert (head.status, await head.read()) == (405, b"")
        allowed = set(head.headers["Allow"].split(","))
        # Another route may have the path too: a token may be called "rotate".
        assert METHODS[path] <= allowed <= {"POST", "DELETE"}
        # The sentence names the method, so its length is another.
        assert told(head) | {"Content-Length": ""} == told(whole) | {"Content-Length": ""}


async def test_a_wrong_key_gets_the_same_refusal_from_both(service: Service) -> None:
    wrong = {"X-Litmus-Sidecar-Key": "0123456789abcdef-wrong"}
    refused = 0
    for path in (*READ, "/nope"):
        async with service.session.get(
            service.url(filled(path)), headers=wrong, allow_redirects=False
        ) as whole:
            await whole.read()
        async with service.session.head(service.url(filled(path)), headers=wrong) as head:
            assert (path, head.status, await head.read()) == (path, whole.status, b"")
            assert (path, told(head)) == (path, told(whole))
        refused += head.status == 401
    assert refused > len(READ) / 2
