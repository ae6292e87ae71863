"""The log's form, and that tokens in it are blotted out."""

import io
import json
import logging

import pytest
import structlog

from sidecar.telemetry.logs import configure_logging

TOKEN = "eyJhbGciOiJIUzUxMiJ9.eyJ1aWQiOiJhIn0.c2lnbmF0dXJlLW9mLW5vLXdvcnRo"


@pytest.fixture
def lines() -> io.StringIO:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=True)
    return stream


def test_a_line_is_one_json_object(lines: io.StringIO) -> None:
    structlog.get_logger("part").info("project kept its data", project="shop", code="down")
    line = json.loads(lines.getvalue())
    assert line.items() >= {"event": "project kept its data", "project": "shop", "level": "info"}.items()


def test_lines_of_libraries_look_alike(lines: io.StringIO) -> None:
    logging.getLogger("library").warning("disk is %s", "full")
    assert json.loads(lines.getvalue())["event"] == "disk is full"


@pytest.mark.parametrize("name", ["aiosqlite", "alembic.runtime.plugins", "asyncio"])
def test_what_libraries_tell_of_themselves_is_no_line(lines: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("set up")
    assert lines.getvalue() == ""
    logging.getLogger(name).warning("broken")
    assert json.loads(lines.getvalue())["event"] == "broken"


def test_a_token_in_a_line_is_blotted_out(lines: io.StringIO) -> None:
    log = structlog.get_logger("part")
    log.info("sent", header=f"Bearer {TOKEN}")
    logging.getLogger("library").warning("sent %s", TOKEN)
    log.info("opaque", header="Bearer abcdefgh")
    assert TOKEN[:20] not in lines.getvalue()
    assert "abcdefgh" not in lines.getvalue()


def test_a_token_in_a_traceback_is_blotted_out(lines: io.StringIO) -> None:
    try:
        int(TOKEN)
    except ValueError:
        structlog.get_logger("part").exception("failed")
    assert "ValueError" in lines.getvalue()
    assert TOKEN[:20] not in lines.getvalue()


def test_a_readable_form_blots_out_too() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, as_json=False)
    try:
        int(TOKEN)
    except ValueError:
        structlog.get_logger("part").exception("failed", token=TOKEN)
    assert "failed" in stream.getvalue()
    assert TOKEN[:20] not in stream.getvalue()
