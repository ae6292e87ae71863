"""In which order the experiments of an entity are listed: what needs a look first, what passes last; pure."""

from enum import IntEnum, auto
from typing import Final

from sidecar.domain.model import Infra
from sidecar.domain.runs import UNFINISHED, Outcome
from sidecar.http.shapes.grades import Grade


class RowRank(IntEnum):
    """Where a row belongs; within one rank the last changed comes first, as in the content."""

    URGENT = auto()
    SOON = auto()
    FAILED = auto()
    """Its last run failed a probe, ended in an error or ran out of time."""
    UNFINISHED = auto()
    """It runs or waits."""
    BLOCKED = auto()
    """Its infrastructure is gone or not connected, so it cannot run."""
    LATER = auto()
    """It needs attention some time."""
    OPEN = auto()
    """Its last run has no verdict, or it never ran."""
    PASSES = auto()
    """Its last run passed, and nothing is known against it."""


_OF_GRADE: Final = {Grade.URGENT: RowRank.URGENT, Grade.SOON: RowRank.SOON, Grade.LATER: RowRank.LATER}
_FAILED: Final = frozenset({Outcome.PROBE_FAILED, Outcome.ERROR, Outcome.TIMEOUT})


def row_rank(last: Outcome | None, infra: Infra | None, grade: Grade | None) -> RowRank:
    """Return where an experiment belongs: the first rank that fits it.

    ``last`` is the outcome of its last run, ``None`` if it never ran; ``grade``
    that of what needs attention of it, ``None`` if nothing does.
    """
    fitting = [RowRank.PASSES if last is Outcome.PASSED else RowRank.OPEN]
    if grade is not None:
        fitting.append(_OF_GRADE[grade])
    if last in _FAILED:
        fitting.append(RowRank.FAILED)
    if last in UNFINISHED:
        fitting.append(RowRank.UNFINISHED)
    if infra is None or not infra.is_active:
        fitting.append(RowRank.BLOCKED)
    return min(fitting)
