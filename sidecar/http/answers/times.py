"""How times are written."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Final, overload

_SECONDS: Final = 1_024
"""That are remembered as written: every answer says when it is sent, and many the same ``asOf``."""


@overload
def rfc3339(instant: datetime) -> str: ...
@overload
def rfc3339(instant: None) -> None: ...
def rfc3339(instant: datetime | None) -> str | None:
    """Return the instant as RFC 3339 in UTC with milliseconds, ``None`` for none."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(instant: datetime) -> str:
    """Return the instant as HTTP writes dates (RFC 9110, 5.6.7); whole seconds."""
    return _http_date(int(instant.timestamp() // 1))


@lru_cache(_SECONDS)
def _http_date(unix_seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(unix_seconds, UTC), usegmt=True)
