"""No value of any parameter is a failure of ours; which parameters there are, the OpenAPI document says."""

import asyncio
import base64
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from sidecar.http.routes import ROUTES
from tests.e2e.conftest import open_small
from tests.store.postgres import new_address
from tests.support.service import Service, config_for, open_service

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY: Final = "key-of-the-test-that-asks-for-anything"
ENTITY: Final = {"kind": "component", "namespace": "default", "name": "cart", "instance": "default"}
HUGE: Final = 10**30


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


NUMBERS: Final = ("0", "-1", "1.5", "1e3", "+5", "%20%205", "2147483648", str(2**63), str(HUGE), "%D9%A3")
NUMBERS_AS_CURSORS: Final = tuple(
    cursor(text)
    for text in (
        *("0", "-1", "1.5", "1e400", "true", "null", '"a"', "[]", "{}", "[" * 5_000),
        *(str(2**31), str(2**63 - 1), str(2**63), str(-(2**63) - 1), str(2**64), str(HUGE), "9" * 5_000),
        *(f'[{number},"a","b"]' for number in (-1, 0, 2**63 - 1, 2**63, 2**64, HUGE, 1.5)),
        *('[1,"\\u0000","b"]', '[1,"a","\\ud800"]', '"\\u0000"', '"\\ud800"', '[1,"a"]'),
    )
)
INSTANTS: Final = (
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"),
    *("10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "0000-00-00"),
    *("9999-12-31", "0001-01-01", "2026-01-01T00:00:60Z", "2026-01-01T24:00:00Z", "2970-01-01T00:00:00Z"),
    *("1970-01-01T00:00:00%2B23:59", "2026-01-01T00:00:00%2B24:00", "%D9%A2026-01-01T00:00:00Z"),
)
TEXTS: Final = (
    *("", "%00", "a%00b", "%ED%A0%80", "%FF", "%", "%zz", "%u0041", "%F0%9F%92%A5", "'", "%22%3Cb%3E"),
    *("..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "Europe%2F", "Europe%2FBerlin%00", "posixrules", "."),
    *("con", "a" * 5_000, "all", "me", "%0D%0Aa: b", "1;2", ",", ",,passed", "passed,passed", "a%5C"),
)
OF_A_CURSOR: Final = (*NUMBERS_AS_CURSORS, *TEXTS)
OF_OTHERS: Final = (*NUMBERS, *INSTANTS, *TEXTS)
ANYTHING: Final = (*NUMBERS, *NUMBERS_AS_CURSORS, *INSTANTS, *TEXTS)
BODIES: Final = (
    *(b"", b"null", b"[]", b"{}", b"1", b'"a"', b"{", b"\xff", b"\x00", b"[" * 4_000, b"9" * 4_000),
    *(
        b'{"%s":%s}' % (name, value)
        for name in (b"runID", b"all", b"force", b"suspended", b"name", b"expiresInDays", b"picture")
        for value in (
            b"null",
            b"1e400",
            b"-1",
            b"9" * 3_000,
            b"[]",
            b"{}",
            b'"\\u0000"',
            b'"\\ud800"',
            b"1.5",
        )
    ),
    *(
        b'{"name":"a","expiresInDays":%s}' % days
        for days in (b"0", b"-1", b"1.5", b"true", b"9223372036854775808", b"1" + b"0" * 30)
    ),
    *(
        b'{"picture":"score","expiresInDays":%s}' % days
        for days in (b"0", b"-1", b"1.5", b"true", b"999999999", b"9223372036854775808", b"1" + b"0" * 30)
    ),
    *(
        b'{"picture":"%s","expiresInDays":1,"%s":"%s"}' % (picture, name, value)
        for picture in (b"trend", b"badge")
        for name in (b"window", b"tz", b"label")
        for value in (b"", b"\\u0000", b"\\ud800", b"../../etc/passwd", b"x" * 3_000)
    ),
)


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    queries: tuple[str, ...]

    def filled(self, **given: str) -> str:
        """Return the path with these parameters, or such as exist, in it."""
        return re.sub(r"{(\w+)}", lambda name: given.get(name[1], ENTITY.get(name[1], "unknown")), self.path)

    @property
    def in_path(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


async def operations_of(service: Service) -> list[Operation]:
    """Return what the document has, and the pages and pictures, which are in no document."""
    document = await (await service.get("/api/v1/openapi.json", headers={"X-Litmus-Sidecar-Key": KEY})).json()
    described = [
        Operation(
            method.upper(),
            path,
            tuple(one["name"] for one in operation["parameters"] if one["in"] == "query"),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    pages = [
        Operation("GET", route.path, tuple(one.name for one in route.parameters))
        for route in ROUTES
        if route.method == "GET" and route.path.startswith("/litmus")
    ]
    return [*described, *pages]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A sidecar on each kind of store; it outlives whatever it was asked."""
    directory = tmp_path_factory.mktemp("asked")
    keys = [{"name": "test", "secret": KEY, "scopes": ["read", "run", "admin", "metrics"]}]
    async with open_small(directory) as small:
        config = config_for(
            {"default": (small.simulator, small.token)},
            small.catalog,
            auth={"keys": keys},
            store={"url": new_address(request, directory, request.param)},
            limits={"actionsPerMinute": 1_000_000},
        )
        async with open_service(config) as service:
            await service.ready()
            yield service


async def status_of(service: Service, method: str, path: str, body: bytes | None = None) -> int:
    headers = {"X-Litmus-Sidecar-Key": KEY, "Content-Type": "application/json"}
    async with service.session.request(
        method, URL(service.url(path), encoded=True), headers=headers, data=body, allow_redirects=False
    ) as response:
        text = await response.text(errors="replace")
        if response.status == 400 and response.content_type == "application/problem+json":
            assert '"detail"' in text
        return response.status


async def failures(service: Service, asked: Iterator[tuple[str, str, bytes | None]]) -> list[tuple[str, ...]]:
    """Return those requests that are answered as failures of ours."""
    found: list[tuple[str, ...]] = []

    async def ask() -> None:
        for method, path, body in asked:
            status = await status_of(service, method, path, body)
            if status >= 500:
                found.append((method, path[:200], str(body)[:100], str(status)))

    await asyncio.gather(*(ask() for _ in range(4)))
    return found


async def test_no_value_of_a_query_parameter_is_a_failure_of_ours(asked: Service) -> None:
    operations = [one for one in await operations_of(asked) if one.method == "GET"]
    parameters = [(one, name) for one in operations for name in one.queries]
    assert {"cursor", "limit", "since", "until", "tz", "window", "kind"} <= {name for _, name in parameters}
    single = (
        ("GET", f"{one.filled()}?{name}={value}", None)
        for one, name in parameters
        for value in (OF_A_CURSOR if name == "cursor" else OF_OTHERS)
    )
    doubled = (("GET", f"{one.filled()}?{name}=1&{name}=2", None) for one, name in parameters)
    spans = (
        ("GET", f"{one.filled()}?since={since}&until={until}", None)
        for one in operations
        if {"since", "until"} <= set(one.queries)
        for since, until in itertools.permutations(("2026-01-01T00:00:00Z", *INSTANTS[:3]), 2)
    )
    assert await failures(asked, itertools.chain(single, doubled, spans)) == []


async def test_no_value_in_a_path_is_a_failure_of_ours(asked: Service) -> None:
    paths = (
        (one.method, one.filled(**{name: value}), b"" if one.method == "POST" else None)
        for one in await operations_of(asked)
        for name in one.in_path
        # The path of a token leads to Litmus, which then answers for itself.
        for value in (*TEXTS, *NUMBERS)
        if value
    )
    assert await failures(asked, paths) == []


async def test_no_body_is_a_failure_of_ours(asked: Service) -> None:
    bodies = (
        (one.method, one.filled(), body)
        for one in await operations_of(asked)
        if one.method == "POST" and not one.path.endswith("/rotate")
        for body in BODIES
    )
    assert await failures(asked, bodies) == []


@pytest.mark.parametrize("place", [2**63, 2**64, HUGE, -1, -(2**63)])
async def test_a_cursor_beyond_all_rows_is_refused_by_name(asked: Service, place: int) -> None:
    headers = {"X-Litmus-Sidecar-Key": KEY}
    response = await asked.get(f"/api/v1/audit?cursor={cursor(str(place))}", headers=headers)
    problem = await response.json()
    assert (response.status, problem["parameter"]) == (400, "cursor")
    assert problem["detail"] == "Parameter 'cursor' must be a 'nextCursor' of this list."


@settings(max_examples=10)
@given(st.data())
async def test_no_combination_of_parameters_is_a_failure_of_ours(asked: Service, data: Any) -> None:
    operations = [one for one in await operations_of(asked) if one.method == "GET" and one.queries]
    values = st.one_of(
        st.sampled_from(ANYTHING),
        st.text(max_size=20).map(lambda text: quote(text.encode("utf-8", "surrogatepass"))),
        st.integers().map(lambda number: cursor(str(number))),
        st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    )
    wanted = []
    for one in operations:
        pairs = data.draw(st.lists(st.tuples(st.sampled_from(one.queries), values), max_size=4))
        query = "&".join(f"{name}={value}" for name, value in pairs)
        wanted.append(("GET", f"{one.filled()}?{query}", None))
    assert await failures(asked, iter(wanted)) == []
