"""The primitive over a real socket: what it sends, and what becomes of every end of a connection."""

import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.domain.action import Change
from sidecar.domain.errors import (
    BadRequestError,
    ConfigError,
    TokenRejectedError,
    UpstreamError,
    UpstreamHostRefusedError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    UpstreamUnsupportedError,
)
from sidecar.domain.model import RunStats
from sidecar.litmus.acting import send_change
from sidecar.litmus.transport.breaker import BreakerState
from sidecar.litmus.transport.client import LitmusClient, open_litmus_client
from sidecar.litmus.wire.documents import ENVIRONMENTS, GITOPS, RUN_STATS, SERVER_VERSION
from sidecar.litmus.wire.token import LitmusToken
from tests.litmus.support import STATS, TOKEN, Observed, environments
from tests.support.scripted_litmus import (
    Asked,
    Reply,
    Script,
    ScriptedLitmus,
    data,
    errors,
    open_scripted_litmus,
)

SHOP = {"projectID": "shop"}


@asynccontextmanager
async def litmus(
    script: Script, token: Callable[[], str] = lambda: TOKEN, **settings: object
) -> AsyncIterator[tuple[LitmusClient, ScriptedLitmus]]:
    async with open_scripted_litmus(script) as server, client_of(server.url, token, **settings) as client:
        yield client, server


@asynccontextmanager
async def client_of(
    url: str, token: Callable[[], str] = lambda: TOKEN, **settings: object
) -> AsyncIterator[LitmusClient]:
    async with open_litmus_client(
        base_url=url,
        token=lambda: LitmusToken(token()),
        max_requests_per_second=10_000,
        **settings,  # type: ignore[arg-type]  # passed through as the test gives them
    ) as client:
        yield client


async def error_of(reply: Reply, *, timeout_seconds: float = 30, **settings: object) -> UpstreamError:
    async with litmus(lambda _: reply, lambda: TOKEN, **settings) as (client, _):
        with pytest.raises(UpstreamError) as caught:
            await client.run(RUN_STATS, SHOP, timeout_seconds)
    assert TOKEN not in str(caught.value)
    return caught.value


async def test_an_answer_is_mapped_to_the_model() -> None:
    async with litmus(lambda _: data(getExperimentRunStats=STATS)) as (client, _):
        stats = await client.run(RUN_STATS, SHOP, 30)

    assert stats == RunStats(total=6, running=1, completed=2, terminated=0, stopped=1, errored=1)


async def test_the_request_has_the_token_and_json_but_no_origin_and_no_cookie() -> None:
    setting = Reply(
        data(getServerVersion={"value": "3.31.0"}).body, headers={"Set-Cookie": "session=1; Path=/"}
    )
    async with litmus(lambda _: setting) as (client, server):
        await client.run(SERVER_VERSION, {}, 30)
        await client.run(SERVER_VERSION, {}, 30)

    sent = server.requests[1]
    assert sent.path == "/api/query"
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Host"] == server.url.removeprefix("http://")
    assert not {"Origin", "Cookie"} & set(sent.headers)


async def test_the_configured_host_header_is_sent() -> None:
    answer = data(getServerVersion={"value": "3.31.0"})
    async with litmus(lambda _: answer, host_header="litmus.example.com") as (client, server):
        await client.run(SERVER_VERSION, {}, 30)

    assert server.requests[0].headers["Host"] == "litmus.example.com"


async def test_a_refused_host_is_named_as_it_was_sent() -> None:
    refused = Reply(b'{"error":"Invalid origin"}', status=403)

    error = await error_of(refused, host_header="litmus.example.com")

    assert type(error) is UpstreamHostRefusedError
    assert "litmus.example.com" in str(error)


async def test_every_request_takes_the_token_of_the_moment() -> None:
    tokens = ["one"]
    answer = data(getServerVersion={"value": "3.31.0"})
    async with litmus(lambda _: answer, token=lambda: tokens[0]) as (client, server):
        await client.run(SERVER_VERSION, {}, 30)
        tokens[0] = "two"
        await client.run(SERVER_VERSION, {}, 30)

    assert [sent.headers["Authorization"] for sent in server.requests] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "not ascii: é"])
async def test_what_cannot_be_a_token_is_not_sent(token: str) -> None:
    async with litmus(lambda _: data(), token=lambda: token) as (client, server):
        with pytest.raises(TokenRejectedError) as caught:
            await client.run(RUN_STATS, SHOP, 30)

    assert server.requests == []
    assert not token or token not in str(caught.value)


async def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(data(getServerVersion={"value": "3.31.0"}).body)
    async with litmus(lambda _: Reply(body, headers={"Content-Encoding": "gzip"})) as (client, _):
        assert await client.run(SERVER_VERSION, {}, 30) == "3.31.0"


async def test_an_answer_larger_than_the_bound_is_not_read_to_its_end() -> None:
    error = await error_of(data(getExperimentRunStats={"filler": "x" * 5000}), max_answer_bytes=1000)

    assert type(error) is UpstreamOverloadedError


async def test_a_small_body_that_unpacks_to_a_large_answer_is_bounded_too() -> None:
    reply = Reply(gzip.compress(b" " * 5_000_000), headers={"Content-Encoding": "gzip"})

    assert type(await error_of(reply, max_answer_bytes=100_000)) is UpstreamOverloadedError


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(hang=True), UpstreamTimeoutError),
        (Reply(drop=True), UpstreamUnavailableError),
        (Reply(b"not gzip", headers={"Content-Encoding": "gzip"}), UpstreamUnavailableError),
        (Reply(b"<html>502</html>", status=502, content_type="text/html"), UpstreamUnavailableError),
        (Reply(b"<html>app</html>", content_type="text/html"), UpstreamProtocolError),
        (Reply(b"<html>405</html>", status=405, content_type="text/html"), UpstreamProtocolError),
        (Reply(status=302, headers={"Location": "/elsewhere"}), UpstreamProtocolError),
        (Reply(), UpstreamProtocolError),
    ],
    ids=["hang", "drop", "bad-gzip", "nginx-502", "ui-html", "ui-405", "redirect", "empty"],
)
async def test_every_end_of_a_connection_is_one_of_our_errors(
    reply: Reply, expected: type[UpstreamError]
) -> None:
    assert type(await error_of(reply, timeout_seconds=0.2 if reply.hang else 30)) is expected


async def test_a_client_waits_no_longer_than_it_was_told_whoever_asks() -> None:
    error = await error_of(Reply(hang=True), timeout_seconds=30, patience_seconds=0.2)
    assert isinstance(error, UpstreamTimeoutError)
    assert "within 0.2 s" in str(error)


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    async with litmus(lambda _: Reply(status=307, headers={"Location": "/elsewhere"})) as (client, server):
        with pytest.raises(UpstreamProtocolError):
            await client.run(RUN_STATS, SHOP, 30)

    assert len(server.requests) == 1


async def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with client_of(f"http://127.0.0.1:{unused.getsockname()[1]}") as client:
            with pytest.raises(UpstreamUnavailableError, match="No connection"):
                await client.run(RUN_STATS, SHOP, 30)


async def test_credentials_in_the_base_url_appear_in_no_sentence() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://user:hidden@127.0.0.1:{unused.getsockname()[1]}"
        async with client_of(url) as client:
            with pytest.raises(UpstreamError) as caught:
                await client.run(RUN_STATS, SHOP, 30)
            shown = f"{client!r} {caught.value}"

    assert "hidden" not in shown
    assert TOKEN not in shown


async def test_five_dead_connections_pause_the_instance() -> None:
    observed = Observed()
    async with litmus(lambda _: Reply(status=502), observe=observed) as (client, server):
        for _ in range(6):
            with pytest.raises(UpstreamUnavailableError):
                await client.run(RUN_STATS, SHOP, 30)

        assert len(server.requests) == 5
        assert client.breaker.state is BreakerState.OPEN
    assert observed.calls[-1] == ("getExperimentRunStats", "upstream_paused")


async def test_a_hanging_git_remote_does_not_pause_the_instance() -> None:
    async with litmus(lambda _: Reply(hang=True)) as (client, _):
        for _ in range(6):
            with pytest.raises(UpstreamTimeoutError):
                await client.run(GITOPS, SHOP, 0.02)

        assert client.breaker.state is BreakerState.CLOSED


async def test_a_document_of_two_fields_tells_each_ones_end() -> None:
    def script(_: Asked) -> Reply:
        return errors(
            {"listEnvironments": "invalid Token"}, {"getExperimentRunStats": STATS, "listEnvironments": None}
        )

    observed = Observed()
    async with litmus(script, observe=observed) as (client, _):
        variables = SHOP | {"environments": {"pagination": {"page": 0, "limit": 100}}}
        answer = await client.ask([RUN_STATS, ENVIRONMENTS], variables, 30)

    assert answer.value(RUN_STATS).total == 6
    with pytest.raises(TokenRejectedError):
        answer.value(ENVIRONMENTS)
    assert observed.calls == [("getExperimentRunStats+listEnvironments", "token_rejected")]


async def test_one_field_of_another_shape_leaves_the_others() -> None:
    reply = data(getExperimentRunStats="surprise", listEnvironments=environments(["prod"]))
    async with litmus(lambda _: reply) as (client, _):
        variables = SHOP | {"environments": {"pagination": {"page": 0, "limit": 100}}}
        answer = await client.ask([RUN_STATS, ENVIRONMENTS], variables, 30)

    assert [row.name for row in answer.value(ENVIRONMENTS).items] == ["prod"]
    assert type(answer.failed["getExperimentRunStats"]) is UpstreamProtocolError


async def test_an_id_that_is_no_text_is_not_sent() -> None:
    async with litmus(lambda _: data()) as (client, server):
        with pytest.raises(UpstreamProtocolError):
            await client.run(RUN_STATS, {"projectID": "\ud800"}, 30)

    assert server.requests == []


async def test_a_run_is_started_once_and_gives_its_notify_id() -> None:
    async with litmus(lambda _: data(runChaosExperiment={"notifyID": "n-1"})) as (client, server):
        assert await send_change(client, Change.RUN_EXPERIMENT, "shop", "e-1") == "n-1"

    assert [sent.variables for sent in server.requests] == [{"projectID": "shop", "experimentID": "e-1"}]


async def test_an_action_whose_answer_was_lost_is_not_repeated() -> None:
    async with litmus(lambda _: Reply(drop=True)) as (client, server):
        with pytest.raises(UpstreamUnavailableError):
            await send_change(client, Change.RUN_EXPERIMENT, "shop", "e-1")

    assert len(server.requests) == 1


async def test_a_stop_names_its_run() -> None:
    async with litmus(lambda _: data(stopExperimentRuns=True)) as (client, server):
        assert await send_change(client, Change.STOP_RUN, "shop", "e-1", {"experimentRunID": "r-1"})

    assert server.requests[0].variables["experimentRunID"] == "r-1"


async def test_a_stop_of_an_empty_id_is_never_sent() -> None:
    async with litmus(lambda _: data(stopExperimentRuns=True)) as (client, server):
        with pytest.raises(BadRequestError):
            await send_change(client, Change.STOP_RUN, "shop", "e-1", {"experimentRunID": ""})

    assert server.requests == []


async def test_suspending_a_schedule_disables_it() -> None:
    async with litmus(lambda _: data(updateCronExperimentState=True)) as (client, server):
        assert await send_change(client, Change.SWITCH_SCHEDULE, "shop", "e-1", {"disable": True})

    assert server.requests[0].variables["disable"] is True


async def test_a_litmus_without_the_mutation_is_told_with_the_release_it_needs() -> None:
    body = {
        "errors": [{"message": 'Cannot query field "stopExperimentRuns" on type "Mutation".'}],
        "data": None,
    }
    async with litmus(lambda _: Reply(json.dumps(body).encode(), status=422)) as (client, _):
        with pytest.raises(UpstreamUnsupportedError, match=r"needs Litmus 3\.1 "):
            await send_change(client, Change.STOP_RUN, "shop", "e-1", {"experimentRunID": "r-1"})


async def test_an_unusable_ca_file_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")

    with pytest.raises(ConfigError, match=r"ca\.pem"):
        async with open_litmus_client(
            base_url="https://litmus", token=lambda: LitmusToken(TOKEN), ca_file=path
        ):
            pytest.fail("opened")
