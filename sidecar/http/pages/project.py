"""From a Litmus project to the entity that names it, for those who know the project alone."""

from collections.abc import Sequence

from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.errors import NotFoundError
from sidecar.http.gate.visible_entities import visible_entities
from sidecar.http.pages.addresses import WINDOW_PARAMETERS, kept_parameters, query_string
from sidecar.http.pages.embedding import same_embedding
from sidecar.http.pages.filters import entity_path
from sidecar.http.pages.frame import Page, cached_page, framed, viewer_of
from sidecar.http.reading.paging import single
from sidecar.http.services import SERVICES


async def project_page(request: web.Request) -> web.Response:
    """Lead to the page of the entity that names the project; of several, let people choose.

    Raises:
        NotFoundError: If no entity names it that the caller sees.
    """
    project_id, instance = request.match_info["id"], single(request, "instance")
    seen = await visible_entities(request, request.app[SERVICES])
    found = [
        one
        for one in seen
        if one.project.project_id == project_id and instance in {None, one.project.instance}
    ]
    if not found:
        raise NotFoundError("No entity names this Litmus project, or none that you see.")
    rest = query_string(kept_parameters(request, WINDOW_PARAMETERS))
    if len(found) == 1:
        there = same_embedding(request, f"{entity_path(found[0].ref)}{rest}")
        return web.Response(status=303, headers={"Location": there, "Cache-Control": "private, no-store"})
    return await _choice(request, project_id, found, rest)


async def _choice(request: web.Request, project_id: str, found: Sequence[Entity], rest: str) -> web.Response:
    # The whole project before parts of it.
    ranked = sorted(found, key=lambda one: (bool(one.experiment_tags or one.infra_ids), one.ref))
    context = {
        "title": "Entities of a Litmus project",
        "project_id": project_id,
        "entities": ranked,
        "rest": rest,
        "several_instances": len({one.project.instance for one in found}) > 1,
    }

    async def make() -> Page:
        return Page(template="pages/project.html", context=context)

    return framed(request, await cached_page(request, await viewer_of(request), tuple(ranked), make))
