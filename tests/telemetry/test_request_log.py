"""The line of a request: whether it is written, and that it looks as all others do."""

import io
import json
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from sidecar.telemetry.logs import configure_logging
from sidecar.telemetry.request_log import (
    REFUSALS,
    SLOW_SECONDS,
    RepeatedLine,
    RequestLine,
    is_logged,
    write_request,
)


def line(**changes: Any) -> RequestLine:
    said: dict[str, Any] = {
        "method": "GET",
        "route": "/api/v1/entities",
        "status": 200,
        "outcome": "ok",
        "caller": "key:backstage",
        "client": "192.0.2.7",
        "seconds": 0.0012,
        "request_id": "0123456789abcdef",
    }
    return RequestLine(**{**said, **changes})


@pytest.mark.parametrize(
    ("what", "is_action", "by_setting"),
    [
        (line(), False, (True, False, False)),
        (line(status=404, outcome="not_found"), False, (True, True, False)),
        (line(outcome="no_data"), False, (True, True, False)),
        (line(status=500, outcome="internal"), False, (True, True, True)),
        (line(status=401, outcome="unauthenticated"), False, (True, True, True)),
        (line(outcome="forbidden"), False, (True, True, True)),
        (line(seconds=SLOW_SECONDS), False, (True, True, True)),
        (line(), True, (True, True, True)),
    ],
)
def test_what_is_logged_follows_the_setting(
    what: RequestLine,
    is_action: bool,  # noqa: FBT001 - pytest gives it by name
    by_setting: tuple[bool, bool, bool],
) -> None:
    assert (
        is_logged(what, "all", is_action=is_action),
        is_logged(what, "errors", is_action=is_action),
        is_logged(what, "off", is_action=is_action),
    ) == by_setting


@given(outcome=st.sampled_from([*REFUSALS, "ok", "no_data"]), status=st.sampled_from([200, 304, 403, 503]))
def test_each_setting_logs_what_the_next_one_does(outcome: str, status: int) -> None:
    what = line(outcome=outcome, status=status)
    if is_logged(what, "off", is_action=False):
        assert is_logged(what, "errors", is_action=False)
    if is_logged(what, "errors", is_action=False):
        assert is_logged(what, "all", is_action=False)


def written(what: RequestLine, *, level: str = "info", is_quiet: bool = False) -> str:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True, level=level)
    write_request(what, is_quiet=is_quiet)
    return stream.getvalue()


def test_a_line_has_the_fields_of_every_other_line_beside_its_own() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    write_request(line())
    structlog.get_logger("sidecar.other").info("other")
    first, second = (json.loads(one) for one in stream.getvalue().splitlines())
    assert set(second) - set(first) == set()
    assert first["event"] == "request"
    assert first["level"] == second["level"] == "info"
    assert first["timestamp"][:10] == second["timestamp"][:10]
    assert len(first["timestamp"]) == len(second["timestamp"])
    assert first["timestamp"] <= second["timestamp"]


@given(
    caller=st.text(max_size=30) | st.none(),
    client=st.text(max_size=30) | st.none(),
    request_id=st.text(max_size=70),
)
def test_whatever_stands_in_a_line_it_is_one_line_of_json(
    caller: str | None, client: str | None, request_id: str
) -> None:
    text = written(line(caller=caller, client=client, request_id=request_id))
    assert text.count("\n") == 1
    assert text.isascii()
    assert json.loads(text)["method"] == "GET"


@pytest.mark.parametrize("secret", ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "Bearer abcdefghijklmnop"])
def test_a_secret_in_a_line_is_blotted_out(secret: str) -> None:
    text = written(line(request_id=secret))
    assert secret.rpartition(" ")[2] not in text
    assert "[redacted]" in text


def test_quiet_routes_are_logged_only_where_everything_is() -> None:
    assert written(line(), is_quiet=True) == ""
    assert json.loads(written(line(), is_quiet=True, level="debug"))["level"] == "debug"
    assert written(line(), level="warning") == ""


def said(text: str) -> dict[str, Any]:
    """Return what a line says but for its instant, which must be written as ever."""
    read: dict[str, Any] = json.loads(text)
    assert len(read.pop("timestamp")) == len("2026-11-28T12:00:00.000000Z")
    return read


@given(
    caller=st.text(max_size=30) | st.none() | st.just('"seconds":0.0,"request_id":""'),
    client=st.sampled_from(["192.0.2.7", "2001:db8::7", None]),
    seconds=st.floats(0, 100).map(lambda value: round(value, 4)),
    request_id=st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
    | st.sampled_from(["fedcba9876543210", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "bearer"]),
)
def test_a_line_that_is_repeated_says_what_a_line_of_its_own_says(
    caller: str | None, client: str | None, seconds: float, request_id: str
) -> None:
    what = line(caller=caller, client=client, seconds=seconds, request_id=request_id)
    usual = written(what)
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    RepeatedLine(line(caller=caller, client=client)).write(seconds, request_id)
    assert list(json.loads(stream.getvalue())) == list(json.loads(usual))
    assert said(stream.getvalue()) == said(usual)
    assert stream.getvalue().count("\n") == 1


def test_a_repeated_line_is_written_where_its_level_is() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True, level="warning")
    RepeatedLine(line()).write(0.1, "fedcba9876543210")
    assert stream.getvalue() == ""


def test_a_secret_in_a_repeated_line_is_blotted_out_each_time() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    repeated = RepeatedLine(line(caller="Bearer abcdefghijklmnop"))
    for _ in range(2):
        repeated.write(0.1, "fedcba9876543210")
    assert "abcdefghijklmnop" not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 2
