"""JSON that spans entities: portfolio, attention, now."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.errors import BadRequestError
from sidecar.domain.model import ProjectRef, Section
from sidecar.http.answers.cache import (
    ANSWER_CACHE,
    SHORTEST,
    Answer,
    conditional_response,
    encode_answer,
)
from sidecar.http.answers.times import rfc3339
from sidecar.http.api.entities import read_entities
from sidecar.http.reading.entity import read_window
from sidecar.http.reading.paging import page_of_ranked, single
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.common import Age, age_of, running_run_shape, window_shape
from sidecar.http.shapes.grades import with_grades
from sidecar.http.shapes.groups import (
    AttentionListShape,
    AttentionShape,
    GroupShape,
    NowRunShape,
    NowShape,
    PortfolioShape,
    attention_shape,
    group_shape,
)
from sidecar.insight.attention import Thresholds
from sidecar.insight.portfolio import Attention, Group, Part, Running, needs_attention, portfolio, runs_now
from sidecar.insight.rollup import Grouping

T = TypeVar("T")

PARTS_AT_ONCE: Final = 100
"""Projects looked up in one pass of the event loop."""
GROUP_SECTIONS: Final = (Section.EXPERIMENTS, Section.RUN_HISTORY)
"""What these answers use."""


async def portfolio_view(request: web.Request) -> web.Response:
    """Give scores and results by owner, system or domain."""
    services = request.app[SERVICES]
    now = services.clock()
    window, by = read_window(request, now), read_grouping(request)
    # Refused before the work, not after it.
    page_of_ranked(request, ())
    entities = await read_entities(request, services)

    async def make() -> Answer:
        parts = await read_parts(services, entities)
        groups = await services.turns.aside(portfolio, parts, by, window)
        chosen, following = page_of_ranked(request, groups)
        age = await services.turns.aside(age_of_parts, services, parts, now)
        shape = PortfolioShape(
            window=window_shape(window),
            group_by=by.value,
            as_of=rfc3339(age.as_of),
            stale=age.stale,
            history_complete=all(part.digest.state.is_complete for part in parts),
            groups=await services.turns.aside(group_shapes, chosen),
            next_cursor=following,
        )
        return await encode_answer(services.turns, shape, as_of=age.as_of, until=now + SHORTEST)

    return await _cached_answer(request, entities, now, make)


async def attention_view(request: web.Request) -> web.Response:
    """Give what needs attention, most urgent first."""
    services = request.app[SERVICES]
    now = services.clock()

    async def shape(chosen: Sequence[Attention], age: Age, following: str | None) -> AttentionListShape:
        return AttentionListShape(
            as_of=rfc3339(age.as_of),
            stale=age.stale,
            attention=await services.turns.aside(attention_shapes, services, chosen, now),
            next_cursor=following,
        )

    find = partial(needs_attention, thresholds=thresholds(services), now=now)
    return await _ranked_list(request, now, find, shape)


async def now_view(request: web.Request) -> web.Response:
    """Give what runs or waits now, longest first."""
    services = request.app[SERVICES]
    now = services.clock()

    async def shape(chosen: Sequence[Running], age: Age, following: str | None) -> NowShape:
        return NowShape(
            as_of=rfc3339(age.as_of),
            stale=age.stale,
            runs=await services.turns.aside(now_shapes, services, chosen),
            next_cursor=following,
        )

    return await _ranked_list(request, now, partial(runs_now, now=now), shape)


async def _ranked_list(
    request: web.Request,
    now: datetime,
    find: Callable[[Sequence[Part]], Sequence[T]],
    shape: Callable[[Sequence[T], Age, str | None], Awaitable[object]],
) -> web.Response:
    """Give a page of what is found in the projects, in its order."""
    services = request.app[SERVICES]
    # Refused before the work, not after it.
    page_of_ranked(request, ())
    entities = await read_entities(request, services)

    async def make() -> Answer:
        parts = await read_parts(services, entities)
        chosen, following = page_of_ranked(request, await services.turns.aside(find, parts))
        age = await services.turns.aside(age_of_parts, services, parts, now)
        shown = await shape(chosen, age, following)
        return await encode_answer(services.turns, shown, as_of=age.as_of, until=now + SHORTEST)

    return await _cached_answer(request, entities, now, make)


async def read_parts(services: Services, entities: Sequence[Entity]) -> list[Part]:
    """Return every project that these entities name, with what is known of it."""
    by_project: defaultdict[ProjectRef, list[Entity]] = defaultdict(list)
    for entity in entities:
        by_project[entity.project].append(entity)
    parts = []
    for number, (project, of_project) in enumerate(by_project.items()):
        if number % PARTS_AT_ONCE == 0:
            # What is known already makes nobody wait.
            await asyncio.sleep(0)
        digest = await services.digests.of(project)
        parts.append(
            Part(
                project=project,
                entities=tuple(of_project),
                snapshot=services.snapshots.get(project),
                digest=digest,
            )
        )
    return parts


async def _cached_answer(
    request: web.Request, entities: Sequence[Entity], now: datetime, make: Callable[[], Awaitable[Answer]]
) -> web.Response:
    """Answer from what was made for the same query a moment ago, or make it.

    With many projects something changes every second; these answers are
    therefore kept for the shortest time whatever changes, and say as of when
    they are.
    """
    # What a caller sees is part of the question: nobody gets another's answer.
    seen = frozenset(entity.ref for entity in entities)
    key: Hashable = (request.path, tuple(sorted(request.query.items())), seen)
    return conditional_response(request, await request.app[ANSWER_CACHE].get(key, now, make))


def read_grouping(request: web.Request) -> Grouping:
    """Return what the query groups entities by.

    Raises:
        BadRequestError: If it is no grouping we know.
    """
    text = single(request, "group") or Grouping.OWNER.value
    try:
        return Grouping(text)
    except ValueError as exc:
        raise BadRequestError(
            f"Parameter 'group' must be one of {', '.join(Grouping)}.", parameter="group"
        ) from exc


def thresholds(services: Services) -> Thresholds:
    """Return from when on something needs attention, as configured."""
    settings = services.config.attention
    return Thresholds(
        not_run_days=settings.not_run_days,
        score_drop=settings.score_drop,
        failures_in_row=settings.failures_in_row,
    )


def group_shapes(found: Sequence[Group]) -> list[GroupShape]:
    """Return groups as served."""
    return [group_shape(one.figures, one.trend) for one in found]


def attention_shapes(services: Services, found: Sequence[Attention], now: datetime) -> list[AttentionShape]:
    """Return what needs attention as served."""
    return [attention_shape(one, services.links(one.found.part.project)) for one in with_grades(found, now)]


def now_shapes(services: Services, found: Sequence[Running]) -> list[NowRunShape]:
    """Return what runs now as served."""
    return [
        NowRunShape(
            entities=one.part.refs_of(one.run.experiment_id),
            project_id=one.part.project.project_id,
            instance=one.part.project.instance,
            run=running_run_shape(one.run, services.links(one.part.project)),
        )
        for one in found
    ]


def age_of_parts(services: Services, parts: Sequence[Part], now: datetime) -> Age:
    """Return the age of the oldest data among the projects."""
    ages = [age_of(part.snapshot, GROUP_SECTIONS, services.intervals(part.project), now) for part in parts]
    known = [age.as_of for age in ages if age.as_of is not None]
    return Age(as_of=min(known, default=None), stale=any(age.stale for age in ages))
