"""Routes of pictures and of their signed addresses; what :mod:`sidecar.http.routes` is for the rest."""

from typing import Final

from sidecar.http.api import shares
from sidecar.http.pictures import views
from sidecar.http.reading.parameters import CURSOR, LIMIT, NAMED_WINDOW, TEXT, ZONE
from sidecar.http.route import (
    ANY_SCOPE,
    PAGES,
    Parameter,
    Route,
)
from sidecar.http.shapes.shares import CreatedShareShape, ShareBody, ShareListShape
from sidecar.http.sharing import LONGEST_LABEL, PARAMETER, WINDOWED, Picture

_PICTURES: Final = f"{PAGES}/entities/{{kind}}/{{namespace}}/{{name}}"
_SHARES: Final = "/api/v1/entities/{kind}/{namespace}/{name}/share"
_SHARE: Final = Parameter(name=PARAMETER, description="Signature of a shared address.", schema=TEXT)
_LABEL: Final = (
    Parameter(
        name="label",
        description="What stands on the left of a badge.",
        schema={"type": "string", "minLength": 1, "maxLength": LONGEST_LABEL},
    ),
)

PICTURE_ROUTES: Final = (
    *(
        Route(
            method="GET",
            path=f"{_PICTURES}/{picture}.svg",
            name=f"picture_{picture}",
            handler=handler,
            scope="read",
            summary=summary,
            parameters=(
                *((NAMED_WINDOW,) if picture in WINDOWED else ()),
                *(_LABEL if picture is Picture.BADGE else ()),
                ZONE,
                _SHARE,
            ),
            content_types=("image/svg+xml",),
            picture=picture.value,
            errors=(400, 404, 410),
        )
        for picture, handler, summary in (
            (Picture.SCORE, views.score, "The score now as a gauge."),
            (Picture.TREND, views.trend, "Score and runs over a window, bucket by bucket."),
            (Picture.RUNS, views.runs, "A window's runs by outcome."),
            (Picture.BADGE, views.badge, "The score now as a badge, for READMEs."),
        )
    ),
    Route(
        method="POST",
        path=_SHARES,
        name="share_create",
        handler=shares.share,
        scope=ANY_SCOPE,
        summary="Sign an address that shows one picture to everybody; for owners and admins.",
        body=ShareBody,
        status=201,
        answer=CreatedShareShape,
        errors=(400, 404, 413, 415),
    ),
    Route(
        method="GET",
        path=_SHARES,
        name="shares",
        handler=shares.shares,
        scope=ANY_SCOPE,
        summary="The entity's signed addresses, newest first, without the addresses themselves.",
        parameters=(LIMIT, CURSOR),
        answer=ShareListShape,
        errors=(400, 404),
    ),
    Route(
        method="DELETE",
        path=f"{_SHARES}/{{id}}",
        name="share_revoke",
        handler=shares.revoke,
        scope=ANY_SCOPE,
        summary="Revoke a signed address for good; sent as `application/json`, without a body.",
        status=204,
        content_types=(),
        errors=(404, 415),
    ),
)
