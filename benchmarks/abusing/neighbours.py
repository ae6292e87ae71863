"""Attacks from behind: a sick Litmus, a full disk, and who may write the catalog."""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any, Final

from benchmarks.abusing.target import Target, document, write_catalog

ENTITIES: Final = 5_000
_DISK_BYTES: Final = 4_096
"""Less than every file has already: each write fails."""
_ODD: Final = (
    "'\"><script>",
    "\u202egnp.exe",
    "اختبار",
    "💥" * 40,
    "{{7*7}}",
    "=cmd|' /C calc'!A0",
    "\x1b[31m",
)


def malady(name: str) -> Callable[[Target], Awaitable[None]]:
    """Return an attack that spoils everything that Litmus answers."""

    async def act(target: Target) -> None:
        target.neighbour.tell({"malady": name, "only": ""})

    return act


async def hang(target: Target) -> None:
    """Let Litmus answer nothing any more."""
    target.neighbour.tell({"hang": True})


async def full_disk(target: Target) -> None:
    """Let no file grow any more, while there is ever more to be stored."""
    resource.prlimit(target.process.pid, resource.RLIMIT_FSIZE, (_DISK_BYTES, resource.RLIM_INFINITY))
    while True:
        target.neighbour.tell({"runs": 5})
        await asyncio.sleep(0.2)


def odd_documents(project: str, turn: int) -> list[dict[str, Any]]:
    """Return many documents, each as long and odd as its writer likes."""
    return [
        document(
            f"odd-{turn}-{number:04}" if number % 10 else _ODD[number // 10 % len(_ODD)],
            project,
            title=_ODD[number % len(_ODD)] * 10,
            description="long " * 200,
            tags=[f"tag-{number}-{tag}" for tag in range(20)],
        )
        for number in range(ENTITIES)
    ]


async def catalog_writer(target: Target) -> None:
    """Write a huge catalog, and another one as soon as it may have been read."""
    written = [await asyncio.to_thread(odd_documents, target.small, turn) for turn in range(2)]
    turn = 0
    while True:
        await asyncio.to_thread(write_catalog, target.folder, written[turn % 2])
        turn += 1
        await asyncio.sleep(4)
