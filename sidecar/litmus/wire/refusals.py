"""What Litmus refuses to do, and why, read off its own words; each refusal is one of ours. Pure.

Whole texts are compared, lower-case: they are constants of Litmus's server, and
a part of one could stand in another error.
"""

from collections.abc import Mapping
from typing import Final

from sidecar.domain.errors import (
    ActionRefusedError,
    ExperimentRemovedError,
    InfrastructureInactiveError,
    InfrastructureMissingError,
    RunFinishedError,
)

_INACTIVE: Final = (
    InfrastructureInactiveError,
    ("Infrastructure of the experiment is not connected; its agent has to be first."),
)
_REMOVED: Final = ExperimentRemovedError, "Experiment was deleted in Litmus."

_REFUSALS: Final[Mapping[str, Mapping[str, tuple[type[ActionRefusedError], str]]]] = {
    "runChaosExperiment": {
        "experiment re-run failed due to inactive infra": _INACTIVE,
        "could not get experiment run, error: mongo: no documents in result": _REMOVED,
        "mongo: no documents in result": (
            InfrastructureMissingError,
            "Infrastructure of the experiment is gone from Litmus.",
        ),
    },
    "stopExperimentRuns": {
        "could not get experiment run, error: mongo: no documents in result": _REMOVED,
        "no running, timeout, or queued experiments found": (
            RunFinishedError,
            "No run of the experiment is running or waiting.",
        ),
    },
    "updateCronExperimentState": {
        # The misspelling is Litmus's own.
        "cron experiement updation failed due to inactive infra, err: <nil>": _INACTIVE,
        "could not get experiment run, error: mongo: no documents in result": _REMOVED,
    },
}
"""By field, then by Litmus's text."""


def refusal(field: str, message: str) -> ActionRefusedError | None:
    """Return what a field's error text, lower-case, refuses; ``None``: no refusal that we know."""
    known = _REFUSALS.get(field, {}).get(message)
    return None if known is None else known[0](known[1])
