"""Who named which project since when, in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from sidecar.domain.catalog import Naming
from sidecar.domain.model import ProjectRef


class MemoryNamings:
    """:class:`ports.Namings` for one process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[ProjectRef, str], Naming] = {}

    async def all(self) -> Sequence[Naming]:
        """See :meth:`ports.Namings.all`."""
        return list(self._kept.values())

    async def keep(self, wanted: Collection[Naming], *, gone_before: datetime) -> Sequence[Naming]:
        """See :meth:`ports.Namings.keep`."""
        self._kept = {
            key: one for key, one in self._kept.items() if one.gone_at is None or one.gone_at > gone_before
        }
        for one in wanted:
            key = one.project, one.owner
            first = min(one.first_seen_at, self._kept.get(key, one).first_seen_at)
            self._kept[key] = msgspec.structs.replace(one, first_seen_at=first)
        return [self._kept[one.project, one.owner] for one in wanted]
