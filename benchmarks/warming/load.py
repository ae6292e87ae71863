"""Load: connections that ask, read the answer and ask again, for a while; bytes in, counts out."""

import asyncio
from dataclasses import dataclass, field
from random import getrandbits
from time import perf_counter
from typing import Final, cast

CONNECTIONS: Final = 16
OWN: Final = "{sixteen digits}"
"""Stands in a request for hexadecimal digits that are others each time it is sent."""
_OWN: Final = OWN.encode()
_END: Final = b"\r\n\r\n"


def anew(sent: bytes) -> bytes:
    """Return the bytes of a request as they are sent once."""
    return sent.replace(_OWN, b"%016x" % getrandbits(64)) if _OWN in sent else sent


@dataclass(slots=True)
class Counts:
    """What came of it."""

    answers: int = 0
    wrong: int = 0
    """Answers of another status than asked for."""
    seconds: list[float] = field(default_factory=list)
    """How long each answer took."""
    size: int = 0
    """Bytes of the last body."""


class _Asking(asyncio.Protocol):
    """One connection; told to stop by ``until``."""

    def __init__(self, sent: bytes, status: bytes, until: float, counts: Counts) -> None:
        self._sent, self._status, self._until, self._counts = sent, status, until, counts
        self._left = -1
        self._head = b""
        self._asked_at = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one by shape alone.
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._asked_at = perf_counter()
        self._left, self._head = -1, b""
        self._transport.write(anew(self._sent))

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            end = self._head.find(_END)
            if end < 0:
                return
            head = self._head[:end].lower()
            if head[9:12] != self._status:
                self._counts.wrong += 1
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
            self._counts.size = length
            self._left = length - (len(self._head) - end - 4)
        else:
            self._left -= len(data)
        if self._left == 0:
            now = perf_counter()
            self._counts.answers += 1
            self._counts.seconds.append(now - self._asked_at)
            if now >= self._until:
                self._transport.close()
            elif b"\r\nconnection: close" not in self._head.lower():
                self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.over.done():
            self.over.set_result(None)


async def load(
    port: int, sent: bytes, seconds: float, *, status: int = 200, connections: int = CONNECTIONS
) -> Counts:
    """Ask the same again and again on some connections; where the server closes one, on a new one."""
    counts, until = Counts(), perf_counter() + seconds
    loop = asyncio.get_running_loop()

    async def ask() -> None:
        while perf_counter() < until:
            _, asking = await loop.create_connection(
                lambda: _Asking(sent, str(status).encode(), until, counts), "127.0.0.1", port
            )
            await asking.over

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(ask())
    return counts
