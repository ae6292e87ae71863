"""The domain's metrics: which there are, and the lines that a project adds to them.

Pure, from the same figures as the JSON. What is not known has no line; every
project is complete in itself, so that lines of projects only need joining.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sidecar.insight.digest import ExperimentRuns
from sidecar.insight.instants import earliest
from sidecar.insight.narrowing import narrow_runs, narrowing_of
from sidecar.insight.running import running_runs
from sidecar.insight.schedules import TOLERANCE, next_schedule_change, schedule_figures
from sidecar.insight.scores import last_run_at_ms, latest_scores, score_now
from sidecar.model import UNFINISHED, Content, Entity, Freshness, HistoryState, Outcome, ProjectRef, Section
from sidecar.portfolio import Part
from sidecar.web.exposition import Family, Lines, clean_id, clean_text, label_block
from sidecar.web.shapes.common import rounded

FINISHED: Final = tuple(outcome for outcome in Outcome if outcome not in UNFINISHED)
"""Outcomes that runs are counted by."""

ENTITY_INFO: Final = Family(
    name="backstage_litmus_entity_info",
    help="Always 1; joins a project to the entity that names it, and to its owner and system.",
)
ENTITY_SCORE: Final = Family(
    name="backstage_litmus_entity_score",
    help="Score now of what belongs to the entity: mean of the latest scores of its experiments, 0 to 100.",
)
PROJECT_SCORE: Final = Family(
    name="backstage_litmus_project_score",
    help="Score now: mean of the latest scores of the project's experiments, 0 to 100.",
)
PROJECT_EXPERIMENTS: Final = Family(
    name="backstage_litmus_project_experiments", help="Experiments of the project."
)
PROJECT_RUNS: Final = Family(
    name="backstage_litmus_project_runs",
    help="Runs that finished, by outcome when first seen finished; deletion and retention lower nothing.",
    kind="counter",
)
PROJECT_RUNNING: Final = Family(
    name="backstage_litmus_project_running_runs", help="Runs that are running or waiting and not stuck."
)
PROJECT_STUCK: Final = Family(
    name="backstage_litmus_project_stuck_runs",
    help="Runs that are running or waiting and have not changed for an hour.",
)
PROJECT_INFRASTRUCTURES: Final = Family(
    name="backstage_litmus_project_infrastructures", help="Chaos infrastructures, by state."
)
PROJECT_HUBS: Final = Family(name="backstage_litmus_project_hubs", help="ChaosHubs, by state.")
PROJECT_GITOPS: Final = Family(
    name="backstage_litmus_project_gitops_enabled", help="1 if GitOps is on, 0 if it is off."
)
PROJECT_LAST_RUN: Final = Family(
    name="backstage_litmus_project_last_run_timestamp_seconds", help="Creation of the latest run."
)
SECTION_SUCCESS: Final = Family(
    name="backstage_litmus_section_success_timestamp_seconds",
    help="Last time that a part of the project was read from Litmus.",
)
SECTION_FAILED: Final = Family(
    name="backstage_litmus_section_failed", help="1 if the last attempt to read the part failed, else 0."
)
HISTORY_COMPLETE: Final = Family(
    name="backstage_litmus_history_complete",
    help="1 once all runs that Litmus had were read; before, figures may miss older ones.",
)
EXPERIMENT_SCORE: Final = Family(
    name="backstage_litmus_experiment_score", help="Score of the latest scored run, 0 to 100."
)
EXPERIMENT_RUNS: Final = Family(
    name="backstage_litmus_experiment_runs",
    help="Runs that finished, by outcome when first seen finished; deletion and retention lower nothing.",
    kind="counter",
)
EXPERIMENT_LAST_RUN: Final = Family(
    name="backstage_litmus_experiment_last_run_timestamp_seconds", help="Creation of the latest run."
)
EXPERIMENT_LAST_OUTCOME: Final = Family(
    name="backstage_litmus_experiment_last_run_outcome", help="1 for the outcome of the latest run."
)
SCHEDULE_NEXT: Final = Family(
    name="backstage_litmus_schedule_next_run_timestamp_seconds", help="When the schedule fires next."
)
SCHEDULE_MISSED: Final = Family(
    name="backstage_litmus_schedule_missed_runs",
    help="Fire times without a run since the schedule was first seen as it is.",
)
EXPERIMENTS_KNOWN: Final = Family(
    name="backstage_litmus_experiments_known", help="Experiments of all projects."
)
EXPERIMENTS_CUT: Final = Family(
    name="backstage_litmus_experiments_cut",
    help="Experiments left without series of their own because there are more than metrics.maxExperiments.",
)

OF_PROJECTS: Final = (
    ENTITY_INFO,
    ENTITY_SCORE,
    PROJECT_SCORE,
    PROJECT_EXPERIMENTS,
    PROJECT_RUNS,
    PROJECT_RUNNING,
    PROJECT_STUCK,
    PROJECT_INFRASTRUCTURES,
    PROJECT_HUBS,
    PROJECT_GITOPS,
    PROJECT_LAST_RUN,
    SECTION_SUCCESS,
    SECTION_FAILED,
    HISTORY_COMPLETE,
)
OF_EXPERIMENTS: Final = (
    EXPERIMENT_SCORE,
    EXPERIMENT_RUNS,
    EXPERIMENT_LAST_RUN,
    EXPERIMENT_LAST_OUTCOME,
    SCHEDULE_NEXT,
    SCHEDULE_MISSED,
)
"""What is left out when there are too many experiments."""

_SECOND: Final = timedelta(seconds=1)


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
    lines, labels = Lines(), _project_labels(part.project)
    for entity in part.entities:
        _add_entity(lines, entity, part)
    _add_content(lines, labels, _content(part))
    runs, state = part.digest.runs, part.digest.state
    lines.add(PROJECT_SCORE, labels, rounded(score_now([latest_scores(runs)]).score))
    lines.add(PROJECT_LAST_RUN, labels, _seconds(last_run_at_ms(runs)))
    if is_known(state):
        lines.add(HISTORY_COMPLETE, labels, int(state.is_complete))
        totals = part.digest.totals.values()
        for outcome in FINISHED:
            total = sum(one.get(outcome, 0) for one in totals)
            lines.add(PROJECT_RUNS, f"{labels},{_outcome_label(outcome)}", total)
    if with_experiments:
        _add_experiments(lines, part)
    return lines.encoded()


def timed_lines(part: Part, now: datetime, *, with_experiments: bool) -> TimedLines:
    """Return what runs, what is stuck, and what schedules do."""
    lines, labels, content = Lines(), _project_labels(part.project), _content(part)
    running = running_runs(content, part.digest.runs, now)
    if content.experiments is not None or is_known(part.digest.state):
        stuck = sum(run.stuck for run in running)
        lines.add(PROJECT_RUNNING, labels, len(running) - stuck)
        lines.add(PROJECT_STUCK, labels, stuck)
    changes: list[datetime | None] = [run.stuck_at for run in running]
    if with_experiments:
        changes += _add_schedules(lines, part, now)
    return TimedLines(lines=lines.encoded(), due_at=earliest(now, changes))


def freshness_lines(project: ProjectRef, freshness: Mapping[Section, Freshness]) -> Mapping[str, bytes]:
    """Return when each part was last read, and whether it could be."""
    lines, labels = Lines(), _project_labels(project)
    for section, one in sorted(freshness.items()):
        own = f"{labels},{label_block([('section', section.value)])}"
        if one.succeeded_at is not None:
            lines.add(SECTION_SUCCESS, own, one.succeeded_at.timestamp())
        lines.add(SECTION_FAILED, own, int(one.error is not None))
    return lines.encoded()


def is_known(state: HistoryState) -> bool:
    """Tell whether anything of the history was ever read."""
    return state != HistoryState()


def _content(part: Part) -> Content:
    return part.snapshot.content if part.snapshot else Content()


def _add_entity(lines: Lines, entity: Entity, part: Part) -> None:
    kind, _, rest = entity.ref.partition(":")
    namespace, _, name = rest.partition("/")
    own = [("entity", clean_id(entity.ref))]
    described = [("kind", kind), ("namespace", namespace), ("name", name)]
    described += [
        ("owner", entity.owner or ""),
        ("system", entity.system or ""),
        ("domain", entity.domain or ""),
        ("narrowed", "false" if narrowing_of(entity) is None else "true"),
    ]
    labels = _project_labels(part.project)
    info = label_block([*own, *((label, clean_text(value)) for label, value in described)])
    lines.add(ENTITY_INFO, f"{info},{labels}", 1)
    score = score_now([latest_scores(narrow_runs(part.digest.runs, [entity]))])
    lines.add(ENTITY_SCORE, f"{label_block(own)},{labels}", rounded(score.score))


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
            if past.last_outcome is not None:
                lines.add(EXPERIMENT_LAST_OUTCOME, f"{labels},{_outcome_label(past.last_outcome)}", 1)
        if is_known(part.digest.state):
            totals = part.digest.totals.get(experiment_id, {})
            for outcome in FINISHED:
                own = f"{labels},{_outcome_label(outcome)}"
                lines.add(EXPERIMENT_RUNS, own, totals.get(outcome, 0))


def _add_schedules(lines: Lines, part: Part, now: datetime) -> list[datetime | None]:
    """Add what the schedules of the listed experiments do; return when that may change."""
    changes: list[datetime | None] = []
    schedules = {one.experiment_id: one for one in _content(part).schedules or ()}
    for experiment_id, labels in _experiment_labels(part):
        schedule = schedules.get(experiment_id)
        if schedule is None:
            continue
        figures = schedule_figures(
            schedule, part.digest.runs, part.digest.state, now, retention=part.digest.retention
        )
        changes.append(next_schedule_change(schedule, now))
        if figures.next_fire_at is not None:
            lines.add(SCHEDULE_NEXT, labels, figures.next_fire_at.timestamp())
            if figures.next_fire_estimated:
                changes.append(figures.next_fire_at + TOLERANCE + _SECOND)
        if figures.missed is not None:
            lines.add(SCHEDULE_MISSED, labels, figures.missed.number)
    return changes


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
