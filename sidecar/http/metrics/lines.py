"""The lines that a project adds to the domain's metrics, and those of what spans projects.

Pure, from the same figures as the JSON. What is not known has no line; every
project is complete in itself, so that lines of projects only need joining.
"""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, Freshness, ProjectRef, Section
from sidecar.domain.references import split_ref
from sidecar.domain.runs import UNFINISHED, HistoryState, Outcome
from sidecar.http.metrics.families import (
    ENTITY_INFO,
    EXPERIMENT_LAST_OUTCOME,
    EXPERIMENT_LAST_RUN,
    EXPERIMENT_LAST_SCORE,
    EXPERIMENT_RUNNING,
    EXPERIMENT_RUNS,
    EXPERIMENT_SCORE,
    EXPERIMENT_STUCK,
    GROUP_SCORES,
    HISTORY_COMPLETE,
    OF_ENTITY,
    OF_PROJECT,
    PROJECT_EXPERIMENTS,
    PROJECT_GITOPS,
    PROJECT_HUBS,
    PROJECT_INFRASTRUCTURES,
    SCHEDULE_LAST_MISSED,
    SCHEDULE_MISSED,
    SCHEDULE_NEVER_STARTED,
    SCHEDULE_NEXT,
    SCHEDULE_OVERDUE,
    SCHEDULE_SKIPPED,
    SECTION_FAILED,
    SECTION_SUCCESS,
    ScopeFamilies,
)
from sidecar.http.metrics.text_format import Lines, clean_id, clean_text, label_block
from sidecar.http.shapes.common import rounded
from sidecar.insight.digest import ExperimentRuns, ProjectRuns
from sidecar.insight.digest_cache import Digest
from sidecar.insight.fire_outcomes import TOLERANCE
from sidecar.insight.narrowing import covered_ids, narrow_content, narrow_runs, narrowing_of
from sidecar.insight.next_change import earliest
from sidecar.insight.portfolio import Part
from sidecar.insight.rollup import Grouping, group_of
from sidecar.insight.running import RunningRun, running_runs
from sidecar.insight.schedules import (
    ScheduleFigures,
    next_schedule_change,
    schedule_figures,
    summarise_schedules,
)
from sidecar.insight.scores import last_outcome, last_run_at_ms, last_run_score, latest_scores, score_now

FINISHED: Final = tuple(outcome for outcome in Outcome if outcome not in UNFINISHED)
"""Outcomes that runs are counted by."""
_SECOND: Final = timedelta(seconds=1)

GroupKey = tuple[Grouping, str | None]
"""What entities are put together by, and the group's reference; ``None``: of those that name none."""
GroupScores = Mapping[GroupKey, "array[float]"]
"""What a project adds to the score of each group: latest scores of its experiments."""


class TimedLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that time alone can change."""

    lines: Mapping[str, bytes]
    due_at: datetime | None
    """When it next does; ``None``: never."""


def experiments_of(part: Part) -> dict[str, str]:
    """Return the experiments' names by id: as Litmus lists them; before it did, as the history does."""
    listed = _content(part).experiments
    if listed is not None:
        return {one.experiment_id: one.name for one in listed}
    return {one.experiment_id: one.name for one in part.digest.runs.experiments if not one.removed}


def steady_lines(part: Part, *, with_experiments: bool) -> Mapping[str, bytes]:
    """Return the lines that change only when snapshot, history or catalog do."""
    lines, labels, digest = Lines(), _project_labels(part.project), part.digest
    for entity in part.entities:
        own = _entity_labels(entity)
        lines.add(ENTITY_INFO, f"{own},{_description(entity)}", 1)
        _add_past(lines, OF_ENTITY, own, digest, [entity])
    _add_past(lines, OF_PROJECT, labels, digest, None)
    _add_content(lines, labels, _content(part))
    if is_known(digest.state):
        lines.add(HISTORY_COMPLETE, labels, int(digest.state.is_complete))
    if with_experiments:
        _add_experiments(lines, part)
    return lines.encoded()


def timed_lines(part: Part, now: datetime, *, with_experiments: bool) -> TimedLines:
    """Return what runs, what is stuck, and what schedules do."""
    lines, content, digest = Lines(), _content(part), part.digest
    running = running_runs(content, digest.runs, now)
    figures = [
        schedule_figures(schedule, digest.runs, digest.state, now, retention=digest.retention)
        for schedule in content.schedules or ()
    ]
    if content.experiments is not None or is_known(digest.state):
        _add_running(lines, OF_PROJECT, _project_labels(part.project), running)
        for entity in part.entities:
            mine = running
            if narrowing_of(entity) is not None:
                own = narrow_content(content, entity), narrow_runs(digest.runs, [entity])
                mine = running_runs(*own, now)
            _add_running(lines, OF_ENTITY, _entity_labels(entity), mine)
        if with_experiments:
            _add_running_of_experiments(lines, part, running)
    if content.schedules is not None:
        _add_schedules(lines, OF_PROJECT, _project_labels(part.project), figures, digest.state)
        for entity in part.entities:
            covered = {one.experiment_id for one in narrow_content(content, entity).schedules or ()}
            mine_too = [one for one in figures if one.experiment_id in covered]
            _add_schedules(lines, OF_ENTITY, _entity_labels(entity), mine_too, digest.state)
        if with_experiments:
            _add_schedules_of_experiments(lines, part, figures)
    changes = [run.stuck_at for run in running]
    changes += [
        one.next_fire_at + TOLERANCE + _SECOND
        for one in figures
        if one.next_fire_estimated and one.next_fire_at is not None
    ]
    scheduled = [next_schedule_change(schedule, now) for schedule in content.schedules or ()]
    return TimedLines(lines=lines.encoded(), due_at=earliest(now, [*changes, *scheduled]))


def freshness_lines(project: ProjectRef, freshness: Mapping[Section, Freshness]) -> Mapping[str, bytes]:
    """Return when each part was last read, and whether it could be."""
    lines, labels = Lines(), _project_labels(project)
    for section, one in sorted(freshness.items()):
        own = f"{labels},{label_block([('section', section.value)])}"
        if one.succeeded_at is not None:
            lines.add(SECTION_SUCCESS, own, one.succeeded_at.timestamp())
        lines.add(SECTION_FAILED, own, int(one.error is not None))
    return lines.encoded()


def group_scores(part: Part) -> GroupScores:
    """Return what the project adds to the groups that its entities belong to."""
    members: defaultdict[GroupKey, list[Entity]] = defaultdict(list)
    for entity in part.entities:
        for by in Grouping:
            members[by, group_of(entity, by) or None].append(entity)
    runs = part.digest.runs
    return {key: latest_scores(narrow_runs(runs, entities)) for key, entities in members.items()}


def group_lines(projects: Iterable[GroupScores]) -> Mapping[str, bytes]:
    """Return the scores of owners, systems and domains: over experiments, each project once in a group."""
    by_group: defaultdict[GroupKey, list[array[float]]] = defaultdict(list)
    for parts in projects:
        for key, scores in parts.items():
            by_group[key].append(scores)
    lines = Lines()
    for (by, group), latest in by_group.items():
        score = rounded(score_now(latest).score)
        lines.add(GROUP_SCORES[by], label_block([(by.value, clean_id(group or ""))]), score)
    return lines.encoded()


def is_known(state: HistoryState) -> bool:
    """Tell whether anything of the history was ever read."""
    return state != HistoryState()


def _content(part: Part) -> Content:
    return part.snapshot.content if part.snapshot else Content()


def _entity_labels(entity: Entity) -> str:
    return f"{label_block([('entity', clean_id(entity.ref))])},{_project_labels(entity.project)}"


def _description(entity: Entity) -> str:
    """Return what joins series of projects to whoever cares for them."""
    plain = zip(("kind", "namespace", "name"), split_ref(entity.ref), strict=True)
    references = [
        ("owner", entity.owner or ""),
        ("system", group_of(entity, Grouping.SYSTEM) or ""),
        ("domain", group_of(entity, Grouping.DOMAIN) or ""),
    ]
    return label_block(
        [
            *((label, clean_text(value)) for label, value in plain),
            # As in the scores of groups, where two must stay two.
            *((label, clean_id(value)) for label, value in references),
            ("narrowed", "false" if narrowing_of(entity) is None else "true"),
        ]
    )


def _add_past(
    lines: Lines, families: ScopeFamilies, labels: str, digest: Digest, entities: Collection[Entity] | None
) -> None:
    """Add what the runs of the entities' part come to; ``None``: of the whole project."""
    runs: ProjectRuns = digest.runs if entities is None else narrow_runs(digest.runs, entities)
    ids = None if entities is None else covered_ids(entities, digest.runs.experiments)
    lines.add(families.score, labels, rounded(score_now([latest_scores(runs)]).score))
    lines.add(families.last_run, labels, _seconds(last_run_at_ms(runs)))
    lines.add(families.last_run_score, labels, last_run_score(runs))
    latest = last_outcome(runs)
    if latest is not None:
        lines.add(families.last_run_outcome, f"{labels},{_outcome_label(latest)}", 1)
    if is_known(digest.state):
        totals = [total for one, total in digest.totals.items() if ids is None or one in ids]
        for outcome in FINISHED:
            total = sum(one.get(outcome, 0) for one in totals)
            lines.add(families.runs, f"{labels},{_outcome_label(outcome)}", total)


def _add_content(lines: Lines, labels: str, content: Content) -> None:
    if content.experiments is not None:
        lines.add(PROJECT_EXPERIMENTS, labels, len({one.experiment_id for one in content.experiments}))
    if content.infrastructures is not None:
        counts = dict.fromkeys(("active", "inactive", "unconfirmed"), 0)
        for infra in content.infrastructures:
            unconfirmed = "unconfirmed" if infra.is_confirmed is False else "inactive"
            counts["active" if infra.is_active else unconfirmed] += 1
        for state, count in counts.items():
            lines.add(PROJECT_INFRASTRUCTURES, f"{labels},{label_block([('state', state)])}", count)
    if content.hubs is not None:
        available = sum(hub.is_available for hub in content.hubs)
        for state, count in (("available", available), ("unavailable", len(content.hubs) - available)):
            lines.add(PROJECT_HUBS, f"{labels},{label_block([('state', state)])}", count)
    if content.gitops is not None and content.gitops.enabled is not None:
        lines.add(PROJECT_GITOPS, labels, int(content.gitops.enabled))


def _add_experiments(lines: Lines, part: Part) -> None:
    known = {one.experiment_id: one for one in part.digest.runs.experiments}
    for experiment_id, labels in _experiment_labels(part):
        past: ExperimentRuns | None = known.get(experiment_id)
        if past is not None:
            lines.add(EXPERIMENT_SCORE, labels, rounded(past.latest_score))
            lines.add(EXPERIMENT_LAST_RUN, labels, _seconds(past.last_run_at_ms))
            lines.add(EXPERIMENT_LAST_SCORE, labels, past.last_run_score)
            if past.last_outcome is not None:
                lines.add(EXPERIMENT_LAST_OUTCOME, f"{labels},{_outcome_label(past.last_outcome)}", 1)
        if is_known(part.digest.state):
            totals = part.digest.totals.get(experiment_id, {})
            for outcome in FINISHED:
                own = f"{labels},{_outcome_label(outcome)}"
                lines.add(EXPERIMENT_RUNS, own, totals.get(outcome, 0))


def _add_running(lines: Lines, families: ScopeFamilies, labels: str, running: Collection[RunningRun]) -> None:
    stuck = [run.stuck_at for run in running if run.stuck]
    lines.add(families.running_runs, labels, len(running) - len(stuck))
    lines.add(families.stuck_runs, labels, len(stuck))
    lines.add(families.last_stuck, labels, _instant(max(stuck, default=None)))


def _add_running_of_experiments(lines: Lines, part: Part, running: Collection[RunningRun]) -> None:
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for run in running:
        counts[run.experiment_id][run.stuck] += 1
    nothing = [0, 0]
    for experiment_id, labels in _experiment_labels(part):
        moving, stuck = counts.get(experiment_id, nothing)
        lines.add(EXPERIMENT_RUNNING, labels, moving)
        lines.add(EXPERIMENT_STUCK, labels, stuck)


def _add_schedules(
    lines: Lines,
    families: ScopeFamilies,
    labels: str,
    figures: Sequence[ScheduleFigures],
    state: HistoryState,
) -> None:
    summary = summarise_schedules(figures, state)
    lines.add(families.next_run, labels, _instant(summary.next_fire_at))
    lines.add(families.missed_runs, labels, summary.missed)
    lines.add(families.last_missed, labels, _instant(summary.last_missed_at))
    lines.add(families.overdue_schedules, labels, summary.overdue)


def _add_schedules_of_experiments(lines: Lines, part: Part, figures: Iterable[ScheduleFigures]) -> None:
    """Add what the schedules of the listed experiments do."""
    by_experiment = {one.experiment_id: one for one in figures}
    for experiment_id, labels in _experiment_labels(part):
        one = by_experiment.get(experiment_id)
        if one is None:
            continue
        lines.add(SCHEDULE_NEXT, labels, _instant(one.next_fire_at))
        lines.add(SCHEDULE_MISSED, labels, None if one.missed is None else one.missed.number)
        lines.add(SCHEDULE_SKIPPED, labels, None if one.skipped is None else one.skipped.number)
        lines.add(
            SCHEDULE_NEVER_STARTED, labels, None if one.never_started is None else int(one.never_started)
        )
        lines.add(SCHEDULE_LAST_MISSED, labels, _instant(one.last_missed_at))
        lines.add(SCHEDULE_OVERDUE, labels, None if one.is_overdue is None else int(one.is_overdue))


def _project_labels(project: ProjectRef) -> str:
    return label_block([("instance", clean_id(project.instance)), ("project", clean_id(project.project_id))])


def _experiment_labels(part: Part) -> Iterator[tuple[str, str]]:
    """Yield each experiment's id and its labels."""
    project = _project_labels(part.project)
    for experiment_id, name in experiments_of(part).items():
        own = label_block([("experiment_id", clean_id(experiment_id)), ("experiment", clean_text(name))])
        yield experiment_id, f"{project},{own}"


def _outcome_label(outcome: Outcome) -> str:
    return label_block([("outcome", outcome.value)])


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1_000


def _instant(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()
