"""How many requests a piece of work made, whoever made them below it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Requests:
    """A count that goes on while the work does."""

    def __init__(self) -> None:
        self.made = 0


_counting: ContextVar[Requests | None] = ContextVar("requests of this work", default=None)


@contextmanager
def counted_requests() -> Iterator[Requests]:
    """Count the requests of this block, also those of tasks that it starts."""
    requests = Requests()
    token = _counting.set(requests)
    try:
        yield requests
    finally:
        _counting.reset(token)


def count_request() -> None:
    """Count a request for the work that made it, if anybody counts."""
    requests = _counting.get()
    if requests is not None:
        requests.made += 1
