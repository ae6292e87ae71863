"""Query parameters that several routes take, described once for their documentation, and how each is read.

``given`` returns a parameter's text by its name, ``None`` without one. What is
read raises :class:`errors.BadRequestError`, which names the parameter.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from sidecar.domain.errors import BadRequestError
from sidecar.http.reading.paging import DEFAULT_LIMIT, MAX_LIMIT
from sidecar.http.route import Parameter
from sidecar.insight.rollup import Grouping
from sidecar.insight.windows import DEFAULT_WINDOW, WINDOWS, parse_instant

TEXT: Final[dict[str, Any]] = {"type": "string"}
TIME: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}

LIMIT: Final = Parameter(
    name="limit",
    description="How many rows at most.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
)
CURSOR: Final = Parameter(
    name="cursor", description="The `nextCursor` of the page before; opaque.", schema=TEXT
)
OWNER: Final = Parameter(
    name="owner",
    description="Only entities of this owner: a full reference such as `group:default/team-a`.",
    schema=TEXT,
)
GROUP: Final = Parameter(
    name="group",
    description="What entities are put together by.",
    schema={"type": "string", "enum": list(Grouping), "default": Grouping.OWNER.value},
)
NAMED_WINDOW: Final = Parameter(
    name="window",
    description="The time that figures are about, ending now; `12mo` is calendar months in `tz`.",
    schema={"type": "string", "enum": list(WINDOWS), "default": DEFAULT_WINDOW},
)
ZONE: Final = Parameter(
    name="tz",
    description="IANA time zone whose calendar the trend's buckets follow.",
    schema={"type": "string", "default": "UTC"},
)
WINDOW: Final = (
    NAMED_WINDOW,
    Parameter(name="since", description="Beginning of a window of your own, inclusive.", schema=TIME),
    Parameter(name="until", description="Its end, exclusive; now if it is not given.", schema=TIME),
    ZONE,
)

LONGEST_TEXT: Final = 300

Choice = TypeVar("Choice", bound=StrEnum)
Given = Callable[[str], str | None]


def read_text(given: Given, name: str) -> str | None:
    """Return a text that the store can be asked for."""
    text = given(name)
    if text is not None and (not 0 < len(text) <= LONGEST_TEXT or "\0" in text):
        # No text of PostgreSQL holds a NUL.
        raise BadRequestError(
            f"Parameter '{name}' must have 1 to {LONGEST_TEXT} characters, none of them NUL.",
            parameter=name,
        )
    return text


def read_choice(given: Given, name: str, choices: type[Choice]) -> Choice | None:
    """Return one of the values of an enumeration."""
    text = given(name)
    if text is None:
        return None
    try:
        return choices(text)
    except ValueError as exc:
        raise BadRequestError(
            f"Parameter '{name}' must be one of {', '.join(choices)}.", parameter=name
        ) from exc


def read_span(given: Given) -> tuple[datetime | None, datetime | None]:
    """Return ``since`` and ``until``, the one before the other."""
    since, until = _instant(given, "since"), _instant(given, "until")
    if since is not None and until is not None and since >= until:
        raise BadRequestError("Parameter 'since' must lie before 'until'.", parameter="since")
    return since, until


def _instant(given: Given, name: str) -> datetime | None:
    text = given(name)
    return None if text is None else parse_instant(text, name)
