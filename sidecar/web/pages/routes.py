"""The table of routes of the pages; what :mod:`sidecar.web.routes` is for the rest."""

from typing import Any, Final

from sidecar.insight.rollup import Grouping
from sidecar.insight.windows import DEFAULT_WINDOW, WINDOWS
from sidecar.web import assets
from sidecar.web.pages import portfolio
from sidecar.web.pages.frame import PAGES
from sidecar.web.route import Parameter, Route

_TEXT: Final[dict[str, Any]] = {"type": "string"}

PAGE_ROUTES: Final = (
    Route(
        method="GET",
        path=PAGES,
        name="portfolio_page",
        handler=portfolio.portfolio_page,
        scope="read",
        summary="Scores by owner, system or domain, what needs attention, what runs, every entity.",
        parameters=(
            Parameter(
                name="window",
                description="The time that figures are about, ending now.",
                schema={"type": "string", "enum": list(WINDOWS), "default": DEFAULT_WINDOW},
            ),
            Parameter(
                name="group",
                description="What entities are put together by.",
                schema={"type": "string", "enum": list(Grouping), "default": Grouping.OWNER.value},
            ),
            Parameter(name="owner", description="Only this owner's entities; `me`.", schema=_TEXT),
            Parameter(name="q", description="Words that an entity must match.", schema=_TEXT),
        ),
        content_types=("text/html",),
        errors=(400,),
    ),
    Route(
        method="GET",
        path=f"{assets.ASSETS}/{{file}}",
        name="asset",
        handler=assets.asset,
        scope=None,
        summary="Style sheet, script and icon of the pages.",
        content_types=("text/css", "text/javascript", "image/svg+xml"),
    ),
)
