"""What the garbage collector walks: what tests make, not what was there before them.

A process of the tests imports everything and collects thousands of tests, and
to walk all that takes a fifth of a second, each time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web_app


class Collector:
    """The collector of this process, and what it was told to leave alone."""

    def __init__(self) -> None:
        self._spares_what_was_there = False

    def spare(self) -> None:
        """Leave alone what is there now, unless that was said already; to :meth:`look_again`."""
        if not self._spares_what_was_there:
            gc.collect()
            gc.freeze()
            self._spares_what_was_there = True

    def look_again(self) -> None:
        """Walk everything again: much of what is there has just ended."""
        gc.unfreeze()
        self._spares_what_was_there = False

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Walk nothing for this long, and leave alone from now on what is there now."""
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            yield
        finally:
            gc.enable()


collector: Final = Collector()


def forget_applications() -> None:
    """Let go of the applications that have ended.

    A cache of aiohttp keeps a thousand handlers, with the applications around them. A process that tests
    nothing has one.
    """
    web_app._cached_build_middleware.cache_clear()  # noqa: SLF001 - aiohttp has no other way to say so
