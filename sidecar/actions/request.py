"""The action that somebody asks for, whatever door it came through."""

from typing import Final

import msgspec

from sidecar.domain.action import ActionKind
from sidecar.domain.catalog import Entity
from sidecar.domain.model import ProjectRef

_LONGEST_ID: Final = 256


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The action that is asked for."""

    kind: ActionKind
    project: ProjectRef
    experiment_id: str
    run_id: str | None = None
    """The run to stop; ``None``: all unfinished ones."""
    notify_id: str | None = None
    force: bool = False
    suspended: bool | None = None
    entity: Entity | None = None
    """The entity it is asked for; ``None``: the project alone is known."""


def is_id(text: str) -> bool:
    """Tell whether it can be an id; what is stored and logged is bounded by it."""
    return len(text) <= _LONGEST_ID and text.isprintable()
