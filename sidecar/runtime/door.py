"""Requests that come at once are let on a few in each pass of the event loop, of everybody in turn.

Each costs little, but a hundred that arrive together, or that wake together because they waited for the
same thing, would all be worked on before anybody else is heard.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Final

PER_PASS: Final = 4
"""Requests; each takes a millisecond or less."""


class Door:
    """Where requests wait for a pass of the event loop that has room for them."""

    def __init__(self, *, per_pass: int = PER_PASS) -> None:
        self._per_pass = per_pass
        self._left = per_pass
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Who has one waiting; whose turn is next comes first."""
        self._is_counting = False
        """Whether the end of this pass is waited for."""

    async def pass_through(self, who: str) -> None:
        """Return at once while there is room in this pass, else in turn with whatever others wait for."""
        if self._left and not self._waiting:
            self._left -= 1
            self._count()
            return
        waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(waits)
        self._count()
        await waits

    def _count(self) -> None:
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._next_pass)

    def _next_pass(self) -> None:
        self._is_counting = False
        self._left = self._per_pass
        while self._left and self._waiting:
            who, queue = self._waiting.popitem(last=False)
            first = queue.popleft()
            if queue:
                self._waiting[who] = queue
            # Whoever left meanwhile takes nobody's place.
            if not first.done():
                first.set_result(None)
                self._left -= 1
        if self._left < self._per_pass:
            self._count()
