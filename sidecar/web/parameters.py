"""Query parameters that several routes take, described once for their documentation."""

from typing import Any, Final

from sidecar.insight.rollup import Grouping
from sidecar.insight.windows import DEFAULT_WINDOW, WINDOWS
from sidecar.web.paging import DEFAULT_LIMIT, MAX_LIMIT
from sidecar.web.route import Parameter

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
