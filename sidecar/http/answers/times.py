"""How times are written."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import overload


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
    return format_datetime(instant.astimezone(UTC).replace(microsecond=0), usegmt=True)
