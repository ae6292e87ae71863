"""The table of attacks, each a coroutine that goes on until it is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.abusing import bodies, neighbours, sockets
from benchmarks.abusing.target import Needs, Target

USUAL: Final = Needs()
Act = Callable[[Target], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One way to do harm."""

    name: str
    what: str
    """In a few words, for the table."""
    act: Act
    needs: Needs = USUAL


_LARGE: Final = Needs(experiments=1_500)

ATTACKS: Final = (
    Attack(
        name="blanks",
        what="blanks, tabs and quotes in an enum variable, 15 and 240 kB",
        act=bodies.blanks,
    ),
    Attack(name="unknown-names", what="long unknown names, again and again", act=bodies.unknown_names),
    Attack(name="refused-bodies", what="refused bodies of 240 kB", act=bodies.refused),
    Attack(
        name="aliases",
        what="30 aliases of the recent runs of 1,500 experiments",
        act=bodies.aliases,
        needs=_LARGE,
    ),
    Attack(
        name="wide-search",
        what="a search for 2,000 words over 800 entities, by key and by person",
        act=bodies.wide_search,
        needs=Needs(entities=800, person=True),
    ),
    Attack(
        name="overlapping-fields",
        what="overlapping fields and fragments",
        act=bodies.overlapping,
    ),
    Attack(name="deep-json", what="deep JSON, 15 kB and 240 kB", act=bodies.deep),
    Attack(name="half-sent", what="520 half-sent bodies with one key", act=sockets.half_sent),
    Attack(
        name="gzip-bombs",
        what="1 MB of gzip that is 1 GB, at any path, without credential",
        act=bodies.bombs,
    ),
    Attack(
        name="unread-answers",
        what="100 connections that ask for 6 MB and do not read",
        act=sockets.unread,
        needs=_LARGE,
    ),
    Attack(
        name="unread-each-other",
        what="the same, each for another answer",
        act=sockets.unread_each,
        needs=_LARGE,
    ),
    Attack(
        name="malformed-utf8",
        what="Litmus answers what is no UTF-8, on every route",
        act=neighbours.malady("no UTF-8 alone"),
        needs=Needs(malady="no UTF-8 alone"),
    ),
    Attack(
        name="malformed-deep",
        what="Litmus answers 100,000 levels, on every route",
        act=neighbours.malady("deep arrays"),
        needs=Needs(malady="deep arrays"),
    ),
    Attack(
        name="half-open",
        what="400 half-open connections, 256 descriptors",
        act=sockets.half_open,
        needs=Needs(descriptors=256),
    ),
    Attack(
        name="half-open-spread",
        what="the same from 16 addresses",
        act=sockets.half_open_spread,
        needs=Needs(descriptors=256),
    ),
    Attack(name="dribbled-heads", what="200 heads sent byte by byte", act=sockets.dribbled),
    Attack(name="pipelined", what="pipelined requests, 50 in one piece", act=sockets.pipelined),
    Attack(name="full-disk", what="nothing can be written while runs come", act=neighbours.full_disk),
    Attack(
        name="catalog-writer",
        what="5,000 entities with long texts, tags and odd names",
        act=neighbours.catalog_writer,
    ),
    Attack(name="sick-hang", what="Litmus answers nothing", act=neighbours.hang),
    Attack(name="sick-drip", what="Litmus answers byte by byte", act=neighbours.malady("drip")),
    Attack(name="sick-500", what="Litmus answers 500 with HTML", act=neighbours.malady("failing with HTML")),
    Attack(name="sick-resets", what="Litmus resets the connection", act=neighbours.malady("reset")),
)


async def attack_for(attack: Attack, target: Target, seconds: float) -> None:
    """Attack for so long; what the attack itself meets, such as closed connections, it has counted."""
    try:
        async with asyncio.timeout(seconds):
            await attack.act(target)
            await asyncio.Event().wait()
    except TimeoutError:
        return
