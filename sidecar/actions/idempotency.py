"""Under which names an action is done at most once, and what counts as asking for the same again."""

import hashlib
from datetime import timedelta
from typing import Final

from sidecar.actions.kind import LONGEST_FLIGHT
from sidecar.actions.kinds import KINDS
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action
from sidecar.domain.errors import BadRequestError
from sidecar.domain.ports import Claim

IDEMPOTENCY_HOLD: Final = timedelta(days=1)
"""How long an Idempotency-Key is remembered."""
UNKNOWN_HOLD: Final = timedelta(minutes=10)
"""How long a run whose answer was lost keeps others from starting one, unless it is resolved before."""
_LONGEST_KEY: Final = 255


def key_claim(caller: str, key: str | None) -> Claim | None:
    """Return the claim of an Idempotency-Key, which means something for its own caller only.

    Raises:
        BadRequestError: If the key is empty, too long or not printable ASCII.
    """
    if key is None:
        return None
    if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadRequestError(
            f"Idempotency-Key must be 1 to {_LONGEST_KEY} printable ASCII characters.",
            parameter="Idempotency-Key",
        )
    digest = hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()
    return Claim(name=f"key:{digest}", hold=IDEMPOTENCY_HOLD)


def window_claim(asked: ActionRequest, window: timedelta) -> Claim | None:
    """Return the claim on doing this to an experiment; ``None`` for kinds that may follow each other.

    It is held while Litmus is asked, and for the window after its answer.
    """
    if not KINDS[asked.kind].once_per_window:
        return None
    digest = hashlib.sha256(f"{asked.project}\n{asked.experiment_id}".encode()).hexdigest()
    return Claim(
        name=f"{asked.kind}:{digest}", hold=LONGEST_FLIGHT + window, is_window=True, seize=asked.force
    )


def is_same(action: Action, asked: ActionRequest) -> bool:
    """Tell whether an action is the one asked for, ``force`` aside."""
    return (action.kind, action.project, action.experiment_id, action.target_run_id, action.suspended) == (
        asked.kind,
        asked.project,
        asked.experiment_id,
        asked.run_id,
        asked.suspended,
    )
