"""Traces over OpenTelemetry, sent as OTLP over HTTP in the background.

Nothing is global: no provider is registered, no library instrumented. Of a
request only ``traceparent`` is read, which holds two ids and a flag;
``tracestate`` and ``baggage`` are texts of clients. Exceptions leave their
code or class, never their message.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Span as LibrarySpan
from opentelemetry.trace import SpanKind, Status, StatusCode, use_span
from opentelemetry.trace import Tracer as LibraryTracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sidecar.domain.errors import SidecarError
from sidecar.telemetry.tracing.spans import Attribute, Span, use_recorder

EXPORT_TIMEOUT_SECONDS: Final = 5.0
"""Longest that one batch may take, and longest that the end of the process waits for what is left."""
_NANOSECONDS: Final = 1_000_000_000
_CODE: Final = "error.type"
_CANCELLED: Final = "cancelled"


class _CallersSampler(TraceIdRatioBased):
    """Keeps the same share of the traces that callers began and keep.

    Not by their id: callers choose it, and could choose one that is always kept.
    """

    _ids = RandomIdGenerator()

    def should_sample(
        self, parent_context: Context | None, trace_id: int, *args: Any, **kwargs: Any
    ) -> SamplingResult:
        del trace_id
        return super().should_sample(parent_context, self._ids.generate_trace_id(), *args, **kwargs)


class _OtlpSpan:
    """Implements :class:`spans.Span`."""

    def __init__(self, span: LibrarySpan) -> None:
        self._span = span

    def set_attribute(self, name: str, value: Attribute) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, code: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR))
        self._span.set_attribute(_CODE, code)


class OtlpTracer:
    """Implements :class:`spans.Tracer` and :class:`spans.Recorder`."""

    def __init__(self, tracer: LibraryTracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, traceparent: str | None) -> Iterator[Span]:
        """See :meth:`spans.Tracer.request`."""
        carrier = {} if traceparent is None else {"traceparent": traceparent}
        parent = self._propagator.extract(carrier, context=Context())
        with self._root("request", SpanKind.SERVER, {}, parent) as span:
            yield span

    @contextmanager
    def job(self, name: str, attributes: Mapping[str, Attribute]) -> Iterator[Span]:
        """See :meth:`spans.Tracer.job`."""
        with self._root(name, SpanKind.INTERNAL, attributes, Context()) as span:
            yield span

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute]) -> Iterator[Span]:
        """See :meth:`spans.Recorder.span`."""
        with self._current(self._tracer.start_span(name, attributes=attributes)) as span:
            yield span

    def record(
        self, name: str, seconds: float, attributes: Mapping[str, Attribute], failure: str | None
    ) -> None:
        """See :meth:`spans.Recorder.record`."""
        ended = time.time_ns()
        began = ended - int(seconds * _NANOSECONDS)
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=began)
        if failure is not None:
            _OtlpSpan(span).fail(failure)
        span.end(ended)

    @contextmanager
    def _root(
        self, name: str, kind: SpanKind, attributes: Mapping[str, Attribute], parent: Context
    ) -> Iterator[Span]:
        started = self._tracer.start_span(name, parent, kind, attributes)
        # What is not sampled costs its parts nothing.
        with use_recorder(self if started.is_recording() else None), self._current(started) as span:
            yield span

    @contextmanager
    def _current(self, started: LibrarySpan) -> Iterator[Span]:
        """Make it the parent of what begins within the block; end it with the block."""
        span = _OtlpSpan(started)
        with use_span(started, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except SidecarError as exc:
                span.fail(exc.code)
                raise
            except asyncio.CancelledError:
                span.fail(_CANCELLED)
                raise
            except Exception as exc:
                span.fail(type(exc).__name__)
                raise


@asynccontextmanager
async def open_otlp_tracer(endpoint: str, sample_ratio: float, version: str) -> AsyncIterator[OtlpTracer]:
    """Open a tracer that sends to a collector; at the end it sends what is left.

    The collector's headers and the resource's attributes may be given as
    OpenTelemetry's own variables say (``OTEL_EXPORTER_OTLP_HEADERS``,
    ``OTEL_RESOURCE_ATTRIBUTES``).
    """
    provider = TracerProvider(
        sampler=ParentBased(
            TraceIdRatioBased(sample_ratio), remote_parent_sampled=_CallersSampler(sample_ratio)
        ),
        resource=Resource.create({"service.name": "litmus-sidecar", "service.version": version}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield OtlpTracer(provider.get_tracer("sidecar", version))
    finally:
        # The library sends batch after batch; a collector that hangs must not hold up the end.
        ending = threading.Thread(target=provider.shutdown, name="last traces", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, EXPORT_TIMEOUT_SECONDS)
