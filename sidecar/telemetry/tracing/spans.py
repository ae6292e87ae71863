"""The interface of traces, and their ambient part.

A trace begins where a :class:`Tracer` is at hand: around a request, around a
job. Parts within ask for nothing: :func:`span` and :func:`record` add to the
trace that the present task is in, and do nothing outside of one. So whoever
polls or warms up leaves no traces of one span each.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final, Protocol

Attribute = str | int | float | bool


class Span(Protocol):
    """One timed part of a trace."""

    def set_attribute(self, name: str, value: Attribute) -> None:
        """Add an attribute; a value of ours, never a client's text."""

    def rename(self, name: str) -> None:
        """Give the span the name that was not known when it began."""

    def fail(self, code: str) -> None:
        """Mark the span as failed, with a stable code."""


class Recorder(Protocol):
    """Adds parts to the trace that it was handed out for."""

    def span(self, name: str, attributes: Mapping[str, Attribute]) -> AbstractContextManager[Span]:
        """Begin a part that ends with the block; an exception marks it failed by its code or class."""

    def record(
        self, name: str, seconds: float, attributes: Mapping[str, Attribute], failure: str | None
    ) -> None:
        """Add a part that ends now and took ``seconds``; ``failure`` is its code, ``None``: it went well."""


class Tracer(Protocol):
    """Begins traces."""

    def request(self, traceparent: str | None) -> AbstractContextManager[Span]:
        """Begin with a request that came in, in the caller's trace if its W3C ``traceparent`` names one.

        A caller can keep its trace from being sent, not force it to be: ours is the share that is kept.
        """

    def job(self, name: str, attributes: Mapping[str, Attribute]) -> AbstractContextManager[Span]:
        """Begin with work that nobody outside asked for."""


class _NoSpan:
    """Takes everything, keeps nothing."""

    def set_attribute(self, name: str, value: Attribute) -> None:
        """Keep nothing."""

    def rename(self, name: str) -> None:
        """Keep nothing."""

    def fail(self, code: str) -> None:
        """Keep nothing."""


_NOTHING: Final[AbstractContextManager[Span]] = nullcontext(_NoSpan())


class NoTracer:
    """Traces nothing."""

    def request(self, traceparent: str | None) -> AbstractContextManager[Span]:  # noqa: ARG002 - the Protocol
        """Begin nothing."""
        return _NOTHING

    def job(self, name: str, attributes: Mapping[str, Attribute]) -> AbstractContextManager[Span]:  # noqa: ARG002 - the Protocol
        """Begin nothing."""
        return _NOTHING


NO_TRACER: Final = NoTracer()
_recorder: ContextVar[Recorder | None] = ContextVar("sidecar trace", default=None)


@contextmanager
def use_recorder(recorder: Recorder | None) -> Iterator[None]:
    """Add the parts of this block to a trace; ``None``: to none."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


def span(name: str, attributes: Mapping[str, Attribute] | None = None) -> AbstractContextManager[Span]:
    """Time a part of the present trace, with what happens within it; nothing outside of a trace."""
    recorder = _recorder.get()
    return _NOTHING if recorder is None else recorder.span(name, attributes or {})


def record(
    name: str, seconds: float, attributes: Mapping[str, Attribute], *, failure: str | None = None
) -> None:
    """Add a part that ends now to the present trace; nothing outside of one."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.record(name, seconds, attributes, failure)
