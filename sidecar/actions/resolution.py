"""What became of actions, read off what was synchronised since. Pure.

Litmus names a run it starts by a notify id that no list shows, and gives the
run its own id only later; so a run is known by its experiment and creation
time. Each run answers for one action, oldest first.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sidecar.actions.kind import LONGEST_FLIGHT, Observation
from sidecar.actions.kinds import KINDS
from sidecar.domain.action import Action
from sidecar.domain.model import Snapshot

LOOK_BACK: Final = timedelta(hours=1)
"""Actions older than this stay as they are."""


def resolutions(
    actions: Sequence[Action], snapshot: Snapshot, now: datetime, username: str | None = None
) -> list[Action]:
    """Return the actions about which the snapshot tells more, as they stand with that.

    Args:
        actions: All recent ones of the snapshot's project, oldest first.
        snapshot: What was synchronised.
        now: The time.
        username: Whose token we act with: runs of others are not ours; ``None``: not known.
    """
    taken: set[tuple[str, int | None]] = {
        (one.experiment_id, one.run_created_at_ms) for one in actions if one.run_created_at_ms is not None
    }
    changed = []
    for action in actions:
        if action.is_resolved or _is_in_flight(action, now):
            continue
        resolved = _resolved(action, snapshot, taken, username)
        if resolved != action:
            taken.add((resolved.experiment_id, resolved.run_created_at_ms))
            changed.append(resolved)
    return changed


def _resolved(
    action: Action, snapshot: Snapshot, taken: Collection[tuple[str, int | None]], username: str | None
) -> Action:
    kind = KINDS[action.kind]
    freshness = snapshot.freshness.get(kind.section)
    seen_at = freshness.succeeded_at if freshness else None
    if seen_at is None or seen_at <= action.created_at:
        return action
    experiments = snapshot.content.experiments or ()
    seen = Observation(
        at=seen_at,
        content=snapshot.content,
        experiment=next((one for one in experiments if one.experiment_id == action.experiment_id), None),
        taken=taken,
        username=username,
    )
    return kind.conclude(action, seen)


def _is_in_flight(action: Action, now: datetime) -> bool:
    return action.answered_at is None and now - action.created_at < LONGEST_FLIGHT
