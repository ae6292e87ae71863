"""What is in the databases of ``fixtures``: a few rows in every table, as a release wrote them.

The values may gain fields with defaults and change in no other way: a row that
was stored reads as they say.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sidecar.domain.action import Action, ActionKind, AuditEvent, entry_of
from sidecar.domain.catalog import Naming
from sidecar.domain.model import Lane, Section, SectionResult
from sidecar.domain.ports import Claim, HistoryChange, Session, SharedPicture, TokenUse
from sidecar.domain.runs import HistoryState, KnownExperiment, Outcome, Run
from sidecar.store.store import Store
from tests.store.material import SHOP, all_jobs
from tests.support.builders import experiment, hub

FIXTURES: Final = Path(__file__).with_name("fixtures")
ENGINES: Final = ("sqlite", "postgresql")
MOMENT: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER: Final = MOMENT + timedelta(days=90)

RUNS: Final = tuple(
    Run(
        experiment_id="experiment-1",
        experiment_name="pod-delete",
        experiment_run_id=f"run-{number}",
        phase=phase,
        resiliency_score=score,
        created_at_ms=1_772_452_800_000 + number,
        updated_at_ms=1_772_452_860_000 + number,
    )
    for number, (phase, score) in enumerate(
        [("Completed", 100.0), ("Completed", 50.0), ("Completed_With_Probe_Failure", 0.0), ("Running", None)]
    )
)
TOTALS: Final = {"experiment-1": {Outcome.PASSED: 2, Outcome.PROBE_FAILED: 1}}
KNOWN: Final = KnownExperiment(
    experiment_id="experiment-1", name="pod-delete", infra_id="infra-1", tags=("a", "b"), first_seen_at=MOMENT
)
ACTION: Final = Action(
    id="action-1",
    kind=ActionKind.RUN,
    project=SHOP,
    experiment_id="experiment-1",
    principal="user:default/alice",
    request_id="request-1",
    created_at=MOMENT,
)
ENTRY: Final = entry_of(ACTION, AuditEvent.ATTEMPT, MOMENT)
SHARE: Final = SharedPicture(
    id="share-1",
    entity_ref="component:default/shop",
    picture="score",
    created_by="user:default/alice",
    created_at=MOMENT,
    expires_at=LATER,
)
SESSION: Final = Session(
    id="session-1",
    instance="default",
    user_id="user-1",
    username="alice",
    is_admin=False,
    sealed_token=b"\x00sealed\xff",
    created_at=MOMENT,
    seen_at=MOMENT,
    expires_at=LATER,
)
NAMING: Final = Naming(project=SHOP, owner="group:default/shop-team", first_seen_at=MOMENT, gone_at=None)
USE: Final = TokenUse(instance="default", replica="replica-1", token_id="token-1")
SECRET: Final = ("a-secret-of-a-test", "made-for-a-test")
STATE: Final = HistoryState(
    watermark_ms=RUNS[-1].updated_at_ms,
    is_complete=True,
    first_synced_at=MOMENT,
    synced_at=MOMENT,
    progress=b"{}",
)
RESULTS: Final = (
    SectionResult(section=Section.HUBS, attempted_at=MOMENT, value=(hub("hub-1", "a-hub"),)),
    SectionResult(section=Section.EXPERIMENTS, attempted_at=MOMENT, value=(experiment("experiment-1"),)),
)


def now() -> datetime:
    """The time at which all was written."""
    return MOMENT


async def fill(store: Store) -> None:
    """Write everything, through the doors of the store."""
    await store.leases.plan(all_jobs(SHOP), MOMENT)
    for _ in Lane:
        lease = await store.leases.take(SHOP.instance, list(Lane), MOMENT)
        assert lease is not None
        if lease.job.lane is Lane.HISTORY:
            await store.history.record(lease, HistoryChange(state=STATE, runs=RUNS, experiments=[KNOWN]))
        elif lease.job.lane is Lane.FAST:
            await store.snapshots.merge(lease, RESULTS)
    await store.namings.keep([NAMING], gone_before=MOMENT)
    await store.actions.claim(ACTION, [Claim(name="run:a", hold=timedelta(hours=1), is_window=True)])
    await store.audit.append(ENTRY)
    await store.locks.take("lock-1", "replica-1", timedelta(hours=1))
    await store.token_uses.report(USE.instance, USE.replica, USE.token_id)
    await store.shares.add(SHARE)
    await store.sessions.add(SESSION)
    await store.secrets.keep(*SECRET)
