"""What a caller may do with each experiment of an entity, told before they ask; pure.

The very rules that refuse (:func:`policy.refuse`), asked about the plainest
request of each kind. Nobody is asked, so what was not read yet refuses nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from sidecar.actions.kinds import KINDS
from sidecar.actions.policy import Caller, Case, refuse, standing
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import ActionKind
from sidecar.domain.catalog import Entity
from sidecar.domain.errors import SidecarError
from sidecar.domain.model import Content, Experiment
from sidecar.domain.roles import LitmusRole

Row = TypeVar("Row")
Refusals = Mapping[ActionKind, SidecarError | None]
"""Why each kind would be refused; ``None``: it would be tried."""


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that follows for one caller and the experiments of one entity."""

    cases: tuple[Case, ...]
    """One of each kind, of no experiment yet."""
    content: Content
    """Of the whole project."""
    token_role: LitmusRole | None
    """Our own token's; ``None``: not known."""
    now: datetime

    @property
    def outcome(self) -> tuple[LitmusRole | None, tuple[Caller, ...]]:
        """What sets these apart from those of other callers on the same content and at the same time."""
        return self.token_role, tuple(standing(case) for case in self.cases)

    def of(self, experiments: Iterable[Experiment]) -> Iterator[Refusals]:
        """Yield what may be done with each of the experiments, in their order."""
        schedules = _grouped(self.content.schedules, lambda one: one.experiment_id)
        environments = _grouped(self.content.environments, lambda one: one.environment_id)
        for experiment in experiments:
            environment_id = experiment.infra.environment_id if experiment.infra else ""
            # Rules look through lists; of thousands of experiments each would look through thousands.
            content = msgspec.structs.replace(
                self.content,
                schedules=None if schedules is None else schedules.get(experiment.experiment_id, ()),
                environments=None if environments is None else environments.get(environment_id, ()),
            )
            yield {case.asked.kind: self._refusal(case, experiment, content) for case in self.cases}

    def _refusal(self, case: Case, experiment: Experiment, content: Content) -> SidecarError | None:
        asked = msgspec.structs.replace(case.asked, experiment_id=experiment.experiment_id)
        about = msgspec.structs.replace(case, asked=asked)
        return refuse(about, experiment, content, self.token_role, self.now)


def plainest_of(entity: Entity) -> Iterator[ActionRequest]:
    """Yield the plainest request of each kind for an entity, of no experiment yet."""
    for kind, value in KINDS.items():
        yield ActionRequest(
            kind=kind, project=entity.project, experiment_id="", entity=entity, **value.plainest
        )


def _grouped(rows: Iterable[Row] | None, id_of: Callable[[Row], str]) -> Mapping[str, tuple[Row, ...]] | None:
    """Return the rows of each id; ``None`` stays ``None``: they were not read yet."""
    if rows is None:
        return None
    groups: defaultdict[str, tuple[Row, ...]] = defaultdict(tuple)
    for row in rows:
        groups[id_of(row)] += (row,)
    return groups
