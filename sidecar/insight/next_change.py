"""The next instant at which figures change though no data does.

Answers are kept until then; whoever keeps them clamps it (at least 10 s, at
most 5 min), so an instant too early costs little and one too late is harmless.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sidecar.domain.unix_time import ceil_ms, from_ms
from sidecar.insight.digest import ProjectRuns
from sidecar.insight.windows import WINDOWS, Window, window_end_change

_MILLISECOND: Final = timedelta(milliseconds=1)


def earliest(now: datetime, candidates: Iterable[datetime | None]) -> datetime | None:
    """Return the first candidate after now; ``None``: time alone changes nothing."""
    return min((one for one in candidates if one is not None and one > now), default=None)


def next_window_change(window: Window, runs: ProjectRuns, now: datetime) -> datetime | None:
    """Return when the window's figures next change: a run enters or leaves it, or a bucket ends.

    Covers the window before as well; ``None`` when both of its borders are fixed.
    """
    if not window.ends_now:
        return None
    length = WINDOWS[window.name].length if window.name else None
    candidates = [window_end_change(window), _created_from(runs, ceil_ms(now), timedelta(0))]
    if length is not None:
        candidates.append(_created_from(runs, window.since_ms, length))
        candidates.append(_created_from(runs, window.previous_since_ms, 2 * length))
    elif window.name is None:
        candidates.append(_entering_previous(window, runs))
    return earliest(now, candidates)


def _created_from(runs: ProjectRuns, since_ms: int, delay: timedelta) -> datetime | None:
    """Return when the first run created from then on is older than the delay."""
    position = bisect_left(runs.created_at_ms, since_ms)
    if position == len(runs.created_at_ms):
        return None
    return from_ms(runs.created_at_ms[position]) + delay + _MILLISECOND


def _entering_previous(window: Window, runs: ProjectRuns) -> datetime | None:
    """With a fixed beginning, the window before grows backwards as long as this one grows."""
    position = bisect_left(runs.created_at_ms, window.previous_since_ms)
    if not position:
        return None
    return window.since + (window.since - from_ms(runs.created_at_ms[position - 1]))
