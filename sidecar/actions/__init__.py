"""The one way to run, stop or switch: rights, at most once, written down, looked up afterwards.

Whatever door a request came through, it ends in :meth:`ActionService.act`.
Nothing here knows HTTP, a database or Litmus's wire; those are ports.
"""

from sidecar.actions.kinds.start_schedule import recent_starts
from sidecar.actions.service import ActionService, open_actions
from sidecar.actions.settings import Settings

__all__ = ["ActionService", "Settings", "open_actions", "recent_starts"]
