"""Pictures by address for READMEs, TechDocs, wikis and chat: SVG of the same shape as the overview.

Whoever reads the entity sees its pictures; so does whoever has a signed
address, of that one picture. A signed address that does not hold is answered by
a picture too, for it stands where nobody reads a status.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from sidecar.domain.errors import BadRequestError, ShareInvalidError, SidecarError
from sidecar.domain.model import Principal
from sidecar.http.answers.cache import (
    ANSWER_CACHE,
    Answer,
    conditional_response,
    encode_answer,
)
from sidecar.http.answers.templates import render_template
from sidecar.http.api.entities import read_overview
from sidecar.http.gate.caller import Caller
from sidecar.http.pictures.charts.badge import badge_chart
from sidecar.http.pictures.charts.overview import (
    badge_picture,
    outcomes_picture,
    score_picture,
    trend_picture,
)
from sidecar.http.pictures.charts.palette import NO_LEVEL
from sidecar.http.reading.entity import note_reuse, read_entity
from sidecar.http.reading.paging import single
from sidecar.http.route import ROUTES_BY_NAME
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.overview import OVERVIEW_SECTIONS, OverviewShape
from sidecar.http.sharing import (
    PARAMETER,
    Picture,
    PictureOptions,
    ShareClaims,
    check_options,
    verified_claims,
)
from sidecar.insight.next_change import next_window_change
from sidecar.insight.windows import parse_window

SHARE: Final = web.RequestKey("share", ShareClaims)
"""What the signed address of this request says; absent without one."""
_TYPE: Final = "image/svg+xml"
_SHARED_CACHE: Final = "public, max-age=300"
"""Image proxies such as GitHub's keep what says for how long; so a revoked picture is gone there soon."""
_OPTIONS: Final = ("window", "tz", "label")
_ERROR_WORDS: Final[Mapping[str, str]] = {
    "share_expired": "link expired",
    "share_revoked": "link revoked",
    "share_invalid": "link not valid",
    "not_found": "entity unknown",
    "too_many_requests": "too many requests",
}


async def score(request: web.Request) -> web.Response:
    """Draw the score now."""
    return await _picture(request, Picture.SCORE, "score", lambda shape, _: score_picture(shape))


async def trend(request: web.Request) -> web.Response:
    """Draw the trend of a window."""
    return await _picture(request, Picture.TREND, "trend", lambda shape, _: trend_picture(shape))


async def runs(request: web.Request) -> web.Response:
    """Draw a window's runs by outcome."""
    return await _picture(request, Picture.RUNS, "outcomes", lambda shape, _: outcomes_picture(shape))


async def badge(request: web.Request) -> web.Response:
    """Draw the badge of the score now."""
    return await _picture(
        request, Picture.BADGE, "badge", lambda shape, options: badge_picture(shape, options.label)
    )


def has_share(request: web.Request) -> bool:
    """Tell whether the request comes with the signed address of a picture."""
    route = request.app[ROUTES_BY_NAME].get(request.match_info.route.name or "")
    return route is not None and route.picture is not None and PARAMETER in request.query


async def caller_by_share(request: web.Request, services: Services) -> Caller:
    """Return the caller that a signed address is, who may see what it was signed for and nothing else.

    Raises:
        ShareInvalidError: If it was not signed here, or for something else than is asked.
        ShareExpiredError: If its time is over.
        ShareRevokedError: If it was revoked.
    """
    tokens = request.query.getall(PARAMETER)
    claims = await verified_claims(services.signing, services.shares, tokens[0], services.clock())
    parts = request.match_info
    ref = f"{parts['kind']}:{parts['namespace']}/{parts['name']}".lower()
    route = request.app[ROUTES_BY_NAME][parts.route.name or ""]
    asked = {name: value for name in _OPTIONS for value in request.query.getall(name, [])}
    if (
        len(tokens) > 1
        or claims.sub != ref
        or claims.picture != route.picture
        or any(value != getattr(claims, name) for name, value in asked.items())
    ):
        raise ShareInvalidError("Link not valid: it was signed for something else.")
    request[SHARE] = claims
    return Caller(Principal(name=f"share:{claims.jti}", scopes=frozenset()))


async def picture_error(request: web.Request, error: SidecarError) -> web.Response:
    """Return the picture that tells those who look at a signed address why there is none."""
    chart = badge_chart(
        "litmus",
        _ERROR_WORDS.get(error.code, "not available now"),
        prefix="error",
        level=NO_LEVEL,
        desc=str(error),
    )
    response = web.Response(
        body=await _drawn(request, "badge", chart),
        status=error.status,
        content_type=_TYPE,
        charset="utf-8",
    )
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


async def _picture(
    request: web.Request,
    picture: Picture,
    template: str,
    make_chart: Callable[[OverviewShape, PictureOptions], Any],
) -> web.Response:
    services = request.app[SERVICES]
    options = _options(request, picture)
    reading = await read_entity(request, services, OVERVIEW_SECTIONS)
    window = parse_window(now=reading.now, window=options.window, tz=options.tz)
    key = ("picture", picture, options.label, window.name, window.zone, reading.version)

    async def make() -> Answer:
        shape = await read_overview(services, reading, window)
        body = await _drawn(request, template, make_chart(shape, options))
        until = next_window_change(window, reading.digest.runs, reading.now)
        return await encode_answer(services.turns, body, as_of=reading.age.as_of, until=until)

    answer = await request.app[ANSWER_CACHE].get(key, reading.now, make)
    note_reuse(request, services, reading, answer, sections=OVERVIEW_SECTIONS)
    response = conditional_response(request, answer, _TYPE, charset="utf-8")
    if SHARE in request:
        response.headers["Cache-Control"] = _SHARED_CACHE
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    else:
        response.headers["Cross-Origin-Resource-Policy"] = "same-site"
    return response


def _options(request: web.Request, picture: Picture) -> PictureOptions:
    """Return how the picture is to be drawn: as it was signed, else as the query says.

    Raises:
        BadRequestError: Names the parameter.
    """
    if SHARE in request:
        return request[SHARE]
    for name in ("since", "until"):
        if name in request.query:
            raise BadRequestError("Pictures know named windows only.", parameter=name)
    options = PictureOptions(
        window=single(request, "window"), tz=single(request, "tz"), label=single(request, "label")
    )
    check_options(picture, options)
    return options


async def _drawn(request: web.Request, template: str, chart: Any) -> bytes:
    return await render_template(request, f"charts/{template}.svg", {"chart": chart})
