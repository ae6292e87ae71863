"""Opens tracing as configured; the one place that loads the extra."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final

from sidecar.config import Tracing
from sidecar.domain.errors import ConfigError
from sidecar.telemetry.tracing.spans import NO_TRACER, Tracer

_NEEDED: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
EXTRA_MISSING: Final = (
    "tracing.endpoint needs the extra otel, which is not installed; "
    "install it with pip install 'backstage-litmus-sidecar[otel]'."
)


def tracing_problems(settings: Tracing) -> tuple[str, ...]:
    """Return what keeps the configured tracing from working, as sentences; nothing is loaded."""
    return () if settings.endpoint is None or _is_installed() else (EXTRA_MISSING,)


@asynccontextmanager
async def open_tracer(settings: Tracing, version: str) -> AsyncIterator[Tracer]:
    """Open the tracer of the configuration; at its end what was not sent yet is sent, within seconds.

    Raises:
        ConfigError: If the extra is missing.
    """
    if settings.endpoint is None:
        yield NO_TRACER
        return
    if not _is_installed():
        raise ConfigError((EXTRA_MISSING,))
    from sidecar.telemetry.tracing.otlp import open_otlp_tracer  # noqa: PLC0415 - an extra, loaded only where it is wanted

    async with open_otlp_tracer(settings.endpoint, settings.sample_ratio, version) as tracer:
        yield tracer


def _is_installed() -> bool:
    try:
        return all(find_spec(name) is not None for name in _NEEDED)
    except ModuleNotFoundError:
        # Of a parent package.
        return False
