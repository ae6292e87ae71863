"""What each kind of action brings: one value of :class:`Kind` per module of :mod:`sidecar.actions.kinds`.

Rules, routes, forms, buttons and what became of an action walk the kinds, and
know of none by name. Every function here is pure but ``send``.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action, ActionOutcome, Change, RunStop
from sidecar.domain.errors import (
    ActionNotDoneError,
    BadRequestError,
    InfrastructureInactiveError,
    InfrastructureMissingError,
    SidecarError,
    UpstreamAnswerLostError,
)
from sidecar.domain.model import Content, Experiment, Section
from sidecar.domain.ports import Actor
from sidecar.domain.roles import LitmusRole
from sidecar.domain.runs import UNFINISHED, RecentRun
from sidecar.domain.unreadable import UNREADABLE

LONGEST_FLIGHT: Final = timedelta(minutes=2)
"""Longer than a request may wait for its turn and its answer; after it nobody waits any more."""
SETTLING: Final = timedelta(seconds=90)
"""What Litmus may still do after we stopped waiting: its proxy gives up after 60 s."""

Body = TypeVar("Body", bound=msgspec.Struct)


class ExperimentView(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment as a page shows it, for offering what can be done with it."""

    experiment: Experiment
    is_stuck: bool
    """Whether a run of it is unfinished and has not changed for long."""
    suspended: bool | None
    """Whether its schedule is off; ``None``: it has none, or its schedule was not read yet."""
    never_started: bool
    """Whether its schedule was only saved."""

    @property
    def unfinished(self) -> list[RecentRun]:
        """Its runs that run or wait."""
        return unfinished(self.experiment)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A button, and what is asked before it does something."""

    label: str
    question: str
    fields: Mapping[str, str] = {}
    """Of the form behind it."""
    is_grave: bool = False
    """Whether it ends or repeats something; its button looks so."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What a synchronisation after the action shows."""

    at: datetime
    content: Content
    experiment: Experiment | None
    """``None``: it is gone."""
    taken: Collection[tuple[str, int | None]]
    """Experiment and creation time of the runs that other actions started."""
    username: str | None
    """Whose token we act with: runs of others are not ours; ``None``: not known."""


def _refuse_nothing(_asked: ActionRequest) -> SidecarError | None:
    """Refuse nothing."""


def _no_runs(_recent_runs: Sequence[RecentRun], _asked: ActionRequest) -> tuple[RunStop, ...]:
    return ()


def _add_nothing(asked: ActionRequest, _arguments: Mapping[str, Any]) -> ActionRequest:
    return asked


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of action."""

    path: str
    """How its addresses end, below the experiment's."""
    summary: str
    """One sentence for the API's documentation."""
    form_summary: str
    """The same for its form on the entity page."""
    body: type[msgspec.Struct]
    """Form of the JSON body of a request."""
    body_required: bool = False
    """Whether a request without a body is refused."""
    read: Callable[[ActionRequest, bytes], ActionRequest]
    """Adds what the body says; raises :class:`BadRequestError` if it is none of the form."""
    mutation: Change | None = None
    """The mutation by which the plugin asks for it; ``None``: it cannot."""
    read_mutation: Callable[[ActionRequest, Mapping[str, Any]], ActionRequest] = _add_nothing
    """Adds what the arguments of that mutation say."""
    roles: frozenset[LitmusRole]
    """The roles to which Litmus grants it."""
    plainest: Mapping[str, Any] = {}
    """What its plainest request says beside the experiment, by field of :class:`ActionRequest`."""
    refuse_form: Callable[[ActionRequest], SidecarError | None] = _refuse_nothing
    """Refuses what no state of the world would make sensible."""
    refuse_state: Callable[[ActionRequest, Experiment, Content, datetime], SidecarError | None]
    """Refuses what makes no sense now."""
    once_per_window: bool = False
    """Whether for a while after it the same experiment gets its answer instead of another action."""
    targets: Callable[[Sequence[RecentRun], ActionRequest], tuple[RunStop, ...]] = _no_runs
    """The runs that it is about, out of the experiment's, as far as each has an outcome of its own."""
    send: Callable[[Actor, Action], Awaitable[Action]]
    """Asks Litmus, once, and returns the action as its answer leaves it."""
    section: Section
    """What has to be synchronised after it to tell what became of it."""
    conclude: Callable[[Action, Observation], Action]
    """Returns the action with what was synchronised since; as it was, if that tells nothing."""
    place: int
    """Where its buttons stand among an experiment's; the smallest comes first."""
    offers: Callable[[ExperimentView], Iterable[Offer]]
    """What somebody might want to do with the experiment as it stands."""


def read_body(body: bytes, form: type[Body]) -> Body:
    """Return a JSON body.

    Raises:
        BadRequestError: If it is not of the form; it names the fields that may be there, and their values.
    """
    try:
        return msgspec.json.decode(body, type=form)
    except UNREADABLE as exc:
        fields = ", ".join(
            f"{field.encode_name} (true or false)" if field.type is bool else field.encode_name
            for field in msgspec.structs.fields(form)
        )
        what = f"a JSON object with nothing but: {fields}" if fields else "empty, or an empty JSON object"
        raise BadRequestError(f"Body must be {what}.") from exc


def unfinished(experiment: Experiment) -> list[RecentRun]:
    """Return the experiment's runs that run or wait."""
    return [run for run in experiment.recent_runs if run.outcome in UNFINISHED]


def refuse_infra(experiment: Experiment) -> SidecarError | None:
    """Refuse what an infrastructure would have to do that is not there."""
    if experiment.infra is None:
        return InfrastructureMissingError(
            f"Infrastructure of experiment {experiment.name} is gone from Litmus."
        )
    if not experiment.infra.is_active:
        return InfrastructureInactiveError(
            f"Infrastructure {experiment.infra.name} is not connected; its agent has to be first."
        )
    return None


async def with_answer(action: Action, asking: Awaitable[str | bool]) -> Action:
    """Return the action as the answer to its one request leaves it; a text in it is a notify id."""
    try:
        answer = await asking
    except SidecarError as exc:
        is_lost = isinstance(exc, UpstreamAnswerLostError)
        outcome = ActionOutcome.UNKNOWN if is_lost else ActionOutcome.FAILED
        return msgspec.structs.replace(action, outcome=outcome, error_code=exc.code, error_message=str(exc))
    notify_id = answer if isinstance(answer, str) and action.kind.starts_run else None
    return msgspec.structs.replace(action, outcome=ActionOutcome.ACCEPTED, notify_id=notify_id or None)


def concluded(action: Action, seen_at: datetime, *, is_done: bool | None) -> Action:
    """Return the action with what was seen of it then; ``None``: nothing."""
    if action.outcome is not ActionOutcome.UNKNOWN or is_done is None:
        return action
    if is_done:
        return accepted(action, None)
    if seen_at < (action.answered_at or action.created_at + LONGEST_FLIGHT) + SETTLING:
        return action
    return msgspec.structs.replace(
        action,
        outcome=ActionOutcome.FAILED,
        answered_at=action.answered_at or seen_at,
        error_code=ActionNotDoneError.code,
        error_message="Litmus did not answer, and what was synchronised since shows that it did not do it.",
    )


def accepted(action: Action, run: RecentRun | None) -> Action:
    """Return the action as one that was done, with the run that it started."""
    return msgspec.structs.replace(
        action,
        outcome=ActionOutcome.ACCEPTED,
        answered_at=action.answered_at or action.created_at,
        run_id=(run.experiment_run_id or None) if run else None,
        run_created_at_ms=run.created_at_ms if run else None,
        error_code=None,
        error_message=None,
    )
