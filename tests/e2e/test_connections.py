"""What connections may take: slow heads, unread answers, compressed bodies, and their number."""

import asyncio
import gzip
import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from aiohttp import web

from sidecar.http.gate.connection_limits import ConnectionLimits, limits_within
from tests.e2e.conftest import ReadOnly, Small
from tests.replica.documents import EXPERIMENTS
from tests.support.service import CEILING_SECONDS, Service, config_for, eventually, open_service

LONG = b"x" * 6_000_000
QUICK = ConnectionLimits(head_seconds=1.0, write_seconds=0.3, sweep_seconds=0.05, log_seconds=0.1)
KEY = "reader-secret-0123456789"
RAISING = """
import resource
from sidecar.http.gate.connection_limits import raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))
print(raise_descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""
READING = pytest.mark.asyncio(loop_scope="session")
"""Marks what only reads, from the sidecar that is shared for it."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def long(_request: web.Request) -> web.Response:
    return web.Response(body=LONG)


@asynccontextmanager
async def serving(small: Small, bounds: ConnectionLimits) -> AsyncIterator[Service]:
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        auth={"keys": [{"name": "backstage", "secret": KEY, "scopes": ["read", "admin"]}]},
    )
    async with open_service(config, bounds=bounds, extra_routes=[web.get("/long", long)]) as service:
        yield service


@asynccontextmanager
async def connected(service: Service, count: int = 1, first: bytes = b"") -> AsyncIterator[list[Streams]]:
    port = int(service.url("/").rsplit(":", 1)[1].strip("/"))
    # A small buffer of the client's, so that what it does not read stays with the service.
    streams = [await asyncio.open_connection("127.0.0.1", port, limit=1024) for _ in range(count)]
    try:
        for _, writer in streams:
            writer.write(first)
        yield streams
    finally:
        for _, writer in streams:
            writer.transport.abort()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the connection ends, however it ends."""
    got = bytearray()
    try:
        async with asyncio.timeout(CEILING_SECONDS):
            while chunk := await reader.read(65_536):
                got += chunk
    except ConnectionError:
        pass
    return bytes(got)


def refused(service: Service, reason: str) -> float:
    value = service.services.metrics.registry.get_sample_value(
        "litmus_sidecar_connections_refused_total", {"reason": reason}
    )
    return value or 0.0


@pytest.mark.parametrize("path", ["/api/query", "/api/v1/entities", "/nope", "/litmus", "/healthz"])
@pytest.mark.parametrize(
    "coding",
    [
        "Content-Encoding: gzip",
        "Content-Encoding: GZip",
        "Content-Encoding: identity, br",
        "Content-Encoding: identity\r\nContent-Encoding: deflate",
        "Content-Encoding: unheard-of",
    ],
)
@READING
async def test_a_compressed_body_is_refused_on_every_path_and_its_connection_closed(
    read_only: ReadOnly, path: str, coding: str
) -> None:
    service = read_only.service
    body = gzip.compress(b"0" * 1_000_000)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with connected(service, first=head.encode() + body) as [(reader, _)]:
        answer = await all_of(reader)
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"must not be compressed" in answer
    assert b"\r\nconnection: close\r\n" in answer.lower()


async def test_what_comes_of_an_answered_request_is_not_read_for_ever(small: Small) -> None:
    bounds = ConnectionLimits(request_bytes=100_000, linger_seconds=CEILING_SECONDS)
    async with (
        serving(small, bounds) as service,
        connected(service, first=b"POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\n") as [
            (reader, writer)
        ],
    ):
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.write(b"x" * 1_000_000)
        await all_of(reader)
        assert refused(service, "body") == 1


def answered(service: Service, outcome: str) -> float:
    labels = {"route": "/api/query", "method": "POST", "outcome": outcome}
    return service.services.metrics.registry.get_sample_value("litmus_sidecar_requests_total", labels) or 0.0


@pytest.mark.parametrize(
    "sent",
    [
        b'Content-Length: 500\r\n\r\n{"query": "',
        b'Transfer-Encoding: chunked\r\n\r\nb\r\n{"query": "\r\n',
    ],
)
@pytest.mark.parametrize("is_known", [False, True])
async def test_whoever_leaves_within_a_body_is_no_failure_of_ours(
    small: Small, sent: bytes, *, is_known: bool
) -> None:
    head = (
        "POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Litmus-Sidecar-Key: {KEY}\r\n"
    ).encode()
    with structlog.testing.capture_logs() as log:
        async with serving(small, ConnectionLimits()) as service:
            await service.ready()
            if is_known:  # A body is then waited for before anybody is asked who this is.
                variables = {"projectID": small.project.project_id, "request": {}}
                body = json.dumps({"query": EXPERIMENTS, "variables": variables}).encode()
                async with connected(
                    service, first=b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
                ) as [(reader, _)]:
                    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            async with connected(service, first=head + sent) as [(_, writer)]:
                await writer.drain()
            await eventually(lambda: answered(service, "bad_request") == 1)
            assert answered(service, "internal") == 0
    assert [entry for entry in log if entry["log_level"] in {"error", "critical"}] == []


async def test_headers_that_never_end_are_cut_off_and_an_idle_connection_is_not(small: Small) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    async with serving(small, QUICK) as service, connected(service, 5) as streams:
        idle, slow, silent, partial, again = streams
        for _, writer in (idle, again):
            writer.write(whole)
        for reader, _ in (idle, again):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        slow[1].write(b"GET /healthz HTTP/1.1\r\n")
        partial[1].write(b"G")
        again[1].write(b"GET /heal")
        for reader, _ in (slow, silent, partial, again):
            await all_of(reader)
        assert refused(service, "head") == 4
        idle[1].write(whole)
        rest = b""
        while rest.count(b"HTTP/1.1 200") < 1:
            rest += await idle[0].read(1_000)


async def test_headers_that_never_end_are_cut_off_behind_a_request_too(small: Small) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    posted = b"POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    pieces = [whole + b"G", whole + b"GET /healthz HTTP/1.1\r\nX", posted + b"GET /", whole + whole + b"GE"]
    async with serving(small, QUICK) as service, connected(service, len(pieces) + 2) as streams:
        for (_, writer), piece in zip(streams, [*pieces, whole, posted], strict=True):
            writer.write(piece)
        for reader, _ in streams[: len(pieces)]:
            assert (await all_of(reader)).startswith(b"HTTP/1.1 ")
        assert refused(service, "head") == len(pieces)
        # Between requests they may be for longer, and ask again.
        for reader, writer in streams[len(pieces) :]:
            assert (await reader.readline()).startswith(b"HTTP/1.1 ")
            writer.write(whole)
            rest = b""
            while b"HTTP/1.1 200" not in rest:
                rest += await reader.read(1_000)


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "deflate", "chunked, gzip"])
@READING
async def test_a_request_in_a_transfer_coding_other_than_chunked_is_refused_and_its_connection_closed(
    read_only: ReadOnly, coding: str
) -> None:
    service = read_only.service
    body = gzip.compress(b"0" * 1_000_000)
    head = f"POST /api/query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {coding}\r\n\r\n"
    sent = head.encode() + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    async with connected(service, first=sent) as [(reader, _)]:
        answer = await all_of(reader)
    assert answer.split()[1] in {b"400", b"415"}
    assert answer.count(b"HTTP/1.") == 1


async def test_what_is_cut_off_is_told_in_one_line_of_the_log(small: Small) -> None:
    # Thirty are there before the first has had its time, on a slow machine too: else its place is free again.
    bounds = ConnectionLimits(per_address=5, head_seconds=2.0, sweep_seconds=0.05, log_seconds=2.0)
    with structlog.testing.capture_logs() as log:
        async with serving(small, bounds) as service, connected(service, 30, first=b"GET") as streams:
            await eventually(lambda: refused(service, "address") >= 25)
            await eventually(lambda: refused(service, "head") >= 5)
            for reader, _ in streams:
                await all_of(reader)
            await eventually(lambda: sum(one.get("head", 0) for one in told(log)) == refused(service, "head"))
    assert sum(one.get("address", 0) for one in told(log)) == 25
    # Not one for each: those of one interval share a line.
    assert len(told(log)) <= 3


def told(log: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [one for one in log if one["event"] == "connections refused or cut off"]


async def test_who_does_not_read_is_cut_off_and_holds_little(small: Small) -> None:
    head = f"GET /long HTTP/1.1\r\nHost: a\r\nX-Litmus-Sidecar-Key: {KEY}\r\n\r\n".encode()
    before = _held_kib()
    # With time for heads: on a slow machine fifty take a while to be read.
    bounds = ConnectionLimits(write_seconds=0.3, sweep_seconds=0.05)
    async with serving(small, bounds) as service, connected(service, 50, first=head):
        await eventually(lambda: refused(service, "unread") == 50)
    # Fifty copies would be 300 MB.
    assert _held_kib() - before < 100 * 1024


async def test_who_reads_gets_every_byte(small: Small) -> None:
    async with serving(small, QUICK) as service:
        url, headers = service.url("/long"), {"X-Litmus-Sidecar-Key": KEY}
        async with service.session.get(url, headers=headers) as answer:
            assert await answer.read() == LONG
        assert answer.headers["Content-Length"] == str(len(LONG))


async def test_health_answers_while_half_open_connections_take_all_places(small: Small) -> None:
    async with serving(small, ConnectionLimits(total=20, per_address=1_000)) as service:
        known = {"X-Litmus-Sidecar-Key": KEY}
        # The connection of somebody known stays; strangers give way.
        assert (await service.get("/long", headers=known)).status == 200
        async with connected(service, 60, first=b"GET / HT"):
            await eventually(lambda: refused(service, "all") >= 40)
            async with connected(service, first=b"GET /healthz HTTP/1.0\r\n\r\n") as [(reader, _)]:
                assert (await all_of(reader)).startswith(b"HTTP/1.0 200")
            assert (await service.get("/long", headers=known)).status == 200


async def test_one_address_takes_its_share_and_a_proxy_all(small: Small) -> None:
    bounds = ConnectionLimits(total=1_000, per_address=5)
    async with serving(small, bounds) as service, connected(service, 12, first=b"GET"):
        await eventually(lambda: refused(service, "address") == 7)
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        listen={"trustedProxies": ["127.0.0.0/8"]},
    )
    async with open_service(config, bounds=bounds) as service, connected(service, 12, first=b"GET"):
        assert (await service.get("/healthz")).status == 200
        assert refused(service, "address") == 0


@pytest.mark.parametrize("name", ["X-Litmus-Sidecar-Key", "Authorization"])
@READING
async def test_a_credential_sent_twice_is_refused(read_only: ReadOnly, name: str) -> None:
    service = read_only.service
    head = f"GET /api/v1/entities HTTP/1.0\r\nHost: localhost\r\n{name}: a\r\n{name}: b\r\n\r\n"
    async with connected(service, first=head.encode()) as [(reader, _)]:
        answer = await all_of(reader)
    assert answer.startswith(b"HTTP/1.0 400")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"] == (
        f"Header {name} was sent twice; send it once."
    )


@pytest.mark.parametrize(
    "host", ["[::1]evil.test", "localhost:80@evil", "localhost:", "[::1", "127.0.0.1.evil"]
)
@READING
async def test_a_malformed_loopback_name_is_not_the_own_machine(read_only: ReadOnly, host: str) -> None:
    service = read_only.service
    head = f"GET /api/v1/entities HTTP/1.0\r\nHost: {host}\r\n\r\n"
    async with connected(service, first=head.encode()) as [(reader, _)]:
        assert (await reader.readline()).split()[1] in {b"400", b"401"}


@pytest.mark.parametrize(
    "sent", [b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /nope HTTP/1.0\r\n\r\n", b"\x16\x03nonsense\r\n\r\n"]
)
@READING
async def test_no_answer_tells_a_version_of_the_software(read_only: ReadOnly, sent: bytes) -> None:
    service = read_only.service
    async with connected(service, first=sent) as [(reader, _)]:
        answer = await all_of(reader)
    assert b"\r\nserver: litmus-sidecar\r\n" in answer.lower()
    assert b"aiohttp" not in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /litmus HTTP/1.1\nHost: here\nAuthorization: Bearer my-secret\n\n",
        b"GET /litmus HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer my-secret\0\r\n\r\n",
        b"GET /litmus HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer my-secret"
        + b"x" * 33_000
        + b"\r\n\r\n",
        b"GET /litmus HTTP/1.1\r\nHost: here\r\nAuthorization : Bearer my-secret\r\n\r\n",
        b"GET /my-secret" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
        b"my-secret / HTTP/1.1\r\nHost: here\r\n\r\n",
    ],
    ids=["line ends", "value", "long header", "name", "long address", "method"],
)
@READING
async def test_a_request_that_cannot_be_read_is_not_told_back(read_only: ReadOnly, sent: bytes) -> None:
    async with connected(read_only.service, first=sent) as [(reader, _)]:
        answer = await all_of(reader)
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"Request refused: " in answer
    assert b"my-secret" not in answer


@pytest.mark.parametrize("descriptors", [2, 64, 256, 1_024, 1_000_000])
def test_connections_stay_below_the_limit_of_open_files(descriptors: int) -> None:
    bounds = limits_within(descriptors)
    assert 1 <= bounds.per_address <= bounds.total < descriptors
    assert limits_within(resource.RLIM_INFINITY) == ConnectionLimits()


def _held_kib() -> int:
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_the_limit_of_open_files_is_raised_to_the_hard_one_at_the_start() -> None:
    told = subprocess.run(  # noqa: S603 - ourselves
        [
            sys.executable,
            "-c",
            RAISING,
        ],
        capture_output=True,
        check=True,
        text=True,
        timeout=CEILING_SECONDS,
    )
    assert told.stdout.split() == ["300", "300", "300"]
