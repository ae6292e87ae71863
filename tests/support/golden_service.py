"""The application on the golden history, at the golden moment: no Litmus, no waiting."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec
from aiohttp import web

from sidecar.actions import ActionService, Settings
from sidecar.app.lifecycle import create_app
from sidecar.catalog import StaticCatalog
from sidecar.catalog.claims import Claims, NamingMemory
from sidecar.config import Config
from sidecar.domain.catalog import Entity
from sidecar.domain.freshness import FIELD_OF_SECTION
from sidecar.domain.model import Content, Lane, ProjectRef, Schedule, Section, SectionResult, Snapshot
from sidecar.domain.ports import HistoryChange, Job, Snapshots
from sidecar.domain.runs import Run
from sidecar.http.services import Phase, Services
from sidecar.identity.keys import KeyRing
from sidecar.identity.proxy import ProxySettings
from sidecar.identity.rates import ConcurrencyLimit, RequestRateLimit, WorkBudget
from sidecar.identity.sign_in_limit import REFUSAL_DELAY, SignInLimit
from sidecar.identity.signing import SigningKeys
from sidecar.insight.digest_cache import Digests
from sidecar.insight.links import LitmusLinks
from sidecar.replica import QueryEngine
from sidecar.runtime.supervision import Supervisor
from sidecar.runtime.turns import Turns
from sidecar.store.engine.health import StoreHealth
from sidecar.store.local_leases import LocalLeases
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import NO_TRACER
from tests.support.golden import golden
from tests.support.memory_store.accounts import MemorySecrets, MemoryShares
from tests.support.memory_store.actions import MemoryActions, MemoryAudit
from tests.support.memory_store.data import MemoryHistory, MemorySnapshots
from tests.support.memory_store.namings import MemoryNamings

PROJECT = ProjectRef(instance="default", project_id="golden")
ENTITY = Entity(
    ref="component:default/shop",
    project=PROJECT,
    title="Shop",
    owner="group:default/team-a",
    system="system:default/market",
    domain="domain:default/commerce",
)
PART = Entity(
    ref="component:default/pay",
    project=PROJECT,
    owner="group:default/team-b",
    experiment_tags=("team-b",),
)


INTERVALS: Final = {
    Lane.FAST: timedelta(seconds=60),
    Lane.SLOW: timedelta(seconds=600),
    Lane.HISTORY: timedelta(seconds=600),
}


class NothingToSync:
    """Everything was synchronised already."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def ensure(self, project: ProjectRef, sections: Collection[Section]) -> Snapshot:
        del sections
        snapshot = self._snapshots.get(project)
        assert snapshot is not None
        return snapshot

    async def hurry(self, project: ProjectRef) -> None:
        del project

    def drain(self) -> None:
        pass


def golden_app(
    *,
    entities: Collection[Entity] = (ENTITY, PART),
    more_runs: Collection[Run] = (),
    schedules: Collection[Schedule] | None = None,
    content: Content | None = None,
    beside: Mapping[Entity, Content] | None = None,
    change: Callable[[Services], Awaitable[Services]] | None = None,
) -> web.Application:
    """Return the application, without tasks, with the golden runs (and others) in its history.

    ``content`` stands in for the golden content of the snapshot; ``beside`` are
    entities of other projects, without any history; ``change`` makes of the services those that are used.
    """
    known = golden()
    others = {entity.project: given for entity, given in (beside or {}).items()}
    catalogue = StaticCatalog([*entities, *(beside or {})])

    @asynccontextmanager
    async def services(config: Config) -> AsyncIterator[Services]:
        leases = LocalLeases()
        snapshots, history = MemorySnapshots(leases), MemoryHistory(leases)
        await leases.plan(
            [Job(project=project, lane=lane) for project in (PROJECT, *others) for lane in Lane], known.now
        )
        filled = content or msgspec.structs.replace(
            known.content, schedules=None if schedules is None else tuple(schedules)
        )
        await _fill(leases, snapshots, history, {PROJECT: filled, **others}, more_runs)
        audit = MemoryAudit()
        memory = NamingMemory(MemoryNamings(), lambda: known.now)
        await memory.learn(catalogue.current)
        claims = Claims(
            configured={},
            memory=memory,
            catalogue=catalogue,
            snapshot_of=snapshots.get,
            project_tags=lambda _project: (),
            clock=lambda: known.now,
        )
        acting = ActionService(
            actions=MemoryActions(audit, lambda: known.now),
            audit=audit,
            actors={},
            claims=claims,
            snapshot_of=snapshots.get,
            history=history,
            sync=NothingToSync(snapshots),
            clock=lambda: known.now,
            settings=Settings(),
        )
        made = Services(
            config=config,
            clock=lambda: known.now,
            catalogue=catalogue,
            claims=claims,
            snapshots=snapshots,
            history=history,
            digests=Digests(history),
            sync=NothingToSync(snapshots),
            query_engine=QueryEngine(),
            turns=Turns(),
            keys=KeyRing(()),
            users=None,
            visibility=None,
            proxy=ProxySettings(),
            catalog_keys={"keys": []},
            actions=acting,
            audit=audit,
            signing=SigningKeys([], MemorySecrets()),
            shares=MemoryShares(),
            sessions=None,
            sign_in_pace=SignInLimit(),
            refusal_pace=REFUSAL_DELAY,
            tokens={},
            pace=RequestRateLimit(person_per_minute=600, actions_per_minute=30, key_per_minute=None),
            places=ConcurrencyLimit(person_at_once=8, key_at_once=100),
            work_pace=WorkBudget(person_ms_per_minute=60_000, key_ms_per_minute=60_000),
            metrics=Metrics("test"),
            tracer=NO_TRACER,
            supervisor=Supervisor(),
            phase=Phase(started_at=known.now),
            store_health=StoreHealth(lambda: known.now, "memory:"),
            instances=dict,
            links=lambda project: LitmusLinks(
                base_url="https://litmus.example.com", account_id="uid", project_id=project.project_id
            ),
            litmus_version=lambda _instance: "3.31.0",
            intervals=lambda _project: INTERVALS,
            plans=dict,
        )
        yield made if change is None else await change(made)

    return create_app(Config(), open_services=services)


async def _fill(
    leases: LocalLeases,
    snapshots: MemorySnapshots,
    history: MemoryHistory,
    contents: Mapping[ProjectRef, Content],
    more_runs: Collection[Run],
) -> None:
    known = golden()
    for project in contents:
        fast = await leases.take(project.instance, [Lane.FAST], known.now)
        past = await leases.take(project.instance, [Lane.HISTORY], known.now)
        assert fast is not None
        assert past is not None
        content = contents[fast.job.project]
        await snapshots.merge(fast, [_section(section, content, known.now) for section in FIELD_OF_SECTION])
        if past.job.project == PROJECT:
            await snapshots.merge(past, [SectionResult(section=Section.RUN_HISTORY, attempted_at=known.now)])
            runs = [row.run for row in known.rows] + list(more_runs)
            await history.record(
                past, HistoryChange(state=known.state, runs=runs, experiments=known.experiments)
            )


def _section(section: Section, content: Content, now: datetime) -> SectionResult:
    value = getattr(content, FIELD_OF_SECTION[section])
    return SectionResult(section=section, attempted_at=now, value=value)
