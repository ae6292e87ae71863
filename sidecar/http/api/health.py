"""Liveness and readiness."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from sidecar.domain.freshness import FIELD_OF_SECTION, was_attempted
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import SnapshotHead, Snapshots, TokenState, TokenStatus
from sidecar.http.answers.times import rfc3339
from sidecar.http.gate.authentication import optional_reader
from sidecar.http.services import (
    SERVICES,
    PlanHealth,
    Services,
)
from sidecar.runtime.turns import Work

READY_AFTER: Final = timedelta(seconds=30)
"""So long after the start we are ready whatever was reached: an old answer beats none."""
PROJECTS_AT_ONCE: Final = 50
"""Whose small snapshots are decoded without a pause: about 3 ms."""


async def healthz(request: web.Request) -> web.Response:
    """Tell whether the process should go on living; answering at all shows that the event loop does."""
    dead = request.app[SERVICES].supervisor.dead
    status = "ok" if dead is None else "failed"
    return web.json_response({"status": status}, status=200 if dead is None else 503, headers=_NO_STORE)


async def readyz(request: web.Request) -> web.Response:
    """Tell whether requests should come here, and to readers, what is degraded."""
    services = request.app[SERVICES]
    now = services.clock()
    projects = dict.fromkeys(entity.project for entity in services.catalogue.current.entities)
    await _note_readiness(services, projects, now)
    heads = {project: services.snapshots.head(project) for project in projects}
    status = _status(services, heads)
    document: dict[str, Any] = {"status": status}
    reader = await optional_reader(request)
    if reader is not None:
        entities = services.catalogue.current.entities
        seen = await reader.sees(services, entities)
        shown = {entity.project for entity in entities if entity.ref in seen}
        detail = _detail(
            services,
            {project: head for project, head in heads.items() if project in shown},
            entities=len(seen),
            # They name documents, projects, owners, files; that there are none would tell something, too.
            tells_findings=reader.sees_all(services),
        )
        # Whoever sees the same shares it.
        document |= await services.turns.run((readyz, seen), detail)
    code = 503 if status in {"starting", "draining"} else 200
    return web.Response(
        body=msgspec.json.encode(document), status=code, content_type="application/json", headers=_NO_STORE
    )


async def jwks(request: web.Request) -> web.Response:
    """Give the public keys with which Backstage verifies the tokens we sign for its catalog."""
    return web.json_response(request.app[SERVICES].catalog_keys, headers={"Cache-Control": "max-age=300"})


_NO_TOKEN: Final = frozenset({TokenState.REJECTED, TokenState.MISSING})
_NO_STORE: Final = {"Cache-Control": "no-store"}


async def _note_readiness(services: Services, projects: Collection[ProjectRef], now: datetime) -> None:
    """Note that there is something of every project, or that it is late; readiness once reached stays."""
    phase = services.phase
    if not phase.was_ready and (
        now - phase.started_at > READY_AFTER or await _all_attempted(services.snapshots, projects)
    ):
        phase.was_ready = True


async def _all_attempted(snapshots: Snapshots, projects: Collection[ProjectRef]) -> bool:
    if not all(was_attempted(snapshots.head(project), FIELD_OF_SECTION) for project in projects):
        return False
    # What another release stored may be of no use; that shows when it is decoded.
    for number, project in enumerate(projects):
        if number % PROJECTS_AT_ONCE == 0:
            await asyncio.sleep(0)
        if not was_attempted(await snapshots.load(project), FIELD_OF_SECTION):
            return False
    return True


def _status(services: Services, heads: Mapping[ProjectRef, SnapshotHead | None]) -> str:
    """Decide between ``starting``, ``ok``, ``degraded`` and ``draining``."""
    phase = services.phase
    if phase.draining.is_set():
        return "draining"
    if not phase.was_ready:
        return "starting"
    is_degraded = (
        any(_errors(head) for head in heads.values())
        or any(
            health.breaker != "closed" or health.token.state in _NO_TOKEN or health.token.problem is not None
            for health in services.instances().values()
        )
        or services.catalogue.current.problems
        or services.store_health.state != "ok"
    )
    return "degraded" if is_degraded else "ok"


def _detail(
    services: Services,
    heads: Mapping[ProjectRef, SnapshotHead | None],
    *,
    entities: int,
    tells_findings: bool,
) -> Work[dict[str, Any]]:
    plans = services.plans()
    detail: dict[str, Any] = {
        "startedAt": rfc3339(services.phase.started_at),
        "instances": {
            name: {
                "breaker": health.breaker,
                "openedAt": rfc3339(health.opened_at),
                "token": _token(health.token),
                "pace": _pace(plans[name]),
            }
            for name, health in services.instances().items()
        },
        "store": {
            "state": services.store_health.state,
            "reason": services.store_health.reason,
            "since": rfc3339(services.store_health.since),
        },
        "catalog": {"entities": entities},
        "configuration": {"loadedAt": rfc3339(services.phase.configuration.loaded_at)},
    }
    if tells_findings:
        detail["configuration"]["problems"] = services.phase.configuration.problems
        detail["configuration"]["needsRestart"] = services.phase.configuration.needs_restart
        detail["catalog"]["problems"] = services.catalogue.current.problems
        detail["claims"] = yield from services.claims.findings()
    detail["projects"] = rows = {}
    for project, head in heads.items():
        rows[str(project)] = _project(services, project, head)
        yield
    return detail


def _project(services: Services, project: ProjectRef, head: SnapshotHead | None) -> dict[str, Any]:
    return {
        "claim": services.claims.of(project).source,
        "tokenRole": services.actions.token_role(project),
        "lastSuccess": {
            section: rfc3339(freshness.succeeded_at)
            for section, freshness in (head.freshness.items() if head else ())
        },
        "plannedIntervalSeconds": _seconds(services.intervals(project)),
        "errors": _errors(head),
    }


def _pace(plan: PlanHealth) -> dict[str, Any]:
    """Return how often Litmus is asked, and whether that suffices for the configured intervals."""
    return {
        "requestsPerSecond": round(plan.requests_per_second, 1),
        "neededPerSecond": round(plan.needed_per_second, 1),
        "plannedIntervalSeconds": {"lookedAt": _seconds(plan.asked), "others": _seconds(plan.others)},
    }


def _seconds(intervals: Mapping[Lane, timedelta]) -> dict[str, float]:
    return {lane.value: round(interval.total_seconds(), 1) for lane, interval in intervals.items()}


def _token(status: TokenStatus) -> dict[str, Any]:
    return {
        "source": status.source,
        "state": status.state.value,
        "id": status.token_id,
        "username": status.username,
        "accountRole": status.account_role,
        "expiresAt": rfc3339(status.expires_at),
        "changedAt": rfc3339(status.changed_at),
        "problem": status.problem,
    }


def _errors(head: SnapshotHead | None) -> dict[str, dict[str, str]]:
    return {
        section: {"code": freshness.error.code, "message": freshness.error.message}
        for section, freshness in (head.freshness.items() if head else ())
        if freshness.error is not None
    }
