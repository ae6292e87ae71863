"""How long to wait after failures in a row: twice as long each time, up to a limit. Pure."""

from datetime import timedelta
from typing import Final

_MOST_DOUBLINGS: Final = 16
"""Days, if the first pause is of seconds; 2 ** 1000 is no number of seconds."""


def exponential_backoff(first: timedelta, doublings: int, longest: timedelta) -> timedelta:
    """Return the first pause, doubled so often; at most the longest."""
    factor: int = 2 ** min(max(doublings, 0), _MOST_DOUBLINGS)
    return min(first * factor, longest)
