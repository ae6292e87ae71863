"""The table of an entity's experiments: which rows, their cells, and what may be done with each; pure."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from sidecar.actions.kind import ExperimentView, Offer
from sidecar.actions.kinds import KINDS
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import ActionKind
from sidecar.domain.catalog import Entity
from sidecar.domain.errors import SidecarError
from sidecar.domain.model import Experiment
from sidecar.http.api.action_requests import request_from_form
from sidecar.http.pages.filters import entity_path
from sidecar.http.pages.row_order import RowRank, row_rank
from sidecar.http.pictures.charts import LOOKS, HeatRun, Look, heat_runs
from sidecar.http.pictures.charts.words import clean, moment, whole
from sidecar.http.shapes.content import ContentShape, ExperimentShape, ScheduleShape
from sidecar.http.shapes.grades import Grade
from sidecar.insight.links import LitmusLinks
from sidecar.runtime.turns import Work

AT_ONCE: Final = 100
"""Rows on one page."""
NEVER: Final = "never"
"""The filter's word for the outcome of an experiment that never ran."""
Refusal = Callable[[ActionRequest, Experiment], SidecarError | None]

_SHORT: Final[Mapping[str, str]] = {
    "actions_disabled": "switched off",
    "experiment_not_covered": "not part of what you own",
    "project_unclaimed": "nobody has a claim to the project",
    "forbidden": "not for you",
    "infrastructure_inactive": "not connected",
    "infrastructure_missing": "infrastructure is gone",
    "token_role_insufficient": "the sidecar's token may not",
}


class ExperimentFilter(msgspec.Struct, frozen=True, kw_only=True):
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


class ActionButton(msgspec.Struct, frozen=True, kw_only=True):
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
    def short_refusal(self) -> str:
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
    buttons: tuple[ActionButton, ...]
    passes: bool
    """Whether nothing about it needs a look, so that it may be folded."""


class ExperimentTable(msgspec.Struct, frozen=True, kw_only=True):
    """The experiments that the filter chose, and what holds for all of them."""

    rows: tuple[ExperimentRow, ...]
    """Those that need a look first; see :func:`row_order.row_rank`."""
    chosen: int
    """How many the filter chose; more than the rows if they do not fit one page."""
    total: int
    wanted: ExperimentFilter
    outcomes: tuple[tuple[str, str], ...]
    """Choices of the filter: value and word."""
    infras: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    """Why something cannot be done with any of the rows; shown once instead of in each."""
    any_schedule: bool

    @property
    def in_view(self) -> tuple[ExperimentRow, ...]:
        """The rows that need a look."""
        return tuple(row for row in self.rows if not row.passes)

    @property
    def folded(self) -> tuple[ExperimentRow, ...]:
        """The rows that pass."""
        return tuple(row for row in self.rows if row.passes)


def experiment_table(
    *,
    entity: Entity,
    experiments: Sequence[Experiment],
    content: ContentShape,
    links: LitmusLinks,
    wanted: ExperimentFilter,
    zone: str,
    refusal: Refusal,
    grades: Mapping[str, Grade],
) -> Work[ExperimentTable]:
    """Return the table, in slices; ``experiments`` are those that ``content`` shows, in the same order.

    ``grades`` are of those that need attention, by id.
    """
    shapes = content.experiments or []
    lasts: dict[str, HeatRun | None] = {}
    chosen = yield from _chosen(zip(experiments, shapes, strict=True), wanted, grades, lasts)
    schedules = {one.experiment_id: one for one in content.schedules or ()}
    stuck = frozenset(run.experiment_id for run in content.running_runs if run.stuck)
    rows = []
    for rank, experiment, shape in chosen[wanted.offset : wanted.offset + AT_ONCE]:
        schedule = schedules.get(experiment.experiment_id)
        is_stuck = experiment.experiment_id in stuck
        rows.append(
            ExperimentRow(
                id=row_id(experiment.experiment_id),
                shape=shape,
                link=links.experiment(experiment.experiment_id),
                runs=f"{entity_path(entity.ref)}/runs?experiment={_quoted(experiment.experiment_id)}",
                cells=tuple(_cell(run, zone) for run in heat_runs(experiment.recent_runs)),
                last=lasts[shape.experiment_id],
                schedule=schedule,
                buttons=_buttons(entity, experiment, shape, schedule, refusal, is_stuck=is_stuck),
                passes=rank is RowRank.PASSES,
            )
        )
        yield
    kept, reasons = _without_shared_reasons(rows)
    return ExperimentTable(
        rows=kept,
        chosen=len(chosen),
        total=len(shapes),
        wanted=wanted,
        outcomes=_outcomes(lasts.values()),
        infras=_infras(shapes),
        reasons=reasons,
        any_schedule=any(shape.cron_syntax for shape in shapes) or bool(schedules),
    )


def _chosen(
    experiments: Iterable[tuple[Experiment, ExperimentShape]],
    wanted: ExperimentFilter,
    grades: Mapping[str, Grade],
    lasts: dict[str, HeatRun | None],
) -> Work[list[tuple[RowRank, Experiment, ExperimentShape]]]:
    """Return what the filter chose, what needs a look first; adds the last run of each to ``lasts``."""
    chosen = []
    for experiment, shape in experiments:
        last = lasts[experiment.experiment_id] = _last(experiment)
        if _fits(shape, last, wanted):
            outcome = None if last is None else last.outcome
            rank = row_rank(outcome, experiment.infra, grades.get(experiment.experiment_id))
            chosen.append((rank, experiment, shape))
        yield
    return sorted(chosen, key=lambda one: one[0])


def row_id(experiment_id: str) -> str:
    """Return the id of an experiment's row, for links to it."""
    return f"e-{hashlib.sha256(experiment_id.encode(errors='replace')).hexdigest()[:12]}"


def _fits(shape: ExperimentShape, last: HeatRun | None, wanted: ExperimentFilter) -> bool:
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


def _buttons(
    entity: Entity,
    experiment: Experiment,
    shape: ExperimentShape,
    schedule: ScheduleShape | None,
    refusal: Refusal,
    *,
    is_stuck: bool,
) -> tuple[ActionButton, ...]:
    """Return what somebody might want to do with the experiment as it stands."""
    view = ExperimentView(
        experiment=experiment,
        is_stuck=is_stuck,
        suspended=None if schedule is None else schedule.suspended,
        never_started=schedule is not None and schedule.never_started is True,
    )
    note = " It runs in production." if shape.in_production else ""
    return tuple(
        _button(entity, experiment, kind, offer, refusal, note=note)
        for kind in _BY_PLACE
        for offer in KINDS[kind].offers(view)
    )


_BY_PLACE: Final = sorted(KINDS, key=lambda kind: KINDS[kind].place)


def _button(
    entity: Entity, experiment: Experiment, kind: ActionKind, offer: Offer, refusal: Refusal, *, note: str
) -> ActionButton:
    experiment_id = experiment.experiment_id
    return ActionButton(
        id=f"{row_id(experiment_id)}-{offer.label.split(maxsplit=1)[0].lower()}",
        label=offer.label,
        question=offer.question + note,
        path=f"{entity_path(entity.ref)}/experiments/{_quoted(experiment_id)}/{KINDS[kind].path}",
        fields=tuple(offer.fields.items()),
        is_grave=offer.is_grave,
        refusal=refusal(request_from_form(kind, entity, experiment_id, offer.fields), experiment),
    )


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _without_shared_reasons(
    rows: Sequence[ExperimentRow],
) -> tuple[tuple[ExperimentRow, ...], tuple[str, ...]]:
    """Take reasons that hold for every row out of the rows."""
    sentences = Counter(
        sentence
        for row in rows
        for sentence in {str(button.refusal) for button in row.buttons if button.refusal is not None}
    )
    everywhere = {
        sentence for sentence, number in sentences.items() if number > 1 and _refuses_all(sentence, rows)
    }
    kept = tuple(
        msgspec.structs.replace(
            row, buttons=tuple(button for button in row.buttons if str(button.refusal) not in everywhere)
        )
        for row in rows
    )
    return kept, tuple(sorted(everywhere))


def _refuses_all(sentence: str, rows: Sequence[ExperimentRow]) -> bool:
    """Tell whether every button of one of its labels is refused with the sentence."""
    refused = [(button.label, str(button.refusal)) for row in rows for button in row.buttons]
    labels = {label for label, given in refused if given == sentence}
    return all(given == sentence for label, given in refused if label in labels)


def _outcomes(lasts: Collection[HeatRun | None]) -> tuple[tuple[str, str], ...]:
    present = {last.outcome for last in lasts if last is not None}
    found = [(outcome.value, look.label) for outcome, look in LOOKS.items() if outcome in present]
    return (*found, (NEVER, "Never run")) if None in lasts else tuple(found)


def _infras(shapes: Sequence[ExperimentShape]) -> tuple[tuple[str, str], ...]:
    names = {shape.infra.infra_id: shape.infra.name for shape in shapes if shape.infra.infra_id}
    return tuple(sorted(names.items(), key=lambda one: (one[1].casefold(), one[0])))
