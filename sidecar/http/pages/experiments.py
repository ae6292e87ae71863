"""The table of an entity's experiments: which rows, their cells, and what may be done with each; pure."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from sidecar.actions.policy import Asked
from sidecar.domain.action import ActionKind
from sidecar.domain.errors import SidecarError
from sidecar.domain.model import UNFINISHED, Entity, Experiment
from sidecar.http.pages.words import entity_path
from sidecar.http.pictures.charts import LOOKS, HeatRun, Look, heat_runs
from sidecar.http.pictures.charts.words import clean, moment, whole
from sidecar.http.shapes.content import ContentShape, ExperimentShape, ScheduleShape
from sidecar.insight.links import LitmusLinks
from sidecar.runtime.turns import Work

AT_ONCE: Final = 100
"""Rows on one page."""
NEVER: Final = "never"
"""The filter's word for the outcome of an experiment that never ran."""
Refusal = Callable[[Asked, Experiment], SidecarError | None]

_SHORT: Final[Mapping[str, str]] = {
    "actions_disabled": "switched off",
    "experiment_not_covered": "not part of what you own",
    "project_unclaimed": "nobody has a claim to the project",
    "forbidden": "not for you",
    "infrastructure_inactive": "not connected",
    "infrastructure_missing": "infrastructure is gone",
    "token_role_insufficient": "the sidecar's token may not",
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the filter above the table asks for."""

    name: str = ""
    """Words of which each is part of the name; ``""``: any. The same goes for the others."""
    outcome: str = ""
    """Of the last run, or :data:`NEVER`."""
    infra_id: str = ""
    offset: int = 0
    """Rows before the first shown."""

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.name or self.outcome or self.infra_id)


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an experiment in the heat map."""

    look: Look
    symbol: str
    """``""`` where the score alone says it: of passed runs."""
    score: str
    """A whole number; ``""`` unless the run is scored."""
    words: str
    """Outcome, when and who."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be done with an experiment, or why it cannot be now."""

    id: str
    label: str
    question: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    is_grave: bool = False
    """Whether it ends or repeats something; its button looks so."""
    refusal: SidecarError | None = None
    """``None``: it would be tried."""

    @property
    def why(self) -> str:
        """The refusal in a few words."""
        code = self.refusal.code if self.refusal else ""
        return _SHORT.get(code, code.replace("_", " "))


class ExperimentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment as the page shows it."""

    id: str
    """Of the row; safe in HTML whatever Litmus's id is."""
    shape: ExperimentShape
    link: str
    runs: str
    """Address of its runs."""
    cells: tuple[Cell, ...]
    """Newest first."""
    last: HeatRun | None
    """``None``: it never ran."""
    schedule: ScheduleShape | None
    """``None``: it has none, or its schedule was not read yet."""
    acts: tuple[Act, ...]


class ExperimentTable(msgspec.Struct, frozen=True, kw_only=True):
    """The experiments that the filter chose, and what holds for all of them."""

    rows: tuple[ExperimentRow, ...]
    chosen: int
    """How many the filter chose; more than the rows if they do not fit one page."""
    total: int
    wanted: Wanted
    outcomes: tuple[tuple[str, str], ...]
    """Choices of the filter: value and word."""
    infras: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    """Why something cannot be done with any of the rows; told once instead of in each."""
    any_schedule: bool


def experiment_table(
    *,
    entity: Entity,
    experiments: Sequence[Experiment],
    content: ContentShape,
    links: LitmusLinks,
    wanted: Wanted,
    zone: str,
    refusal: Refusal,
    is_production: Callable[[Experiment], bool],
) -> Work[ExperimentTable]:
    """Return the table, in slices; ``experiments`` are those that ``content`` shows, in the same order."""
    shapes = content.experiments or []
    lasts: dict[str, HeatRun | None] = {}
    pairs = []
    for experiment, shape in zip(experiments, shapes, strict=True):
        last = lasts[experiment.experiment_id] = _last(experiment)
        if _fits(shape, last, wanted):
            pairs.append((experiment, shape))
        yield
    schedules = {one.experiment_id: one for one in content.schedules or ()}
    stuck = frozenset(run.experiment_id for run in content.running_runs if run.stuck)
    rows = []
    for experiment, shape in pairs[wanted.offset : wanted.offset + AT_ONCE]:
        schedule = schedules.get(experiment.experiment_id)
        is_stuck = experiment.experiment_id in stuck
        acts = _acts(entity, experiment, schedule, refusal, is_stuck=is_stuck)
        note = " It runs in production." if is_production(experiment) else ""
        rows.append(
            ExperimentRow(
                id=row_id(experiment.experiment_id),
                shape=shape,
                link=links.experiment(experiment.experiment_id),
                runs=f"{entity_path(entity.ref)}/runs?experiment={_quoted(experiment.experiment_id)}",
                cells=tuple(_cell(run, zone) for run in heat_runs(experiment.recent_runs)),
                last=lasts[shape.experiment_id],
                schedule=schedule,
                acts=tuple(msgspec.structs.replace(act, question=act.question + note) for act in acts),
            )
        )
        yield
    kept, reasons = _told_once(rows)
    return ExperimentTable(
        rows=kept,
        chosen=len(pairs),
        total=len(shapes),
        wanted=wanted,
        outcomes=_outcomes(lasts.values()),
        infras=_infras(shapes),
        reasons=reasons,
        any_schedule=any(shape.cron_syntax for shape in shapes) or bool(schedules),
    )


def row_id(experiment_id: str) -> str:
    """Return the id of an experiment's row, for links to it."""
    return f"e-{hashlib.sha256(experiment_id.encode(errors='replace')).hexdigest()[:12]}"


def _fits(shape: ExperimentShape, last: HeatRun | None, wanted: Wanted) -> bool:
    outcome = NEVER if last is None else last.outcome.value
    name = shape.name.casefold()
    return (
        all(word in name for word in wanted.name.casefold().split())
        and wanted.outcome in {"", outcome}
        and wanted.infra_id in {"", shape.infra.infra_id}
    )


def _last(experiment: Experiment) -> HeatRun | None:
    return next(iter(heat_runs(experiment.recent_runs)), None)


def _cell(run: HeatRun, zone: str) -> Cell:
    look = LOOKS[run.outcome]
    words = look.label
    if run.at is not None:
        words += f", {moment(run.at, zone)}"
    if run.by is not None:
        words += f", by {run.by}"
    score = "" if run.score is None else str(whole(run.score))
    return Cell(
        look=look,
        symbol="" if score and run.score == _FULL else look.symbol,
        score=score,
        words=clean(words),
    )


_FULL: Final = 100.0


def _acts(
    entity: Entity,
    experiment: Experiment,
    schedule: ScheduleShape | None,
    refusal: Refusal,
    *,
    is_stuck: bool,
) -> list[Act]:
    """Return what somebody might want to do with the experiment as it stands."""
    unfinished = [run for run in experiment.recent_runs if run.outcome in UNFINISHED]
    acts = []

    def offer(
        kind: ActionKind,
        label: str,
        question: str,
        *fields: tuple[str, str],
        is_grave: bool = False,
        force: bool = False,
        suspended: bool | None = None,
    ) -> None:
        asked = Asked(
            kind=kind,
            project=entity.project,
            experiment_id=experiment.experiment_id,
            entity=entity,
            force=force,
            suspended=suspended,
        )
        acts.append(
            Act(
                id=f"{row_id(experiment.experiment_id)}-{label.split(maxsplit=1)[0].lower()}",
                label=label,
                question=question,
                path=_path(entity, experiment.experiment_id, kind),
                fields=fields,
                is_grave=is_grave,
                refusal=refusal(asked, experiment),
            )
        )

    if unfinished:
        many = len(unfinished) > 1
        label, what = (f"Stop {len(unfinished)} runs", "its unfinished runs") if many else ("Stop", "its run")
        offer(ActionKind.STOP, label, f"Stop {what}? A stopped run has no score.", is_grave=True)
    if experiment.cron_syntax:
        if schedule is not None and schedule.never_started:
            question = "Start its schedule? Litmus only saved it; its infrastructure follows it from then on."
            offer(ActionKind.START_SCHEDULE, "Start schedule", question)
        for suspended in _switches(schedule):
            label = "Suspend" if suspended else "Resume"
            offer(
                ActionKind.SCHEDULE,
                label,
                f"{label} its schedule?",
                ("suspended", str(suspended).lower()),
                suspended=suspended,
            )
    elif is_stuck:
        offer(
            ActionKind.RUN,
            "Run anyway",
            "Run it though a run of it is unfinished and has not changed for an hour?",
            ("force", "true"),
            is_grave=True,
            force=True,
        )
    elif not unfinished:
        offer(ActionKind.RUN, "Run", "Run it now?")
    return acts


def _switches(schedule: ScheduleShape | None) -> Iterable[bool]:
    """Return what the schedule can be switched to; both where it was not read yet."""
    return (True, False) if schedule is None else (not schedule.suspended,)


def _path(entity: Entity, experiment_id: str, kind: ActionKind) -> str:
    door = "schedule/start" if kind is ActionKind.START_SCHEDULE else kind.value
    return f"{entity_path(entity.ref)}/experiments/{_quoted(experiment_id)}/{door}"


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _told_once(rows: Sequence[ExperimentRow]) -> tuple[tuple[ExperimentRow, ...], tuple[str, ...]]:
    """Take reasons that hold for every row out of the rows."""
    sentences = Counter(
        sentence
        for row in rows
        for sentence in {str(act.refusal) for act in row.acts if act.refusal is not None}
    )
    everywhere = {sentence for sentence, number in sentences.items() if number > 1 and _holds(sentence, rows)}
    kept = tuple(
        msgspec.structs.replace(
            row, acts=tuple(act for act in row.acts if str(act.refusal) not in everywhere)
        )
        for row in rows
    )
    return kept, tuple(sorted(everywhere))


def _holds(sentence: str, rows: Sequence[ExperimentRow]) -> bool:
    """Tell whether every act of one of its labels is refused with the sentence."""
    refused = [(act.label, str(act.refusal)) for row in rows for act in row.acts]
    labels = {label for label, given in refused if given == sentence}
    return all(given == sentence for label, given in refused if label in labels)


def _outcomes(lasts: Collection[HeatRun | None]) -> tuple[tuple[str, str], ...]:
    present = {last.outcome for last in lasts if last is not None}
    found = [(outcome.value, look.label) for outcome, look in LOOKS.items() if outcome in present]
    return (*found, (NEVER, "Never run")) if None in lasts else tuple(found)


def _infras(shapes: Sequence[ExperimentShape]) -> tuple[tuple[str, str], ...]:
    names = {shape.infra.infra_id: shape.infra.name for shape in shapes if shape.infra.infra_id}
    return tuple(sorted(names.items(), key=lambda one: (one[1].casefold(), one[0])))
