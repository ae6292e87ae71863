"""JSON that spans entities: portfolio, attention, now."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from typing import Final

from aiohttp import web

from sidecar.errors import BadRequestError
from sidecar.insight.coverage import Thresholds
from sidecar.insight.rollup import Grouping
from sidecar.model import Entity, ProjectRef, Section
from sidecar.portfolio import Part, needs_attention, portfolio, runs_now
from sidecar.services import Services
from sidecar.web.answers import SHORTEST, Answer, respond
from sidecar.web.api_entities import read_owner
from sidecar.web.keys import ANSWERS, SERVICES
from sidecar.web.paging import page_of_ranked, single
from sidecar.web.reading import read_window
from sidecar.web.shapes.common import Age, age_of, running_run_shape, window_shape
from sidecar.web.shapes.groups import (
    AttentionListShape,
    NowRunShape,
    NowShape,
    PortfolioShape,
    attention_shape,
    group_shape,
)
from sidecar.web.text import rfc3339

GROUP_SECTIONS: Final = (Section.EXPERIMENTS,)
"""What these answers use of snapshots, beside the history."""


async def portfolio_view(request: web.Request) -> web.Response:
    """Give scores and results by owner, system or domain."""
    services = request.app[SERVICES]
    now = services.clock()
    window, by, owner = read_window(request, now), _grouping(request), read_owner(request)
    # Refused before the work, not after it.
    page_of_ranked(request, ())

    async def make() -> Answer:
        parts = await read_parts(services, owner)
        groups = await asyncio.to_thread(portfolio, parts, by, window)
        chosen, following = page_of_ranked(request, groups)
        age = _age(services, parts, now)
        shape = PortfolioShape(
            window=window_shape(window),
            group_by=by.value,
            as_of=rfc3339(age.as_of),
            stale=age.stale,
            history_complete=all(part.digest.state.is_complete for part in parts),
            groups=[group_shape(group.figures, group.trend) for group in chosen],
            next_cursor=following,
        )
        return Answer(shape, as_of=age.as_of, until=now + SHORTEST)

    return await _kept(request, now, make)


async def attention_view(request: web.Request) -> web.Response:
    """Give what needs attention, most urgent first."""
    services = request.app[SERVICES]
    now, owner = services.clock(), read_owner(request)
    page_of_ranked(request, ())
    settings = services.config.attention
    thresholds = Thresholds(
        not_run_days=settings.not_run_days,
        score_drop=settings.score_drop,
        failures_in_row=settings.failures_in_row,
    )

    async def make() -> Answer:
        parts = await read_parts(services, owner)
        found = await asyncio.to_thread(needs_attention, parts, thresholds, now)
        chosen, following = page_of_ranked(request, found)
        age = _age(services, parts, now)
        shape = AttentionListShape(
            as_of=rfc3339(age.as_of),
            stale=age.stale,
            attention=[
                attention_shape(one.about, one.part.project, one.part.refs, services.links(one.part.project))
                for one in chosen
            ],
            next_cursor=following,
        )
        return Answer(shape, as_of=age.as_of, until=now + SHORTEST)

    return await _kept(request, now, make)


async def now_view(request: web.Request) -> web.Response:
    """Give what runs or waits now, longest first."""
    services = request.app[SERVICES]
    now, owner = services.clock(), read_owner(request)
    page_of_ranked(request, ())

    async def make() -> Answer:
        parts = await read_parts(services, owner)
        found = await asyncio.to_thread(runs_now, parts, now)
        chosen, following = page_of_ranked(request, found)
        age = _age(services, parts, now)
        shape = NowShape(
            as_of=rfc3339(age.as_of),
            stale=age.stale,
            runs=[
                NowRunShape(
                    entities=one.part.refs,
                    project_id=one.part.project.project_id,
                    instance=one.part.project.instance,
                    run=running_run_shape(one.run, services.links(one.part.project)),
                )
                for one in chosen
            ],
            next_cursor=following,
        )
        return Answer(shape, as_of=age.as_of, until=now + SHORTEST)

    return await _kept(request, now, make)


async def read_parts(services: Services, owner: str | None) -> list[Part]:
    """Return every project that entities (of the owner, if one is given) name, with what is known of it."""
    by_project: defaultdict[ProjectRef, list[Entity]] = defaultdict(list)
    for entity in services.catalogue.current.entities:
        if owner is None or entity.owner == owner:
            by_project[entity.project].append(entity)
    return [
        Part(
            project=project,
            entities=tuple(entities),
            snapshot=services.snapshots.get(project),
            digest=await services.digests.of(project),
        )
        for project, entities in by_project.items()
    ]


async def _kept(request: web.Request, now: datetime, make: Callable[[], Awaitable[Answer]]) -> web.Response:
    """Answer from what was made for the same query a moment ago, or make it.

    With many projects something changes every second; these answers are
    therefore kept for the shortest time whatever changes, and say as of when
    they are.
    """
    key: Hashable = (request.path, tuple(sorted(request.query.items())))
    return respond(request, await request.app[ANSWERS].of(key, now, make))


def _grouping(request: web.Request) -> Grouping:
    text = single(request, "group") or Grouping.OWNER.value
    try:
        return Grouping(text)
    except ValueError as exc:
        raise BadRequestError(
            f"Parameter 'group' must be one of {', '.join(Grouping)}.", parameter="group"
        ) from exc


def _age(services: Services, parts: Sequence[Part], now: datetime) -> Age:
    """Return the age of the oldest data among the projects."""
    ages = [age_of(part.snapshot, GROUP_SECTIONS, services.intervals, now) for part in parts]
    known = [age.as_of for age in ages if age.as_of is not None]
    return Age(as_of=min(known, default=None), stale=any(age.stale for age in ages))
