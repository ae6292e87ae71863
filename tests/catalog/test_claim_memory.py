"""Who is remembered to have named a project: across failures, restarts and replicas."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sidecar.catalog.claims import NamingMemory
from sidecar.catalog.claims.memory import WRITTEN_AT_ONCE
from sidecar.catalog.claims.rules import REMEMBERED_FOR
from sidecar.domain.catalog import Entity, Naming
from sidecar.domain.errors import StoreError
from tests.support.builders import NOW, catalog, entity, project
from tests.support.memory_store.namings import MemoryNamings

A, B = "group:default/team-a", "group:default/team-b"
HOUR = timedelta(hours=1)


class Shared:
    """A store and the time, which a test changes."""

    def __init__(self) -> None:
        self.kept = MemoryNamings()
        self.is_away = False
        self.now = NOW
        self.written: list[int] = []

    def clock(self) -> datetime:
        return self.now

    async def all(self) -> Sequence[Naming]:
        if self.is_away:
            raise StoreError("The database is away.")
        return await self.kept.all()

    async def keep(self, namings: Collection[Naming], *, gone_before: datetime) -> Sequence[Naming]:
        if self.is_away:
            raise StoreError("The database is away.")
        self.written.append(len(namings))
        return await self.kept.keep(namings, gone_before=gone_before)

    def replica(self) -> NamingMemory:
        return NamingMemory(self, self.clock)


def named(owner: str | None, project_id: str = "p") -> Entity:
    return entity(f"component:default/{project_id}-{owner}", project=project(project_id), owner=owner)


def order(memory: NamingMemory) -> list[str]:
    return [one.owner for one in sorted(memory.of(project("p")), key=lambda one: one.first_seen_at)]


async def test_who_came_first_is_first_whatever_the_clock_says() -> None:
    shared = Shared()
    memory = shared.replica()
    await memory.learn(catalog(named(B)))
    shared.now -= 5 * HOUR
    await memory.learn(catalog(named(A), named(B)))
    assert order(memory) == [B, A]


async def test_nothing_is_written_while_nothing_changes() -> None:
    shared = Shared()
    memory = shared.replica()
    for _ in range(3):
        await memory.learn(catalog(named(A), named(None)))
        shared.now += HOUR
    assert shared.written == [2]


async def test_one_reading_without_an_owner_is_no_new_beginning() -> None:
    shared = Shared()
    memory = shared.replica()
    await memory.learn(catalog(named(A)))
    shared.now += HOUR
    await memory.learn(catalog(named(B)))
    (gone,) = (one for one in memory.of(project("p")) if one.owner == A)
    assert gone.gone_at == shared.now
    shared.now += HOUR
    await memory.learn(catalog(named(A), named(B)))
    assert order(memory) == [A, B]
    assert {one.gone_at for one in memory.of(project("p"))} == {None}


async def test_who_was_away_for_long_is_a_newcomer() -> None:
    shared = Shared()
    memory = shared.replica()
    await memory.learn(catalog(named(A)))
    await memory.learn(catalog(named(B)))
    shared.now += REMEMBERED_FOR
    await memory.learn(catalog(named(A), named(B)))
    assert order(memory) == [B, A]
    restarted = shared.replica()
    await restarted.load()
    assert order(restarted) == [B, A]


async def test_who_went_long_ago_is_forgotten() -> None:
    shared = Shared()
    memory = shared.replica()
    await memory.learn(catalog(named(A)))
    await memory.learn(catalog(named(B)))
    shared.now += REMEMBERED_FOR
    await memory.learn(catalog(named(B), named(B, "other")))
    assert order(memory) == [B]
    assert memory.projects_with_id("p") == {project("p")}
    assert [one.owner for one in await shared.all() if one.project == project("p")] == [B]


async def test_a_time_without_the_service_is_no_time_away() -> None:
    shared = Shared()
    await shared.replica().learn(catalog(named(A)))
    shared.now += 3 * REMEMBERED_FOR
    memory = shared.replica()
    await memory.learn(catalog(named(B)))
    assert order(memory) == [A, B]
    (elder, _) = sorted(memory.of(project("p")), key=lambda one: one.first_seen_at)
    assert elder.gone_at == shared.now, "it counts from when the catalog was seen without it"


async def test_what_was_learnt_while_the_store_was_away_is_written_when_it_is_back() -> None:
    shared = Shared()
    memory = shared.replica()
    await memory.learn(catalog(named(A)))
    shared.is_away = True
    both = catalog(named(A), named(B))
    await memory.learn(both)
    assert order(memory) == [A, B]
    shared.is_away = False
    await memory.learn(both)
    restarted = shared.replica()
    await restarted.load()
    assert order(restarted) == [A, B]


async def test_a_start_without_the_store_makes_nobody_the_first() -> None:
    shared = Shared()
    await shared.replica().learn(catalog(named(A)))
    shared.is_away = True
    shared.now += HOUR
    memory = shared.replica()
    both = catalog(named(A), named(B))
    await memory.learn(both)
    knew = memory.is_loaded
    shared.is_away = False
    await memory.learn(both)
    assert (knew, memory.is_loaded) == (False, True)
    assert order(memory) == [A, B]
    assert order(memory) == [
        one.owner for one in sorted(await shared.all(), key=lambda one: one.first_seen_at)
    ]


async def test_replicas_agree_on_who_was_first() -> None:
    shared = Shared()
    one, other = shared.replica(), shared.replica()
    await one.learn(catalog(named(A)))
    await other.load()
    shared.now += HOUR
    both = catalog(named(A), named(B))
    await other.learn(both)
    shared.now += HOUR
    await one.learn(both)
    assert one.of(project("p")) == other.of(project("p")) == tuple(await shared.all())


async def test_many_are_written_in_pieces() -> None:
    shared = Shared()
    memory = shared.replica()
    number = 2 * WRITTEN_AT_ONCE + 1
    await memory.learn(catalog(*(named(A, f"p-{count}") for count in range(number))))
    assert sum(shared.written) == number == len(await shared.all())
    assert max(shared.written) == WRITTEN_AT_ONCE
