"""Answers that may be given again: what a handler says about its answer, for who remembers it.

A handler knows what its answer was made of, and only it does. It notes that with the request; an answer
without such a note is never given twice.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import msgspec
from aiohttp import web

REUSED_FOR: Final = timedelta(minutes=1)
"""At most; then an answer is looked for anew, so that it shows that somebody still asks."""


class Reuse(msgspec.Struct, frozen=True, kw_only=True):
    """For how long the same request may get the same bytes again."""

    until: datetime
    """From then on it is made anew, since time alone may have changed it."""
    holds: Callable[[], bool]
    """Tells whether everything it was made of is still the same. Asked before each use."""
    refs: Collection[str] = ()
    """References of the entities that the caller had to see for it."""


REUSE = web.RequestKey("reuse", Reuse)
