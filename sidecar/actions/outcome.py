"""What whoever asked for an action gets: the action, or the error that kept Litmus from doing it."""

from typing import Final

from sidecar.domain.action import Action, ActionOutcome
from sidecar.domain.errors import ActionRefusedError, SidecarError, UpstreamError


def raise_if_failed(action: Action) -> Action:
    """Return an action that is, or may be, done at least in part; raise what kept Litmus from doing it."""
    if action.outcome is not ActionOutcome.FAILED:
        return action
    message = action.error_message or "Litmus did not do it."
    raise _ERRORS.get(action.error_code or "", UpstreamError)(message)


def _subclasses(base: type[SidecarError]) -> dict[str, type[SidecarError]]:
    found = {base.code: base}
    for one in base.__subclasses__():
        found |= _subclasses(one)
    return found


_ERRORS: Final = _subclasses(UpstreamError) | _subclasses(ActionRefusedError)
"""By code: a repeat of a failed action raises what the first one did."""
