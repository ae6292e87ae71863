"""The fire times next to an instant, kept until the later of them comes.

To find them is to read a schedule's text once more, and many schedules have the
same one. What is returned depends on the arguments alone; bounded, for any thread.
"""

from datetime import datetime, timedelta
from threading import Lock
from typing import Final

import msgspec
from cachetools import LRUCache

from sidecar.insight.cron_text import ScheduleText
from sidecar.insight.past_fire_times import Find

KEPT: Final = 10_000
"""Texts, some 300 bytes each."""


class NearFires(msgspec.Struct, frozen=True, kw_only=True):
    """The fire times around an instant."""

    last: datetime | None
    """The latest one up to it; ``None``: there is none."""
    next: datetime | None
    """The first one after it; ``None``: there is none."""


class NearFireTimes:
    """The fire times around instants, which mostly are one moment for many schedules."""

    def __init__(self, *, before: Find, following: Find) -> None:
        """Take how fire times are found, newest first before an instant and oldest first from one on."""
        self._before = before
        self._following = following
        self._kept: LRUCache[ScheduleText, tuple[datetime, NearFires]] = LRUCache(KEPT)
        self._lock = Lock()

    def around(self, text: ScheduleText, now: datetime) -> NearFires:
        """Return the latest fire time up to now and the first one after it; neither of ``@every``."""
        with self._lock:
            kept = self._kept.get(text)
        if kept is not None:
            since, found = kept
            if since == now or (found.next is not None and since < now < found.next):
                return found
        found = NearFires(
            last=next(self._before(text, now + timedelta.resolution), None),
            next=next((fire for fire in self._following(text, now) if fire > now), None),
        )
        with self._lock:
            self._kept[text] = now, found
        return found
