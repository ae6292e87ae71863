"""The part of the composition root for actions: rules, actors, and what is forgotten of them in time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sidecar.actions import ActionService, Settings, open_actions
from sidecar.actions.policy import PolicyLevel, Rules
from sidecar.app.tokens import OpenedInstance
from sidecar.catalog.claims import Claims
from sidecar.config import Config
from sidecar.domain.ports import Clock
from sidecar.litmus.acting import LitmusActor
from sidecar.litmus.reading.roles import RoleCache
from sidecar.runtime.supervision import RootTasks
from sidecar.store.pruning import keep_pruning_actions
from sidecar.store.store import Store
from sidecar.sync.engine import SyncEngine
from sidecar.telemetry.metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class Acting:
    """How actions are done."""

    service: ActionService
    tasks: RootTasks
    """What has to run as long as the service, by name."""


@asynccontextmanager
async def open_acting(
    config: Config,
    store: Store,
    instances: Mapping[str, OpenedInstance],
    *,
    claims: Claims,
    engine: SyncEngine,
    roles: RoleCache,
    metrics: Metrics,
    clock: Clock,
) -> AsyncIterator[Acting]:
    """Open the one way to act; at the end, answers under way are waited for.

    Args:
        config: The whole, for rules and retention.
        store: Where actions and the audit are.
        instances: Each instance's client and token, by name.
        claims: Whose projects are.
        engine: Asked to synchronise after an action.
        roles: What our tokens may do.
        metrics: Counted into.
        clock: The time.
    """
    actions = ActionService(
        actions=store.actions,
        audit=store.audit,
        actors={name: LitmusActor(opened.client) for name, opened in instances.items()},
        claims=claims,
        snapshot_of=store.snapshots.get,
        history=store.history,
        sync=engine,
        clock=clock,
        settings=Settings(
            rules=rules_of(config),
            window=config.actions.window,
            token_role=roles.role,
            token_user=lambda instance: instances[instance].holder.status.username,
            observe=lambda kind, outcome: metrics.actions.labels(kind.value, outcome).inc(),
        ),
    )
    async with open_actions(actions) as service:
        retention = timedelta(days=config.history.retention_days)
        yield Acting(
            service=service,
            tasks={
                "actions": service.follow,
                "audit retention": partial(
                    keep_pruning_actions, store.actions, store.audit, retention, clock
                ),
            },
        )


def rules_of(config: Config) -> Rules:
    """Return who may act, as configured."""
    settings = config.actions
    return Rules(
        policy=PolicyLevel(settings.policy),
        groups=settings.groups,
        production=PolicyLevel(settings.production),
    )
