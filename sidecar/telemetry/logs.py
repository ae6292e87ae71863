"""How the log looks: one JSON object a line, or readable on a terminal.

Everything goes through structlog over stdlib logging, to standard error, so
lines of libraries look like ours. Secrets are never put into the log; the
redaction here is the second line of defence, not the first.
"""

import itertools
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

from sidecar.telemetry.log_writer import LogWriter

_RUN: Final = re.compile(r"[A-Za-z0-9_.-]+")
"""What a JWT is made of; looked into by :func:`_without_jwt`, since one pattern for a JWT is quadratic."""
_JWT_BEGINS: Final = "eyJ"
_JWT_HEADER_AT_LEAST: Final = 11
_BEARER: Final = re.compile(r"(?i)\b(bearer)\s+[^\s\"',;]+")
_NOISY: Final = ("aiosqlite", "alembic.runtime.plugins", "asyncio")
"""What these say beside warnings is of themselves."""
_SILENT: Final = ("aiohttp.access", "aiohttp.server")
"""Requests are logged by our middleware; what is left are broken bytes that anybody may send."""


_output: LogWriter | TextIO | None = None
"""Where JSON lines go; ``None``: to a terminal, or nothing was configured."""


def request_stream() -> LogWriter | TextIO | None:
    """Return the stream that takes whole lines of JSON; ``None`` if the log is not of such."""
    return _output


def configure_logging(
    *,
    level: str = "info",
    stream: TextIO | None = None,
    as_json: bool | None = None,
    in_batches: bool = False,
) -> None:
    """Send the log to ``stream`` (standard error by default).

    Args:
        level: Lowest level that is written.
        stream: Where to.
        as_json: JSON lines or a readable form; ``None`` decides by whether the stream is a terminal.
        in_batches: Whether JSON lines may wait for a moment, so that whoever logs does not; for a service.
    """
    global _output  # noqa: PLW0603 - logging is one for the process
    stream = stream or sys.stderr
    is_terminal = stream.isatty()
    if as_json is None:
        as_json = not is_terminal
    output = LogWriter(stream) if as_json and in_batches else stream
    _output = output if as_json else None
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                _renderer(as_json=as_json, is_terminal=is_terminal),
            ],
        )
    )
    _set_levels(level, handler)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _renderer(*, as_json: bool, is_terminal: bool) -> structlog.typing.Processor:
    if as_json:
        return structlog.processors.JSONRenderer(default=str)
    # Plain tracebacks: the pretty ones print local variables, secrets included.
    return structlog.dev.ConsoleRenderer(
        colors=is_terminal, exception_formatter=structlog.dev.plain_traceback
    )


def _set_levels(level: str, handler: logging.Handler) -> None:
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def may_hold_secret(line: str) -> bool:
    """Tell whether a line has anything that :func:`redact` may blot out; it mostly has not."""
    folded = line.casefold()
    return "eyj" in folded or "bearer" in folded


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out whatever looks like a token, in every text of the event."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _BEARER.sub(r"\1 [redacted]", _RUN.sub(_without_jwt, value))
    return event


def _without_jwt(run: re.Match[str]) -> str:
    """Return the text of a run without the first JWT in it, and without what is joined to that."""
    text = run.group()
    begin = 0
    for part, following in itertools.pairwise(text.split(".")):
        at = part.find(_JWT_BEGINS)
        if at >= 0 and len(part) - at >= _JWT_HEADER_AT_LEAST and following:
            return f"{text[: begin + at]}[redacted]"
        begin += len(part) + 1
    return text
