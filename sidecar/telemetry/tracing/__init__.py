"""Traces: what happened within one request or one synchronisation, and how long each part took.

Off unless a collector is configured; then parts cost a look at a context
variable. Only ``otlp`` knows OpenTelemetry, and only ``opening`` loads it.
Attributes are ours: route templates, codes, names of instances and operations;
never texts of clients, tokens, statements or messages of errors.
"""

from sidecar.telemetry.tracing.opening import open_tracer, tracing_problems
from sidecar.telemetry.tracing.spans import (
    NO_TRACER,
    Attribute,
    NoTracer,
    Recorder,
    Span,
    Tracer,
    record,
    span,
)

__all__ = [
    "NO_TRACER",
    "Attribute",
    "NoTracer",
    "Recorder",
    "Span",
    "Tracer",
    "open_tracer",
    "record",
    "span",
    "tracing_problems",
]
