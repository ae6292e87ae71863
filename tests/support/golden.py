"""The golden history and its hand-reckoned figures, read from ``tests/insight/golden/runs.md``.

Gives the runs and experiments as a store would, the content of the snapshot
that goes with them, and the figures as plain numbers for whoever serves them.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sidecar.domain.model import Content, Environment, Experiment, Infra
from sidecar.domain.runs import HistoryState, KnownExperiment, Outcome, RecentRun, Run

TABLES = Path(__file__).parents[1] / "insight" / "golden" / "runs.md"

Row = Mapping[str, str]


class GoldenRun(NamedTuple):
    """One run, beside what the table says of it."""

    run: Run
    created_at: datetime
    sent: str
    """``createdAt`` as Litmus sent it: milliseconds, or seconds."""
    outcome: Outcome
    is_scored: bool
    plugin_phase: str
    """What GraphQL serves as its phase."""


class GoldenWindow(NamedTuple):
    """The figures of one window."""

    since: datetime
    previous_since: datetime
    total: int
    outcomes: Mapping[Outcome, int]
    scored: int
    mean: float | None
    median: float | None
    worst: float | None
    previous_scored: int
    previous_mean: float | None
    change: float | None


class GoldenBucket(NamedTuple):
    """One bucket of a trend."""

    since: datetime
    until: datetime
    runs: int
    scored: int
    mean: float | None


class Golden(NamedTuple):
    """All of it."""

    now: datetime
    zone: str
    score_now: float | None
    scored_experiments: int
    experiments: tuple[KnownExperiment, ...]
    rows: tuple[GoldenRun, ...]
    windows: Mapping[str, GoldenWindow]
    trends: Mapping[str, tuple[GoldenBucket, ...]]

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(row.run for row in self.rows)

    @property
    def state(self) -> HistoryState:
        return HistoryState(
            version=1,
            watermark_ms=max(run.updated_at_ms for run in self.runs),
            is_complete=True,
            first_synced_at=self.now - timedelta(days=800),
            synced_at=self.now,
            reconciled_at=self.now,
        )

    @property
    def content(self) -> Content:
        """Return the sections of a snapshot taken now; deleted experiments are not in it."""
        infras = {infra_id: _infra(infra_id) for infra_id in ("infra-a", "infra-b")}
        return Content(
            experiments=tuple(
                _experiment(one, infras, self.runs) for one in self.experiments if one.removed_at is None
            ),
            infrastructures=tuple(infras.values()),
            environments=(
                Environment(
                    environment_id="staging", name="Staging", type="NON_PROD", infra_ids=tuple(infras)
                ),
            ),
        )


@cache
def golden() -> Golden:
    """Return the golden history; read once."""
    tables = _tables(TABLES.read_text(encoding="utf-8"))
    setting = {row["what"]: row["value"] for row in tables["Setting"]}
    now = _time(setting["now"])
    experiments = {row["experiment"]: _known(row, now) for row in tables["Experiments"]}
    return Golden(
        now=now,
        zone=setting["zone"],
        score_now=_number(setting["score now"]),
        scored_experiments=int(setting["experiments scored now"]),
        experiments=tuple(sorted(experiments.values(), key=lambda one: one.experiment_id)),
        rows=tuple(_run(row, experiments) for row in tables["Runs"]),
        windows={row["window"]: _window(row) for row in tables["Windows"]},
        trends={
            title.removeprefix("Trend of "): tuple(_bucket(row) for row in rows)
            for title, rows in tables.items()
            if title.startswith("Trend of ")
        },
    )


def _tables(text: str) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for section in text.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        tables[title] = [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
    return tables


def _known(row: Row, now: datetime) -> KnownExperiment:
    return KnownExperiment(
        experiment_id=row["experiment"],
        name=row["name"],
        infra_id=row["infra"],
        tags=tuple(row["tags"].split(", ")),
        first_seen_at=now - timedelta(days=800),
        removed_at=now - timedelta(minutes=30) if row["removed"] else None,
    )


def _run(row: Row, experiments: Mapping[str, KnownExperiment]) -> GoldenRun:
    outcome = Outcome(row["outcome"])
    run = Run(
        experiment_id=row["experiment"],
        experiment_name=experiments[row["experiment"]].name,
        experiment_run_id=row["run id"].strip('"'),
        phase=row["phase"],
        resiliency_score=_number(row["score"]),
        created_at_ms=int(row["in milliseconds"]),
        updated_at_ms=_milliseconds(_time(row["updated (UTC)"])),
        updated_by="alice",
        removed=bool(row["removed"]),
    )
    return GoldenRun(
        run=run,
        created_at=_time(row["created (UTC)"]),
        sent=row["createdAt as sent"],
        outcome=outcome,
        is_scored=bool(row["scored"]),
        plugin_phase=row["phase for the plugin"],
    )


def _window(row: Row) -> GoldenWindow:
    return GoldenWindow(
        since=_time(row["since (UTC)"]),
        previous_since=_time(row["previous since (UTC)"]),
        total=int(row["total"]),
        outcomes={outcome: int(row[outcome.value]) for outcome in Outcome},
        scored=int(row["scored"]),
        mean=_number(row["mean"]),
        median=_number(row["median"]),
        worst=_number(row["worst"]),
        previous_scored=int(row["previous scored"]),
        previous_mean=_number(row["previous mean"]),
        change=_number(row["change"]),
    )


def _bucket(row: Row) -> GoldenBucket:
    return GoldenBucket(
        since=_time(row["since (UTC)"]),
        until=_time(row["until (UTC)"]),
        runs=int(row["runs"]),
        scored=int(row["scored"]),
        mean=_number(row["mean"]),
    )


def _experiment(known: KnownExperiment, infras: Mapping[str, Infra], runs: tuple[Run, ...]) -> Experiment:
    own = sorted(_of(known, runs), key=lambda run: run.created_at_ms, reverse=True)
    return Experiment(
        experiment_id=known.experiment_id,
        name=known.name,
        cron_syntax="",
        experiment_type="experiment",
        tags=known.tags,
        infra=infras[known.infra_id or ""],
        recent_runs=tuple(
            RecentRun(
                experiment_run_id=run.experiment_run_id,
                phase=run.phase,
                resiliency_score=run.resiliency_score,
                updated_at_ms=run.updated_at_ms,
                created_at_ms=run.created_at_ms,
                updated_by=run.updated_by,
            )
            for run in own[:10]
        ),
        created_by="alice",
        updated_by="alice",
    )


def _of(known: KnownExperiment, runs: tuple[Run, ...]) -> Iterator[Run]:
    return (run for run in runs if run.experiment_id == known.experiment_id)


def _infra(infra_id: str) -> Infra:
    return Infra(infra_id=infra_id, name=f"Cluster {infra_id}", environment_id="staging", is_active=True)


def _number(text: str) -> float | None:
    return None if text == "-" else float(text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _milliseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
