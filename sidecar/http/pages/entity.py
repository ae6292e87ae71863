"""The page of an entity and its report, from the very shapes of ``/overview`` and ``/content``."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from aiohttp import web

from sidecar.actions.policy import Caller as ActingCaller
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action
from sidecar.domain.errors import BadRequestError, SidecarError
from sidecar.domain.model import Content, Experiment
from sidecar.http.api.action_requests import acting_caller
from sidecar.http.api.actions import look
from sidecar.http.api.entities import content_changes, read_content, read_overview
from sidecar.http.api.overview import part_of, read_attention
from sidecar.http.gate.caller import CALLER
from sidecar.http.pages.addresses import WINDOW_PARAMETERS, kept_parameters, query_string, window_links
from sidecar.http.pages.advice import data_problems, unread
from sidecar.http.pages.attention import attention_line, grades_by_experiment
from sidecar.http.pages.experiments import AT_ONCE, ExperimentFilter, ExperimentTable, experiment_table
from sidecar.http.pages.filters import PAPER_ZONE, entity_path
from sidecar.http.pages.frame import Page, cached_page, framed, viewer_of
from sidecar.http.pictures.charts import overview_charts
from sidecar.http.reading.entity import EntityReading, note_reuse, read_entity, read_window
from sidecar.http.reading.paging import single
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.content import CONTENT_SECTIONS, ContentShape
from sidecar.http.shapes.grades import Grade
from sidecar.http.shapes.overview import OVERVIEW_SECTIONS
from sidecar.http.shapes.worst import worst_shapes
from sidecar.insight.narrowing import narrow_content, narrow_runs
from sidecar.insight.next_change import earliest, next_window_change
from sidecar.insight.windows import Window
from sidecar.runtime.turns import Work

SECTIONS: Final = tuple(dict.fromkeys((*OVERVIEW_SECTIONS, *CONTENT_SECTIONS)))
REFRESH_SECONDS: Final = 10
WORST: Final = 8
FOUND: Final = 5
"""Rows of the report's lists, with which it fits a page; portfolio and API have all that needs attention."""
_LONGEST_NAME: Final = 300
_MOST_DIGITS: Final = 6


async def entity_page(request: web.Request) -> web.Response:
    """Give the page of an entity: the card, what runs, every experiment, where they run."""
    services = request.app[SERVICES]
    wanted = _wanted(request)
    reading, window = await _read(request, services)
    viewer = await viewer_of(request)
    acting = await acting_caller(services, request[CALLER], reading.entity.project)
    action = await _action(request, services, acting, reading)

    async def make() -> Page:
        context = await _context(request, services, reading, window)
        content: ContentShape = context["content"]
        found = await read_attention(services, reading)
        work = _table(
            services,
            reading,
            content,
            wanted,
            acting=acting,
            zone=window.zone,
            grades=grades_by_experiment(found),
        )
        table = await services.turns.run(object(), work)
        context |= {
            "refresh_seconds": REFRESH_SECONDS,
            "table": table,
            "windows": window_links(request, window),
            "kept_fields": kept_parameters(request),
            "pages": _pages(request, table),
            "action": action,
            "action_name": _name(content, action.experiment_id) if action else "",
        }
        return await _page(services, "pages/entity.html", context, reading, window)

    key = (_version(services, reading), acting, _fingerprint(action))
    answer = await cached_page(request, viewer, key, make)
    # What else a page shows: an action under way, what is pressing for administrators, rights by groups.
    if action is None and not viewer.is_admin and request[CALLER].is_fixed:
        note_reuse(request, services, reading, answer, sections=SECTIONS, also=_same_role(services, reading))
    return framed(request, answer)


async def report_page(request: web.Request) -> web.Response:
    """Give the report of an entity, made to be printed on one page."""
    services = request.app[SERVICES]
    reading, window = await _read(request, services)
    viewer = await viewer_of(request)

    async def make() -> Page:
        found = await read_attention(services, reading)
        worst = await services.turns.aside(worst_shapes, part_of(reading).runs, reading.links)
        context = await _context(request, services, reading, window)
        context |= {
            PAPER_ZONE: window.zone,
            "windows": window_links(request, window),
            "attention": [attention_line(one, reading.links) for one in found[:FOUND]],
            "more_attention": max(0, len(found) - FOUND),
            "worst": worst[:WORST],
        }
        return await _page(services, "pages/report.html", context, reading, window)

    return framed(request, await cached_page(request, viewer, _version(services, reading), make))


async def _read(request: web.Request, services: Services) -> tuple[EntityReading, Window]:
    read_window(request, services.clock())
    reading = await read_entity(request, services, SECTIONS)
    return reading, read_window(request, reading.now)


async def _context(
    request: web.Request, services: Services, reading: EntityReading, window: Window
) -> dict[str, Any]:
    """Return what page and report both show."""
    overview = await read_overview(services, reading, window)
    content = await read_content(services, reading)
    entity = reading.entity
    path = entity_path(entity.ref)
    return {
        "title": entity.title or entity.ref.rpartition("/")[2],
        "entity": entity,
        "path": path,
        "kept": query_string(kept_parameters(request)),
        "overview": overview,
        "window": overview.window,
        "content": content,
        "charts_of": overview_charts(overview),
        "data_problems": data_problems(overview.sections | content.sections),
        "unread": unread(overview.sections | content.sections),
        "links": reading.links,
        "litmus_version": reading.litmus_version,
        "any_run": await services.turns.aside(_any_run, reading),
        "now": reading.now,
    }


def _any_run(reading: EntityReading) -> bool:
    known = reading.snapshot.content if reading.snapshot else Content()
    return bool(narrow_runs(reading.digest.runs, [reading.entity]).created_at_ms) or any(
        one.recent_runs for one in narrow_content(known, reading.entity).experiments or ()
    )


async def _page(
    services: Services, template: str, context: dict[str, Any], reading: EntityReading, window: Window
) -> Page:
    content_until = await services.turns.aside(content_changes, reading)
    window_until = next_window_change(window, reading.digest.runs, reading.now)
    until = earliest(reading.now, (window_until, content_until))
    return Page(template=template, context=context, as_of=reading.age.as_of, until=until)


def _table(
    services: Services,
    reading: EntityReading,
    content: ContentShape,
    wanted: ExperimentFilter,
    *,
    acting: ActingCaller,
    zone: str,
    grades: Mapping[str, Grade],
) -> Work[ExperimentTable]:
    known = reading.snapshot.content if reading.snapshot else Content()

    def refusal(asked: ActionRequest, experiment: Experiment) -> SidecarError | None:
        return services.actions.refusal(acting, asked, experiment, known)

    return experiment_table(
        entity=reading.entity,
        experiments=narrow_content(known, reading.entity).experiments or (),
        content=content,
        links=reading.links,
        wanted=wanted,
        zone=zone,
        refusal=refusal,
        grades=grades,
    )


async def _action(
    request: web.Request, services: Services, acting: ActingCaller, reading: EntityReading
) -> Action | None:
    """Return the action that the address asks about, if it is the viewer's to see and of this project."""
    action_id = single(request, "action")
    action = await look(request, services, acting, action_id) if action_id else None
    return action if action is not None and action.project == reading.entity.project else None


def _fingerprint(action: Action | None) -> Hashable:
    if action is None:
        return None
    return (action.id, action.outcome, action.answered_at, action.run_id, action.error_code, action.runs)


def _same_role(services: Services, reading: EntityReading) -> Callable[[], bool]:
    """Return what tells whether our token may do in the project what it may do now."""
    project = reading.entity.project
    role = services.actions.token_role(project)
    return lambda: services.actions.token_role(project) == role


def _version(services: Services, reading: EntityReading) -> Hashable:
    """Return what the page is made from, beside its address and who looks."""
    project = reading.entity.project
    role = services.actions.token_role(project)
    return reading.version, reading.links, reading.litmus_version, role


def _name(content: ContentShape, experiment_id: str) -> str:
    names = {one.experiment_id: one.name for one in content.experiments or ()}
    return names.get(experiment_id, experiment_id)


def _wanted(request: web.Request) -> ExperimentFilter:
    """Return what the filter of the experiments asks for.

    Raises:
        BadRequestError: Names the parameter.
    """
    offset = single(request, "from") or "0"
    if not (offset.isascii() and offset.isdecimal() and len(offset) <= _MOST_DIGITS):
        raise BadRequestError("Parameter 'from' must be a whole number.", parameter="from")
    wanted = ExperimentFilter(
        name=(single(request, "q") or "").strip(),
        outcome=single(request, "outcome") or "",
        infra_id=single(request, "infra") or "",
        offset=int(offset),
    )
    if len(wanted.name) > _LONGEST_NAME:
        raise BadRequestError(f"Parameter 'q' must have at most {_LONGEST_NAME} characters.", parameter="q")
    return wanted


def _pages(request: web.Request, table: ExperimentTable) -> list[tuple[str, str, bool]]:
    """Return the pages of the experiments, if one is not enough: word, address, whether it is this one."""
    if table.chosen <= AT_ONCE:
        return []
    given = kept_parameters(request, (*WINDOW_PARAMETERS, "q", "outcome", "infra"))
    return [
        (
            f"{first + 1} to {min(first + AT_ONCE, table.chosen)}",
            f"{request.path}{query_string(given | {'from': str(first)})}#experiments",
            first <= table.wanted.offset < first + AT_ONCE,
        )
        for first in range(0, table.chosen, AT_ONCE)
    ]
