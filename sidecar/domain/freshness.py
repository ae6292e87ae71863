"""What follows from a snapshot alone: merging, age, whether something changes.

Pure functions over ``model``; the time is always given in. Rules: merging in
design.md "The hinge", ``asOf`` and ``stale`` as the API documents them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from sidecar.domain.model import (
    LANE_OF_SECTION,
    Content,
    Experiment,
    Freshness,
    Lane,
    ProjectRef,
    Section,
    SectionResult,
    Snapshot,
)
from sidecar.domain.runs import UNFINISHED_PHASES
from sidecar.domain.unix_time import to_ms

FIELD_OF_SECTION: Final[Mapping[Section, str]] = {
    Section.EXPERIMENTS: "experiments",
    Section.SCHEDULES: "schedules",
    Section.RUN_STATS: "run_stats",
    Section.INFRASTRUCTURES: "infrastructures",
    Section.ENVIRONMENTS: "environments",
    Section.HUBS: "hubs",
    Section.GITOPS: "gitops",
}
"""The field of :class:`Content` that holds a section's data; the run history is kept elsewhere."""

STUCK_AFTER: Final = timedelta(hours=1)
"""An unfinished run that did not change for so long counts as idle (Litmus leaves some queued for good)."""


def merge(previous: Snapshot | None, project: ProjectRef, results: Sequence[SectionResult]) -> Snapshot:
    """Return the snapshot after an attempt: new data where it succeeded, old data where it failed."""
    content = previous.content if previous else Content()
    version = previous.version if previous else 0
    freshness = dict(previous.freshness) if previous else {}
    fetched = {result.section: result.value for result in results if result.error is None}
    changed = {
        field: value
        for section, value in fetched.items()
        if (field := FIELD_OF_SECTION.get(section)) is not None and getattr(content, field) != value
    }
    for result in results:
        known = freshness.get(result.section)
        if result.error is None:
            succeeded_at: datetime | None = result.attempted_at
        else:
            succeeded_at = known.succeeded_at if known else None
        freshness[result.section] = Freshness(
            attempted_at=result.attempted_at, succeeded_at=succeeded_at, error=result.error
        )
    return Snapshot(
        project=project,
        version=version + 1 if changed else version,
        content=msgspec.structs.replace(content, **changed),
        freshness=freshness,
        restored=(previous.restored if previous else frozenset()) - fetched.keys(),
    )


class HasFreshness(Protocol):
    """A snapshot, or what is known of one without its content."""

    @property
    def freshness(self) -> Mapping[Section, Freshness]:
        """How fresh each section is that was attempted."""


def was_attempted(snapshot: HasFreshness | None, sections: Collection[Section]) -> bool:
    """Tell whether every one of the sections was attempted at least once.

    Sections without content do not count: nobody waits for the history.
    """
    return snapshot is not None and all(
        section in snapshot.freshness for section in sections if section in FIELD_OF_SECTION
    )


def has_data(snapshot: Snapshot | None, section: Section) -> bool:
    """Tell whether the section's content was ever fetched; the run history has none here."""
    field = FIELD_OF_SECTION.get(section)
    return snapshot is not None and field is not None and getattr(snapshot.content, field) is not None


def as_of(
    snapshot: Snapshot, sections: Collection[Section], intervals: Mapping[Lane, timedelta], now: datetime
) -> datetime | None:
    """Return the oldest last success among the sections; ``None`` if none of them ever succeeded.

    The run history counts only while it is behind: as long as it can be read,
    the fast lane has it follow everything new, however seldom it is read.
    """
    successes = [
        freshness.succeeded_at
        for section in sections
        if (freshness := snapshot.freshness.get(section))
        and freshness.succeeded_at
        and (section is not Section.RUN_HISTORY or _is_behind(section, freshness, intervals, now))
    ]
    return min(successes, default=None)


def is_stale(
    snapshot: Snapshot, sections: Collection[Section], intervals: Mapping[Lane, timedelta], now: datetime
) -> bool:
    """Tell whether an answer from these sections is stale.

    That is: the last attempt of one failed, or one is older than twice its
    lane's interval, whoever read it: what was loaded from the store counts by
    its age. Of what only the slower lanes read it is no fault that it was not
    attempted yet, since that may be hours where there are many projects: it is
    no data, and the answer has none of it to be stale.
    """
    for section in sections:
        freshness = snapshot.freshness.get(section)
        if freshness is None:
            if LANE_OF_SECTION[section] is Lane.FAST:
                return True
        elif _is_behind(section, freshness, intervals, now):
            return True
    return False


def _is_behind(
    section: Section, freshness: Freshness, intervals: Mapping[Lane, timedelta], now: datetime
) -> bool:
    """Tell whether the last attempt failed, or the next one is overdue."""
    if freshness.error is not None or freshness.succeeded_at is None:
        return True
    return now - freshness.succeeded_at > 2 * intervals[LANE_OF_SECTION[section]]


def next_judgement(
    snapshot: Snapshot,
    sections: Collection[Section],
    intervals: Mapping[Lane, timedelta],
    max_stale: timedelta,
    now: datetime,
) -> datetime | None:
    """Return when time alone changes what this module says of age, or data gets too old; ``None``: never.

    Until then, and at that instant itself, they say what they say now.
    """
    changes = (
        freshness.succeeded_at + age
        for section in sections
        if (freshness := snapshot.freshness.get(section)) and freshness.succeeded_at
        for age in (2 * intervals[LANE_OF_SECTION[section]], max_stale)
    )
    return min((change for change in changes if change >= now), default=None)


def is_changing(experiments: Iterable[Experiment], now: datetime) -> bool:
    """Tell whether a run of these is unfinished and changed within :data:`STUCK_AFTER`."""
    since_ms = to_ms(now - STUCK_AFTER)
    return any(
        run.phase in UNFINISHED_PHASES and (run.updated_at_ms or 0) > since_ms
        for experiment in experiments
        for run in experiment.recent_runs
    )
