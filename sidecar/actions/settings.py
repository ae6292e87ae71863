"""How actions are done: whose rules hold, how long repeats count, what is known of our own token."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import msgspec

from sidecar.actions.policy import Rules
from sidecar.actions.recorder import ignore
from sidecar.domain.action import ActionKind
from sidecar.domain.model import ProjectRef
from sidecar.domain.roles import LitmusRole

ANSWER_SECONDS: Final = 10.0
"""Longest that whoever asks waits for an answer; what is known by then is told."""
LOOK_UP_SECONDS: Final = 8.0
"""Longest of it that is spent on finding out how things stand, before anything is sent."""
LOOK_SECONDS: Final = 1.5
"""How often is looked for the id of a run that is to be stopped."""
POLL_SECONDS: Final = 0.2
"""How often is looked for an answer that another replica waits for."""
FOLLOW_SECONDS: Final = 5.0
"""How often is looked whether more is known of actions."""


def _unknown_role(_project: ProjectRef) -> LitmusRole | None:
    """Return nothing: the role of the token is not known."""


def _unknown_user(_instance: str) -> str | None:
    """Return nothing: the user of the token is not known."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How actions are done."""

    rules: Rules = Rules()
    window: timedelta = timedelta(seconds=10)
    """For so long after its answer, another run of the same experiment gets that answer too."""
    answer_seconds: float = ANSWER_SECONDS
    look_up_seconds: float = LOOK_UP_SECONDS
    look_seconds: float = LOOK_SECONDS
    poll_seconds: float = POLL_SECONDS
    follow_seconds: float = FOLLOW_SECONDS
    token_role: Callable[[ProjectRef], LitmusRole | None] = _unknown_role
    """The role of our token in a project; ``None``: not known, then Litmus decides."""
    token_user: Callable[[str], str | None] = _unknown_user
    """The user name of our token in an instance; ``None``: not known."""
    observe: Callable[[ActionKind, str], None] = ignore
    """Told of each attempt and what came of it: an outcome, or ``repeat``."""
