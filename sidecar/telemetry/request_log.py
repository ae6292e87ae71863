"""The line of each request in the log.

It is written for every request, so it does not take the way of the other lines: in
JSON its text is made at once, and looks as theirs do.
"""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from time import time_ns
from typing import Final, Literal

import msgspec
import structlog

from sidecar.telemetry.logs import may_hold_secret, redact, request_stream

LOGGER: Final = "sidecar.http.middleware.request"
"""Under this name the lines stand in the log."""
SLOW_SECONDS: Final = 1.0
"""From so long on a request is logged in any case."""
REFUSALS: Final = frozenset({"unauthenticated", "forbidden", "too_many_requests", "busy", "actions_disabled"})
"""Outcomes that are logged in any case: somebody was turned away."""
Logged = Literal["all", "errors", "off"]
_SERVER_ERROR: Final = 500
_log = structlog.get_logger(LOGGER)
_LOGGER: Final = logging.getLogger(LOGGER)
_ENCODER: Final = msgspec.json.Encoder()


class RequestLine(msgspec.Struct, kw_only=True):
    """What a line says, in its order."""

    method: str
    route: str
    status: int
    outcome: str
    """``ok``, or the code of the error."""
    caller: str | None
    client: str | None
    """Address."""
    seconds: float
    event: str = "request"
    request_id: str
    level: str = "info"
    logger: str = LOGGER
    timestamp: str = ""


def is_logged(line: RequestLine, logged: Logged, *, is_action: bool) -> bool:
    """Tell whether a request is logged, by ``log.requests``."""
    if logged == "all" or is_action or line.seconds >= SLOW_SECONDS or line.status >= _SERVER_ERROR:
        return True
    return line.outcome in REFUSALS or (logged == "errors" and line.outcome != "ok")


def write_request(line: RequestLine, *, is_quiet: bool = False) -> None:
    """Write the line; one that is ``quiet`` only where everything is logged."""
    level = logging.DEBUG if is_quiet else logging.INFO
    if not _LOGGER.isEnabledFor(level):
        return
    stream = request_stream()
    if stream is None:
        # For a terminal, or for whoever takes the lines of a test.
        said = msgspec.structs.asdict(line)
        for name in ("event", "level", "logger", "timestamp"):
            del said[name]
        _log.log(level, line.event, **said)
        return
    if is_quiet:
        line.level = "debug"
    line.timestamp = _timestamp()
    text = _ENCODER.encode(line).decode()
    if not text.isascii() or may_hold_secret(text):
        text = json.dumps(redact(None, "", msgspec.structs.asdict(line)))
    stream.write(text + "\n")


class RepeatedLine:
    """The line of requests that differ in duration, id and instant only; the rest of it is encoded once."""

    def __init__(self, line: RequestLine) -> None:
        """Take what they have in common."""
        self._line = line
        self._parts: tuple[str, str, str] | None = None
        """What stands around duration, id and instant; ``None``: the line needs care each time."""
        text = _ENCODER.encode(
            msgspec.structs.replace(line, seconds=0.0, request_id="", timestamp="")
        ).decode()
        if text.isascii() and not may_hold_secret(text):
            # Within a value every quote has a backslash before it.
            head, _, rest = text.partition('"seconds":0.0')
            middle, _, tail = rest.partition('"request_id":""')
            self._parts = f'{head}"seconds":', f'{middle}"request_id":"', '"' + tail.removesuffix('"}')

    def write(self, seconds: float, request_id: str) -> None:
        """Write it for a request; its id is plain letters, digits, dots, lines and underscores."""
        stream = request_stream()
        if self._parts is None or stream is None or may_hold_secret(request_id):
            write_request(msgspec.structs.replace(self._line, seconds=seconds, request_id=request_id))
        elif _LOGGER.isEnabledFor(logging.INFO):
            before, between, after = self._parts
            stream.write(f'{before}{seconds!r}{between}{request_id}{after}{_timestamp()}"}}\n')


def _timestamp() -> str:
    """Return the instant now, as all lines write it."""
    seconds, rest = divmod(time_ns(), 1_000_000_000)
    return f"{_written_second(seconds)}.{rest // 1_000:06}Z"


@lru_cache(2)
def _written_second(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
