"""Fire times of the past, kept: they do not change, and to find them is what a schedule costs.

Each asks for some hundreds again and again, and many schedules have the same
text. What is returned depends on the arguments alone; bounded, for any thread.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from threading import Lock
from typing import Final

import msgspec
from cachetools import LRUCache

from sidecar.insight.cron_text import ScheduleText

KEPT: Final = 250_000
"""Fire times of all texts together, some 60 bytes each."""

Find = Callable[[ScheduleText, datetime], Iterator[datetime]]


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime
    until: datetime
    fires: tuple[datetime, ...]
    """Those in ``[since, until)``, newest first; the newest where there are too many."""
    following: datetime | None
    """The first one from ``until`` on; ``None``: there is none."""


class PastFires:
    """The newest fire times of stretches of the past."""

    def __init__(self, *, before: Find, following: Find, at_most: int) -> None:
        """Take how fire times are found, newest first before an instant and oldest first from one on."""
        self._before = before
        self._following = following
        self._at_most = at_most
        self._kept: LRUCache[ScheduleText, _Kept] = LRUCache(KEPT, getsizeof=lambda one: len(one.fires) + 1)
        self._lock = Lock()

    def between(self, text: ScheduleText, since: datetime, until: datetime) -> Sequence[datetime]:
        """Return the fire times in ``[since, until)``, newest first, the newest of them if too many."""
        with self._lock:
            kept = self._kept.get(text)
        if kept is None or kept.since > since or (until < kept.until and len(kept.fires) >= self._at_most):
            kept = self._found(text, since, until, None)
        elif kept.until < until:
            kept = self._found(text, kept.since, until, kept)
        return [fire for fire in kept.fires if since <= fire < until]

    def _found(self, text: ScheduleText, since: datetime, until: datetime, known: _Kept | None) -> _Kept:
        """Find what is not known yet, and keep it."""
        older: tuple[datetime, ...] = () if known is None else known.fires
        if known is not None and (known.following is None or known.following >= until):
            return known
        begin = since if known is None else known.until
        newer = itertools.takewhile(lambda fire: fire >= begin, self._before(text, until))
        fires = (*itertools.islice(newer, self._at_most), *older)[: self._at_most]
        found = _Kept(
            since=since, until=until, fires=fires, following=next(self._following(text, until), None)
        )
        with self._lock:
            self._kept[text] = found
        return found
