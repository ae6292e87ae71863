"""The run history of an entity: a table in pages with filters, and the same as CSV."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from sidecar.domain.errors import BadRequestError
from sidecar.domain.ports import RunQuery
from sidecar.http.answers.times import rfc3339
from sidecar.http.api.runs import read_filters, read_position, read_runs, stream_csv
from sidecar.http.pages.addresses import kept_parameters, query_string
from sidecar.http.pages.advice import data_problems
from sidecar.http.pages.filters import entity_path
from sidecar.http.pages.frame import Page, cached_page, framed, viewer_of
from sidecar.http.pictures.charts import LOOKS
from sidecar.http.reading.entity import EntityReading, read_entity
from sidecar.http.reading.paging import single
from sidecar.http.services import SERVICES
from sidecar.http.shapes.runs import RUNS_SECTIONS
from sidecar.insight.civil_time import find_zone, first_instant
from sidecar.insight.narrowing import narrow_runs

AT_ONCE: Final = 50
REFRESH_SECONDS: Final = 30
_FILTERS: Final = ("outcome", "phase", "experiment", "since", "until", "tz")


async def runs_page(request: web.Request) -> web.Response:
    """Give one page of an entity's runs."""
    services = request.app[SERVICES]
    wanted, after = _wanted(request), read_position(request)
    reading = await read_entity(request, services, RUNS_SECTIONS)
    viewer = await viewer_of(request)

    async def make() -> Page:
        entity, path = reading.entity, entity_path(reading.entity.ref)
        given = kept_parameters(request, _FILTERS)
        listed = await read_runs(services, reading, wanted, after=after, limit=AT_ONCE)
        following = None
        if listed.next_cursor is not None:
            following = f"{path}/runs{query_string(given | {'cursor': listed.next_cursor})}"
        context = {
            "title": f"Runs of {entity.title or entity.ref.rpartition('/')[2]}",
            "refresh_seconds": 0 if after else REFRESH_SECONDS,
            "entity": entity,
            "path": path,
            "listed": listed,
            "data_problems": data_problems(listed.sections),
            "given": given,
            "csv": f"{path}/runs.csv{query_string(given)}",
            "following": following,
            "is_first": after is None,
            "newest": f"{path}/runs{query_string(given)}",
            "outcomes": [(outcome.value, look.label) for outcome, look in LOOKS.items()],
            "experiments": await services.turns.aside(_experiments, reading),
            "zone": given.get("tz", "UTC"),
        }
        return Page(template="pages/runs.html", context=context, as_of=reading.digest.state.synced_at)

    return framed(request, await cached_page(request, viewer, (reading.version, reading.links), make))


async def runs_csv(request: web.Request) -> web.StreamResponse:
    """Give all of an entity's runs that the filters leave, as the API's CSV."""
    wanted = _wanted(request)
    reading = await read_entity(request, request.app[SERVICES], RUNS_SECTIONS)
    return await stream_csv(request, reading, wanted)


def _wanted(request: web.Request) -> RunQuery:
    """Return the filters of the API, as a form gives them: blank is absent, and days are days in ``tz``.

    Raises:
        BadRequestError: Names the parameter.
    """
    zone = find_zone(single(request, "tz") or "UTC")
    if zone is None:
        raise BadRequestError(
            "Parameter 'tz' is not the IANA name of a time zone, such as Europe/Berlin.", parameter="tz"
        )

    def given(name: str) -> str | None:
        text = single(request, name) or None
        if text is None or name not in {"since", "until"}:
            return text
        return _instant(text, zone, timedelta(days=name == "until"))

    return read_filters(given)


def _instant(text: str, zone: ZoneInfo, later: timedelta) -> str:
    """Return the beginning of a day, that much later; what is no day is left to whoever reads instants."""
    try:
        day = date.fromisoformat(text) + later
        return rfc3339(first_instant(zone, datetime.combine(day, time.min)))
    except (ValueError, OverflowError):
        return text


def _experiments(reading: EntityReading) -> list[tuple[str, str]]:
    """Return the choices of the filter: every experiment that ever was, by name."""
    known = narrow_runs(reading.digest.runs, [reading.entity]).experiments
    return sorted(
        ((one.experiment_id, f"{one.name} (deleted)" if one.removed else one.name) for one in known),
        key=lambda one: (one[1].casefold(), one[0]),
    )
