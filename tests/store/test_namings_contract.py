"""Who named which project since when, in every store: see ``ports.Namings``."""

from datetime import datetime, timedelta

import pytest

from sidecar.domain.catalog import Naming
from sidecar.domain.errors import StoreError
from sidecar.store.store import Store, open_store
from tests.store.material import clock
from tests.store.postgres import PostgresServer
from tests.support.builders import NOW, project

LONG_AGO = NOW - timedelta(days=365)


def naming(
    owner: str = "group:default/team-a", project_id: str = "p-1", **changes: datetime | None
) -> Naming:
    first = changes.get("first_seen_at") or NOW
    return Naming(
        project=project(project_id), owner=owner, first_seen_at=first, gone_at=changes.get("gone_at")
    )


async def kept(store: Store) -> set[Naming]:
    return set(await store.namings.all())


async def test_what_is_kept_is_found(store: Store) -> None:
    wanted = [naming(), naming(""), naming(project_id="p-2", gone_at=NOW)]
    assert set(await store.namings.keep(wanted, gone_before=LONG_AGO)) == set(wanted) == await kept(store)


async def test_of_two_beginnings_the_earlier_counts_whoever_tells_it(store: Store) -> None:
    earlier, later = naming(first_seen_at=NOW - timedelta(hours=1)), naming()
    assert list(await store.namings.keep([later], gone_before=LONG_AGO)) == [later]
    assert list(await store.namings.keep([earlier], gone_before=LONG_AGO)) == [earlier]
    assert list(await store.namings.keep([later], gone_before=LONG_AGO)) == [earlier]


async def test_whether_it_has_gone_is_what_was_told_last(store: Store) -> None:
    for one in (naming(), naming(gone_at=NOW), naming()):
        await store.namings.keep([one], gone_before=LONG_AGO)
        assert await kept(store) == {one}


async def test_what_went_long_ago_is_forgotten_and_what_is_there_is_not(store: Store) -> None:
    old, recent, present = (
        naming("group:default/old", gone_at=NOW - timedelta(days=40)),
        naming("group:default/recent", gone_at=NOW - timedelta(days=20)),
        naming(first_seen_at=NOW - timedelta(days=400)),
    )
    await store.namings.keep([old, recent, present], gone_before=LONG_AGO)
    await store.namings.keep([], gone_before=NOW - timedelta(days=30))
    assert await kept(store) == {recent, present}


async def test_many_at_once_are_kept(store: Store) -> None:
    wanted = [naming(project_id=f"p-{number}") for number in range(1_203)]
    await store.namings.keep(wanted, gone_before=LONG_AGO)
    assert await kept(store) == set(wanted)


async def test_the_next_process_knows_it(url: str) -> None:
    async with open_store(url, clock=clock) as one:
        await one.namings.keep([naming()], gone_before=LONG_AGO)
    async with open_store(url, clock=clock) as other:
        assert await kept(other) == {naming()}


async def test_without_its_database_it_is_refused_at_once(postgres: PostgresServer) -> None:
    async with open_store(postgres.new_database(), clock=clock) as store:
        postgres.stop()
        try:
            for _ in range(2):
                with pytest.raises(StoreError):
                    await store.namings.keep([naming()], gone_before=LONG_AGO)
            with pytest.raises(StoreError):
                await store.namings.all()
        finally:
            postgres.start()
