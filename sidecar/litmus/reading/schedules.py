"""The section of schedules: which experiments' manifests to read, and what follows from them.

Manifests are large and may hold secrets, so each is read once per change of
its experiment, a few at a time, and only a few values of it are kept.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final

import msgspec
import structlog

from sidecar.domain.model import Experiment, Schedule
from sidecar.litmus.reading.unchanged import AT_ONCE, known_rows
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.wire import documents
from sidecar.litmus.wire.documents import pagination
from sidecar.litmus.wire.runs import ManifestRow
from sidecar.runtime.turns import Work, in_slices

MANIFESTS_PER_REQUEST: Final = 5
MANIFESTS_PER_ATTEMPT: Final = 20
"""The rest waits for the next attempt, so that a new project does not hold up the fast lane."""

_log = structlog.get_logger(__name__)

Manifests = dict[str, ManifestRow]
"""What was read, by experiment: kept between attempts, so that a failure half-way loses nothing."""


async def read_schedules(
    client: LitmusClient,
    project_id: str,
    experiments: Sequence[Experiment],
    previous: Sequence[Schedule],
    known: Manifests,
    *,
    now: datetime,
    timeout_seconds: float,
    started: Collection[str] = (),
) -> Sequence[Schedule]:
    """Return the project's schedules, reading the manifests of those that changed into ``known``.

    ``started`` are experiments whose schedules we started of late, as far as that is known.

    Raises:
        UpstreamError: If a manifest could not be read; those that could be are in ``known``.
    """
    before = {schedule.experiment_id: schedule for schedule in previous}
    scheduled = [experiment for experiment in experiments if experiment.cron_syntax]
    _forget_all_but({experiment.experiment_id for experiment in scheduled}, known)
    due = await in_slices(_due(scheduled, before, known))
    for start in range(0, min(len(due), MANIFESTS_PER_ATTEMPT), MANIFESTS_PER_REQUEST):
        group = due[start : start + MANIFESTS_PER_REQUEST]
        request = {
            "experimentIDs": [one.experiment_id for one in group],
            **pagination(0, MANIFESTS_PER_REQUEST),
        }
        page = await client.run(
            documents.MANIFESTS, {"projectID": project_id, "manifests": request}, timeout_seconds
        )
        rows = {row.experiment_id: row for row in page.items}
        for one in group:
            known[one.experiment_id] = _read_at(one, rows.get(one.experiment_id), project_id)
    schedules = await in_slices(_schedules(scheduled, before, known, now, started))
    return await in_slices(known_rows.work(schedules, previous, attrgetter("experiment_id")))


def _forget_all_but(scheduled: set[str], known: Manifests) -> None:
    for gone in known.keys() - scheduled:
        del known[gone]


def _due(
    scheduled: Sequence[Experiment], before: Mapping[str, Schedule], known: Mapping[str, ManifestRow]
) -> Work[list[Experiment]]:
    due = []
    for number, one in enumerate(scheduled):
        if number and number % AT_ONCE == 0:
            yield
        if _is_due(one, before.get(one.experiment_id), known):
            due.append(one)
    return due


def _schedules(
    scheduled: Sequence[Experiment],
    before: Mapping[str, Schedule],
    known: Mapping[str, ManifestRow],
    now: datetime,
    started: Collection[str],
) -> Work[list[Schedule]]:
    """Return what is known of the schedules now, by experiment id."""
    schedules = []
    for number, one in enumerate(sorted(scheduled, key=attrgetter("experiment_id"))):
        if number and number % AT_ONCE == 0:
            yield
        schedule = _schedule(
            one,
            before.get(one.experiment_id),
            _current(one, known),
            now,
            is_started=bool(one.recent_runs) or one.experiment_id in started,
        )
        if schedule is not None:
            schedules.append(schedule)
    return schedules


def _is_due(experiment: Experiment, before: Schedule | None, known: Mapping[str, ManifestRow]) -> bool:
    """Tell whether the manifest has to be read: it never was, or the experiment changed since."""
    if _current(experiment, known) is not None:
        return False
    return (
        before is None
        or before.concurrency is None
        or before.cron_syntax != experiment.cron_syntax
        or before.experiment_updated_at_ms != experiment.updated_at_ms
    )


def _current(experiment: Experiment, known: Mapping[str, ManifestRow]) -> ManifestRow | None:
    row = known.get(experiment.experiment_id)
    return row if row is not None and row.updated_at_ms == experiment.updated_at_ms else None


def _read_at(experiment: Experiment, row: ManifestRow | None, project_id: str) -> ManifestRow:
    """Return the row, dated by the experiment we decided by: a change since then is read next time."""
    spec = row.spec if row is not None else None
    if spec is None:
        _log.info(
            "schedule left out, its manifest tells of none",
            project=project_id,
            experiment=experiment.experiment_id,
        )
    return ManifestRow(
        experiment_id=experiment.experiment_id, updated_at_ms=experiment.updated_at_ms, spec=spec
    )


def _schedule(
    experiment: Experiment,
    earlier: Schedule | None,
    row: ManifestRow | None,
    now: datetime,
    *,
    is_started: bool,
) -> Schedule | None:
    """Return the schedule as it is now; once started, it stays so whatever becomes of its runs."""
    begins = earlier is not None and earlier.started is False and is_started
    is_started = is_started or (earlier is not None and earlier.started is True)
    if row is None:
        # As the store or another replica had it, or until its turn comes.
        if earlier is None:
            return None
        since = now if begins else earlier.since
        return msgspec.structs.replace(earlier, started=is_started, since=since)
    if row.spec is None:
        return None
    told = (experiment.cron_syntax, row.spec.suspended, row.spec.timezone)
    unchanged = (
        earlier is not None
        and not begins
        and told == (earlier.cron_syntax, earlier.suspended, earlier.timezone)
    )
    return Schedule(
        experiment_id=experiment.experiment_id,
        cron_syntax=experiment.cron_syntax,
        suspended=row.spec.suspended,
        timezone=row.spec.timezone,
        experiment_updated_at_ms=row.updated_at_ms,
        since=earlier.since if earlier is not None and unchanged else now,
        concurrency=row.spec.concurrency,
        starting_deadline_seconds=row.spec.starting_deadline_seconds,
        started=is_started,
    )
