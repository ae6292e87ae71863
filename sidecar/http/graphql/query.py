"""``POST /api/query``: the plugin's endpoint, answered from snapshots.

No text of the client travels upstream: the query engine validates the document,
and the data is what was synchronised. Rules: a bare project id must name one
project of the catalog; the first answer may wait for the first
synchronisation; data past ``sync.maxStale`` is refused with its age.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from aiohttp import web

from sidecar.catalog.claims import HOW_TO_CLAIM
from sidecar.domain.catalog import Catalog
from sidecar.domain.errors import (
    NoDataError,
    ProjectAmbiguousError,
    ProjectUnknownError,
    TooStaleError,
)
from sidecar.domain.freshness import as_of, has_data, is_stale, next_judgement
from sidecar.domain.model import Lane, ProjectRef, Section, Snapshot
from sidecar.http.answers.sending import join_body
from sidecar.http.answers.times import http_date, rfc3339
from sidecar.http.api.action_requests import mutation_result, request_from_mutation
from sidecar.http.api.actions import act
from sidecar.http.gate.body import read_json_body
from sidecar.http.gate.caller import CALLER
from sidecar.http.gate.first_data import ensured
from sidecar.http.reuse import REUSE, REUSED_FOR, Reuse
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.replica import MutationRequest, Prepared, answer_key
from sidecar.runtime.turns import turn
from sidecar.telemetry.tracing import span

_UNKNOWN_SERVED_AS_FALSE: Final = frozenset({Section.GITOPS})
"""What only an Owner's token may read; the plugin needs a boolean, so no data is no reason to refuse."""


async def query(request: web.Request) -> web.Response:
    """Answer one GraphQL request.

    Raises:
        SidecarError: Whatever keeps it from an answer; ``web.errors`` gives it its form.
    """
    if request.method != "POST":
        raise web.HTTPMethodNotAllowed(request.method, ["POST"])
    services = request.app[SERVICES]
    body = await read_json_body(request, services.query_engine.limits.body_bytes)
    prepared = await _prepared(body, services)
    catalog, claims_version = services.catalogue.current, services.claims.version
    project = await find_project(request, services, prepared.project_id)
    if isinstance(prepared, MutationRequest):
        done = await act(request, services, request_from_mutation(prepared, project))
        return _mutated(prepared.data(mutation_result(done)))
    snapshot = await ensured(request, project, prepared.sections)
    now = services.clock()
    check_servable(snapshot, prepared.sections, services.config.sync.max_stale, now)
    with span("answer query", {"graphql.field": prepared.label}):
        data = await services.turns.run(
            answer_key(prepared, snapshot), services.query_engine.answer_work(prepared, snapshot)
        )
    intervals = services.intervals(project)
    parts = _parts(data, snapshot, prepared.sections, intervals, now)
    # Not if a reading of the catalog came in between.
    if services.claims.is_sole(project) and services.catalogue.current is catalog:
        judged = next_judgement(snapshot, prepared.sections, intervals, services.config.sync.max_stale, now)
        request[REUSE] = Reuse(
            until=min(now + REUSED_FOR, judged or now + REUSED_FOR),
            holds=_unchanged(services, snapshot, catalog, claims_version),
            refs=[entity.ref for entity in services.claims.entities(project)],
        )
    return _response(parts, as_of(snapshot, prepared.sections, intervals, now))


async def _prepared(body: bytes, services: Services) -> Prepared:
    """Return what a body asks for; one that is new takes its turn."""
    known = services.query_engine.known_request(body)
    if known is not None:
        return known
    async with turn():
        with span("prepare query"):
            return services.query_engine.prepare(body)


async def find_project(request: web.Request, services: Services, project_id: str) -> ProjectRef:
    """Return the project of this id that has a claim or was named first, for who sees an entity of it.

    Raises:
        ProjectUnknownError: If no such entity names it.
        ProjectAmbiguousError: If they name it in several instances, and none has a claim or was first.
    """
    meant = services.claims.project_with_id(project_id)
    candidates = services.catalogue.projects_with_id(project_id) if meant is None else (meant,)
    naming = [one for project in candidates for one in services.claims.entities(project)]
    seen = await request[CALLER].sees(services, naming)
    shown = {one.project for one in naming if one.ref in seen}
    projects = [project for project in candidates if project in shown]
    if not projects:
        raise ProjectUnknownError("Project not in the catalog: no entity names this project id.")
    # One alone without being meant: who named it first has left the catalog, and may be back.
    if len(projects) > 1 or (meant is None and len(candidates) == 1):
        names = ", ".join(project.instance for project in projects)
        raise ProjectAmbiguousError(
            f"Project id is ambiguous: entities name it in several instances ({names}), and a query cannot "
            f"tell which is meant: {HOW_TO_CLAIM}."
        )
    return projects[0]


def check_servable(
    snapshot: Snapshot, sections: Collection[Section], max_stale: timedelta, now: datetime
) -> None:
    """Refuse what cannot be served truthfully.

    Raises:
        NoDataError: If a section was never fetched.
        TooStaleError: If one is older than ``max_stale``.
    """
    for section in sections:
        freshness = snapshot.freshness[section]
        reason = freshness.error.message if freshness.error else "Litmus was not asked since."
        if not has_data(snapshot, section):
            if section in _UNKNOWN_SERVED_AS_FALSE:
                continue
            raise NoDataError(f"No data yet: {reason}")
        if freshness.succeeded_at is not None and now - freshness.succeeded_at > max_stale:
            hours = (now - freshness.succeeded_at) / timedelta(hours=1)
            raise TooStaleError(f"Data too old: last read {hours:.0f} h ago. {reason}")


def _mutated(data: bytes) -> web.Response:
    return web.Response(
        body=b'{"data":' + data + b"}",
        content_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )


def _parts(
    data: bytes,
    snapshot: Snapshot,
    sections: Collection[Section],
    intervals: Mapping[Lane, timedelta],
    now: datetime,
) -> tuple[bytes, ...]:
    """Return the body: the cached ``data`` and the short tail that tells how fresh it is."""
    tail = {
        "litmusSidecar": {
            "asOf": rfc3339(as_of(snapshot, sections, intervals, now)),
            "stale": is_stale(snapshot, sections, intervals, now),
        }
    }
    # Whoever asks for the same shares the bytes of it.
    return b'{"data":', data, b',"extensions":' + msgspec.json.encode(tail) + b"}"


def _unchanged(
    services: Services, snapshot: Snapshot, catalog: Catalog, claims_version: int
) -> Callable[[], bool]:
    """Return what tells whether the id still means the same project, with the same data of the same age."""
    intervals = services.intervals(snapshot.project)

    def holds() -> bool:
        head = services.snapshots.head(snapshot.project)
        return (
            head is not None
            and head.freshness is snapshot.freshness
            and head.version == snapshot.version
            and services.intervals(snapshot.project) == intervals
            and services.catalogue.current is catalog
            and services.claims.version == claims_version
        )

    return holds


def _response(parts: tuple[bytes, ...], served_as_of: datetime | None) -> web.Response:
    headers = {"Cache-Control": "private, no-store"}
    if served_as_of is not None:
        headers["Last-Modified"] = http_date(served_as_of)
    return web.Response(body=join_body(*parts), content_type="application/json", headers=headers)
