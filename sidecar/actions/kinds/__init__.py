"""The kinds of action: a module each, named as :class:`ActionKind` has it, with its value ``KIND``.

What is particular to a kind is in its module; what holds for all is not here.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from sidecar.actions.kind import Kind
from sidecar.domain.action import ActionKind


def _kind(kind: ActionKind) -> Kind:
    found = import_module(f"{__name__}.{kind.value}").KIND
    if not isinstance(found, Kind):
        raise TypeError(f"KIND of {kind.value} is no Kind")
    return found


KINDS: Final[Mapping[ActionKind, Kind]] = {kind: _kind(kind) for kind in ActionKind}
"""Every kind; a module that is missing is found out at the start."""
