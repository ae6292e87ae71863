"""``/litmus``: how resilient we are, what needs somebody, what runs, and every entity.

Figures come from the same functions and shapes as ``/api/v1/portfolio``,
``/attention``, ``/now`` and the overview of each entity.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.errors import BadRequestError
from sidecar.domain.model import ProjectRef, Section
from sidecar.http.answers.cache import SHORTEST
from sidecar.http.api.entities import read_entities
from sidecar.http.api.groups import (
    GROUP_SECTIONS,
    age_of_parts,
    group_shapes,
    now_shapes,
    read_grouping,
    read_parts,
    thresholds,
)
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.visible_entities import visible_entities
from sidecar.http.pages.addresses import WINDOW_PARAMETERS, kept_parameters, query_string, window_links
from sidecar.http.pages.attention import AttentionList, attention_list
from sidecar.http.pages.frame import Page, Viewer, cached_page, framed, viewer_of
from sidecar.http.pictures.charts import OutcomeBar, SparkChart, outcome_bar, spark_chart
from sidecar.http.reading.entity import read_window
from sidecar.http.reading.paging import single
from sidecar.http.route import PAGES
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.common import Age, age_of, window_shape
from sidecar.http.shapes.grades import graded
from sidecar.http.shapes.groups import GroupShape, group_shape
from sidecar.insight.portfolio import Group, Part, Running, needs_attention, portfolio, runs_now
from sidecar.insight.rollup import Grouping, ProjectFigures, group_figures, project_figures
from sidecar.insight.windows import Window
from sidecar.runtime.turns import Work

REFRESH_SECONDS: Final = 15
GROUPS: Final = 50
"""Groups shown, unless all are asked for."""
LISTED: Final = 100
"""Entities on one page."""
FOUND: Final = 12
"""Rows in view of what needs attention, and of what runs, unless all are asked for."""
FOLDED: Final = 50
"""Rows of what needs attention, with the folded ones, unless all are asked for."""
ALL: Final = "all"
"""What the parameter ``show`` asks for."""
MOST: Final = 1000
"""Rows of each of them at most; the API has more."""
LONGEST_SEARCH: Final = 300
MOST_WORDS: Final = 20
"""Of a search; each is looked for in every entity."""
_KEPT: Final = (*WINDOW_PARAMETERS, "group", "owner", "q", "show")


class EntityRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the list says of an entity."""

    entity: Entity
    figures: GroupShape
    """Of the entity as a group of its own."""
    age: Age
    history_complete: bool
    """Whether all its runs were read; before, none known is not none."""
    mine: bool
    text: str
    """What it is searched by."""


class _Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that takes a moment to count."""

    groups: Sequence[Group]
    attention: AttentionList
    running: Sequence[Running]
    rows: Sequence[EntityRow]
    unread: int
    """Projects without any data yet."""
    old_as_of: datetime | None
    """Oldest last success among stale projects; ``None``: no stale one has data."""
    history_unreadable: int
    """Projects whose history is not complete since its last reading failed."""
    history_under_way: int
    """Projects whose history is being read for the first time."""


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the page, and by whom."""

    now: datetime
    window: Window
    by: Grouping
    offset: int
    """Of the list of entities."""
    shows_all: bool
    wanted: str
    """What is searched for."""
    entities: Sequence[Entity]
    """Those that are asked for, as far as the caller sees them."""
    any_entity: bool
    """Whether the caller sees any at all."""
    viewer: Viewer
    is_person: bool
    sees_all: bool
    mine: frozenset[str]
    """References that the caller acts as."""


async def portfolio_page(request: web.Request) -> web.Response:
    """Give the portfolio."""
    asked = await _read(request)
    key = (frozenset(entity.ref for entity in asked.entities), asked.any_entity)
    return framed(request, await cached_page(request, asked.viewer, key, partial(_page, request, asked)))


async def _read(request: web.Request) -> _Request:
    """Return what is asked.

    Raises:
        BadRequestError: If a parameter makes no sense.
    """
    services = request.app[SERVICES]
    now = services.clock()
    window, by, offset = read_window(request, now), read_grouping(request), _offset(request)
    shows_all = _shows_all(request)
    wanted = _wanted(request)
    entities = await read_entities(request, services)
    viewer = await viewer_of(request)
    caller = request[CALLER]
    return _Request(
        now=now,
        window=window,
        by=by,
        offset=offset,
        shows_all=shows_all,
        wanted=wanted,
        entities=entities,
        any_entity=bool(entities or await visible_entities(request, services)),
        viewer=viewer,
        is_person=caller.is_person,
        sees_all=caller.sees_all(services),
        mine=await caller.owns(services) if caller.is_person else frozenset(),
    )


async def _page(request: web.Request, asked: _Request) -> Page:
    services = request.app[SERVICES]
    parts = await read_parts(services, asked.entities)
    listed = await services.turns.aside(_matching, asked.entities, asked.wanted, asked.mine)
    shown = listed[asked.offset : asked.offset + LISTED]
    figures = await services.turns.aside(_count, services, parts, asked, shown)
    age = await services.turns.aside(age_of_parts, services, parts, asked.now)
    most_running = MOST if asked.shows_all else FOUND
    context = {
        "title": "Portfolio",
        "here": "portfolio",
        "refresh_seconds": REFRESH_SECONDS,
        **_links(request, asked),
        **await _groups(services, figures.groups, asked),
        "attention": figures.attention,
        "running": await services.turns.aside(now_shapes, services, figures.running[:most_running]),
        "more_running": max(0, len(figures.running) - most_running),
        "stale": age.stale,
        "unread": figures.unread,
        "old_as_of": figures.old_as_of,
        **await _for_operators(services, asked),
        "unclaimed": await services.turns.run(object(), _unclaimed(services, parts)),
        "history_unreadable": figures.history_unreadable,
        "history_under_way": figures.history_under_way,
        "any_entity": asked.any_entity,
        "sees_all": asked.sees_all,
        "rows": figures.rows,
        "total": len(listed),
        "step": LISTED,
    }
    until = asked.now + SHORTEST
    return Page(template="pages/portfolio.html", context=context, as_of=age.as_of, until=until)


def _links(request: web.Request, asked: _Request) -> dict[str, object]:
    """Return what the page repeats of its address, in its form and its links."""
    return {
        "window": window_shape(asked.window),
        "windows": window_links(
            request, asked.window, [name for name in _KEPT if name not in WINDOW_PARAMETERS]
        ),
        "given": kept_parameters(request, _KEPT),
        "query_string": query_string,
        "shows_all": asked.shows_all,
        "by": asked.by.value,
        "groupings": list(Grouping),
        "owner": single(request, "owner") or "",
        "wanted": asked.wanted,
        "offset": asked.offset,
        "is_person": asked.is_person,
    }


async def _groups(services: Services, groups: Sequence[Group], asked: _Request) -> dict[str, object]:
    own, ranked = await services.turns.aside(_ranked, groups, asked.entities, asked.mine)
    shown = ranked[: MOST if asked.shows_all else GROUPS]
    return {
        "groups": shown,
        "sparks": await services.turns.aside(_sparks, shown),
        "bars": await services.turns.aside(_bars, shown),
        "own_groups": own,
        "more_groups": len(ranked) - len(shown),
    }


async def _for_operators(services: Services, asked: _Request) -> dict[str, object]:
    """Return what is wrong with the catalog, for who can mend it and sees all of it."""
    if not (asked.viewer.is_admin and asked.sees_all):
        return {"problems": (), "claims": ()}
    return {
        "problems": services.catalogue.current.problems,
        "claims": await services.turns.run(object(), services.claims.findings()),
    }


async def to_portfolio(request: web.Request) -> web.Response:
    """Lead from the address with a slash at its end to the one without."""
    there = str(request.rel_url.with_path(PAGES, keep_query=True))
    return web.Response(status=308, headers={"Location": there}, text=f"This is at {PAGES}.\n")


def _count(services: Services, parts: Sequence[Part], asked: _Request, shown: Sequence[Entity]) -> _Figures:
    """Return the figures of the page; for a thread."""
    now = asked.now
    by_project = {part.project: part for part in parts}
    rows = []
    for entity in shown:
        part = by_project[entity.project]
        of_entity = project_figures(part.digest.runs, [entity], asked.window)
        one = group_figures(entity.ref, [entity], partial(_given, of_entity))
        rows.append(
            EntityRow(
                entity=entity,
                figures=group_shape(one, ()),
                age=age_of(part.snapshot, GROUP_SECTIONS, services.intervals(part.project), now),
                history_complete=part.digest.state.is_complete,
                mine=entity.owner in asked.mine,
                text=entity.search_text,
            )
        )
    ages = [age_of(part.snapshot, GROUP_SECTIONS, services.intervals(part.project), now) for part in parts]
    incomplete = [part for part in parts if not part.digest.state.is_complete]
    return _Figures(
        groups=portfolio(parts, asked.by, asked.window),
        attention=attention_list(
            graded(needs_attention(parts, thresholds(services), now), now),
            services.links,
            room=FOUND,
            most=MOST if asked.shows_all else FOLDED,
        ),
        running=runs_now(parts, now),
        rows=rows,
        unread=sum(age.as_of is None for age in ages),
        old_as_of=min((age.as_of for age in ages if age.stale and age.as_of), default=None),
        history_unreadable=sum(_fails(part, Section.RUN_HISTORY) for part in incomplete),
        history_under_way=sum(not any(_fails(part, one) for one in GROUP_SECTIONS) for part in incomplete),
    )


def _unclaimed(services: Services, parts: Sequence[Part]) -> Work[int]:
    """Return of how many projects somebody has to settle whose they are."""
    number = 0
    for part in parts:
        number += services.claims.problem(part.project) is not None
        yield
    return number


def _ranked(
    groups: Sequence[Group], entities: Sequence[Entity], mine: Collection[str]
) -> tuple[int, list[GroupShape]]:
    """Return how many groups have entities of one's own, and all groups, those first."""
    refs = frozenset(entity.ref for entity in entities if entity.owner in mine)
    own: list[GroupShape] = []
    others: list[GroupShape] = []
    for group in group_shapes(groups):
        (others if refs.isdisjoint(group.entities) else own).append(group)
    return len(own), own + others


def _sparks(groups: Sequence[GroupShape]) -> list[SparkChart | None]:
    return [
        spark_chart(group.trend, prefix=f"group-{place}", title="Mean score over the window")
        for place, group in enumerate(groups)
    ]


def _bars(groups: Sequence[GroupShape]) -> list[OutcomeBar | None]:
    return [
        outcome_bar(group.runs_by_outcome, prefix=f"runs-{place}", title="Runs in the window by outcome")
        for place, group in enumerate(groups)
    ]


def _given(figures: ProjectFigures, _project: ProjectRef, _entities: Sequence[Entity]) -> ProjectFigures:
    return figures


def _fails(part: Part, section: Section) -> bool:
    """Tell whether the last reading failed; without experiments the history is not being read either."""
    freshness = part.snapshot.freshness.get(section) if part.snapshot else None
    return freshness is not None and freshness.error is not None


def _matching(entities: Sequence[Entity], wanted: str, mine: Collection[str]) -> list[Entity]:
    """Return the entities in which every wanted word occurs, own ones first."""
    words = frozenset(wanted.casefold().split())
    found = [one for one in entities if all(word in one.search_text for word in words)]
    return sorted(found, key=lambda entity: (entity.owner not in mine, entity.ref))


def _wanted(request: web.Request) -> str:
    """Return what is searched for.

    Raises:
        BadRequestError: If it is too long, or of too many words.
    """
    wanted = (single(request, "q") or "").strip()
    if len(wanted) > LONGEST_SEARCH or len(wanted.split()) > MOST_WORDS:
        raise BadRequestError(
            f"Parameter 'q' must have at most {LONGEST_SEARCH} characters and {MOST_WORDS} words.",
            parameter="q",
        )
    return wanted


def _shows_all(request: web.Request) -> bool:
    """Tell whether the query asks for whole lists.

    Raises:
        BadRequestError: If it asks for something else.
    """
    text = single(request, "show") or ""
    if text not in {"", ALL}:
        raise BadRequestError(f"Parameter 'show' must be {ALL}, or left out.", parameter="show")
    return text == ALL


def _offset(request: web.Request) -> int:
    """Return the number of entities before the first that is shown.

    Raises:
        BadRequestError: If the query names no such number.
    """
    text = single(request, "from") or "0"
    if not text.isascii() or not text.isdecimal() or len(text) > len("1000000"):
        raise BadRequestError("Parameter 'from' must be a whole number.", parameter="from")
    return int(text)
