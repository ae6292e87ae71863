"""Runs, known experiments, schedules: values of a history, with a default for what a test is not about."""

from datetime import datetime, timedelta

from sidecar.domain.model import Concurrency, Schedule
from sidecar.domain.runs import HistoryState, KnownExperiment, Run
from tests.support.builders import NOW, NOW_MS

COMPLETE = HistoryState(
    version=1,
    watermark_ms=NOW_MS,
    is_complete=True,
    first_synced_at=NOW - timedelta(days=400),
    synced_at=NOW,
    reconciled_at=NOW,
)


def ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1_000)


def run(
    created_at: datetime = NOW - timedelta(hours=2),
    phase: str = "Completed",
    score: float | None = 100.0,
    *,
    experiment_id: str = "experiment-1",
    run_id: str | None = None,
    updated_at: datetime | None = None,
    updated_by: str | None = "alice",
    removed: bool = False,
) -> Run:
    """One run; its id is made from its creation unless given."""
    created_at_ms = ms(created_at)
    return Run(
        experiment_id=experiment_id,
        experiment_name=f"name of {experiment_id}",
        experiment_run_id=f"run-{experiment_id}-{created_at_ms}" if run_id is None else run_id,
        phase=phase,
        resiliency_score=score,
        created_at_ms=created_at_ms,
        updated_at_ms=ms(updated_at or created_at),
        updated_by=updated_by,
        removed=removed,
    )


def known(
    experiment_id: str = "experiment-1",
    *,
    infra_id: str | None = "infra-1",
    tags: tuple[str, ...] = (),
    removed: bool = False,
) -> KnownExperiment:
    return KnownExperiment(
        experiment_id=experiment_id,
        name=f"name of {experiment_id}",
        infra_id=infra_id,
        tags=tags,
        first_seen_at=NOW - timedelta(days=100),
        removed_at=NOW - timedelta(days=1) if removed else None,
    )


def schedule(
    cron_syntax: str = "0 * * * *",
    *,
    experiment_id: str = "experiment-1",
    suspended: bool = False,
    timezone: str | None = None,
    since: datetime = NOW - timedelta(days=1),
    concurrency: Concurrency | None = None,
    started: bool | None = None,
) -> Schedule:
    return Schedule(
        experiment_id=experiment_id,
        cron_syntax=cron_syntax,
        suspended=suspended,
        timezone=timezone,
        experiment_updated_at_ms=NOW_MS,
        since=since,
        concurrency=concurrency,
        started=started,
    )
