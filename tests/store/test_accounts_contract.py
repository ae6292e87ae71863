"""Locks, uses of tokens, shares, sessions and secrets of every store: see ``ports.accounts``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from sidecar.domain.errors import StoreError
from sidecar.domain.ports import Session, SharedPicture, TokenUse
from sidecar.store.pruning import TOKEN_USE_AGE, prune_over
from sidecar.store.store import Store, open_store
from tests.store.material import FAR, clock, followed_store
from tests.store.postgres import PostgresServer
from tests.support.service import eventually

OVER = timedelta(0)


def moment(ago: timedelta = OVER) -> datetime:
    """So long ago, in whole milliseconds as the store keeps them."""
    then = clock() - ago
    return then.replace(microsecond=then.microsecond // 1_000 * 1_000)


def share(name: str = "share-1", **changes: Any) -> SharedPicture:
    given: dict[str, Any] = {
        "id": name,
        "entity_ref": "component:default/shop",
        "picture": "score",
        "created_by": "user:default/alice",
        "created_at": moment(),
        "expires_at": moment(-FAR),
    }
    return SharedPicture(**(given | changes))


def session(name: str = "session-1", **changes: Any) -> Session:
    given: dict[str, Any] = {
        "id": name,
        "instance": "default",
        "user_id": "user-1",
        "username": "alice",
        "is_admin": False,
        "sealed_token": b"\x00sealed\xff",
        "created_at": moment(),
        "seen_at": moment(),
        "expires_at": moment(-FAR),
    }
    return Session(**(given | changes))


@pytest.fixture
async def replicas(any_url: str) -> AsyncIterator[list[Store]]:
    """Three replicas on one store; in memory the same one thrice."""
    async with AsyncExitStack() as stack:
        if any_url == "memory:":
            yield [await stack.enter_async_context(open_store(any_url, clock=clock))] * 3
        else:
            yield [await stack.enter_async_context(open_store(any_url, clock=clock)) for _ in range(3)]


class TestLocks:
    async def test_one_of_many_takers_at_once_wins(self, replicas: list[Store]) -> None:
        taken = await asyncio.gather(
            *(replicas[number % 3].locks.take("rotate", f"replica-{number}", FAR) for number in range(12))
        )

        assert taken.count(True) == 1
        holder = f"replica-{taken.index(True)}"
        assert await replicas[0].locks.take("rotate", holder, FAR)

    async def test_locks_of_other_names_do_not_meet(self, store: Store) -> None:
        assert await store.locks.take("rotate:a", "one", FAR)
        assert await store.locks.take("rotate:b", "two", FAR)

    async def test_lock_whose_time_is_over_is_free(self, store: Store) -> None:
        assert await store.locks.take("rotate", "one", OVER)

        assert await store.locks.take("rotate", "two", FAR)
        assert not await store.locks.take("rotate", "one", FAR)

    async def test_holder_prolongs_what_it_holds(self, store: Store) -> None:
        await store.locks.take("rotate", "one", OVER)
        assert await store.locks.take("rotate", "one", FAR)

        assert not await store.locks.take("rotate", "two", FAR)

    async def test_lock_given_back_is_free(self, replicas: list[Store]) -> None:
        await replicas[0].locks.take("rotate", "one", FAR)
        await replicas[0].locks.take("other", "one", FAR)

        await replicas[0].locks.release("rotate", "one")

        assert await replicas[1].locks.take("rotate", "two", FAR)
        assert not await replicas[1].locks.take("other", "two", FAR)

    async def test_nobody_gives_back_what_another_holds(self, store: Store) -> None:
        await store.locks.take("rotate", "one", OVER)
        await store.locks.take("rotate", "two", FAR)

        await store.locks.release("rotate", "one")

        assert not await store.locks.take("rotate", "one", FAR)


def use(instance: str, replica: str, token_id: str) -> TokenUse:
    return TokenUse(instance=instance, replica=replica, token_id=token_id)


class TestTokenUses:
    async def test_replicas_that_use_a_token_are_told(self, replicas: list[Store]) -> None:
        before = clock() - FAR
        await replicas[0].token_uses.report("default", "replica-1", "token-a")
        await replicas[1].token_uses.report("default", "replica-2", "token-a")
        await replicas[1].token_uses.report("default", "replica-3", "token-b")
        await replicas[1].token_uses.report("other", "replica-4", "token-a")

        assert set(await replicas[2].token_uses.current(before)) == {
            use("default", "replica-1", "token-a"),
            use("default", "replica-2", "token-a"),
            use("default", "replica-3", "token-b"),
            use("other", "replica-4", "token-a"),
        }

    async def test_replica_uses_one_token_of_an_instance_at_a_time(self, store: Store) -> None:
        before = clock() - FAR
        await store.token_uses.report("default", "replica-1", "token-a")
        await store.token_uses.report("default", "replica-1", "token-b")

        assert list(await store.token_uses.current(before)) == [use("default", "replica-1", "token-b")]

    async def test_what_was_said_before_then_does_not_count(self, store: Store) -> None:
        await store.token_uses.report("default", "replica-1", "token-a")

        assert list(await store.token_uses.current(clock() + FAR)) == []

    async def test_forgotten_replica_is_waited_for_nowhere(self, store: Store) -> None:
        before = clock() - FAR
        for instance in ("default", "other"):
            await store.token_uses.report(instance, "replica-1", "token-a")
            await store.token_uses.report(instance, "replica-2", "token-a")

        await store.token_uses.forget("replica-1")

        assert set(await store.token_uses.current(before)) == {
            use("default", "replica-2", "token-a"),
            use("other", "replica-2", "token-a"),
        }


class TestShares:
    async def test_share_reads_back_as_it_was_written(self, replicas: list[Store]) -> None:
        await replicas[0].shares.add(written := share())

        assert await replicas[1].shares.get(written.id) == written

    async def test_shares_of_an_entity_come_newest_first(self, store: Store) -> None:
        old, new = share("old", created_at=moment(FAR)), share("new")
        await store.shares.add(old)
        await store.shares.add(new)
        await store.shares.add(share("else", entity_ref="component:default/bank"))

        assert list(await store.shares.of("component:default/shop")) == [new, old]

    async def test_revoked_share_is_gone_for_good_everywhere(self, replicas: list[Store]) -> None:
        await replicas[0].shares.add(share())
        await replicas[0].shares.add(bystander := share("share-2"))

        assert await replicas[1].shares.revoke("share-1")

        assert await replicas[0].shares.get("share-1") is None
        assert not await replicas[2].shares.revoke("share-1")
        assert list(await replicas[0].shares.of("component:default/shop")) == [bystander]

    @pytest.mark.parametrize("name", ["", "\x00", "share-1\x00", "share-'1"])
    async def test_unknown_id_of_any_form_is_no_share(self, store: Store, name: str) -> None:
        await store.shares.add(share())

        assert await store.shares.get(name) is None
        assert not await store.shares.revoke(name)


class TestSessions:
    async def test_session_reads_back_as_it_was_written(self, replicas: list[Store]) -> None:
        written = session()
        await replicas[0].sessions.add(written)

        assert await replicas[1].sessions.get("session-1") == written
        assert await replicas[1].sessions.get("session-2") is None

    async def test_expired_session_is_returned_until_it_is_ended(self, store: Store) -> None:
        over = session(expires_at=moment(FAR))
        await store.sessions.add(over)

        assert await store.sessions.get(over.id) == over

    async def test_use_is_noted_for_that_session_alone(self, store: Store) -> None:
        used, idle = session(seen_at=moment(FAR)), session("session-2", seen_at=moment(FAR))
        await store.sessions.add(used)
        await store.sessions.add(idle)

        await store.sessions.touch(used.id, now := moment())

        assert await store.sessions.get(used.id) == msgspec.structs.replace(used, seen_at=now)
        assert await store.sessions.get(idle.id) == idle

    async def test_earlier_use_told_late_changes_nothing(self, store: Store) -> None:
        await store.sessions.add(used := session())

        await store.sessions.touch(used.id, moment(FAR))

        assert await store.sessions.get(used.id) == used

    async def test_session_ended_on_one_replica_is_gone_on_all(self, replicas: list[Store]) -> None:
        await replicas[0].sessions.add(ended := session())
        await replicas[0].sessions.add(bystander := session("session-2"))

        assert await replicas[1].sessions.end(ended.id) == ended

        assert await replicas[0].sessions.get(ended.id) is None
        await replicas[0].sessions.touch(ended.id, clock())
        assert await replicas[2].sessions.get(ended.id) is None
        assert await replicas[0].sessions.get(bystander.id) == bystander

    async def test_session_is_handed_to_one_of_many_who_end_it(self, replicas: list[Store]) -> None:
        await replicas[0].sessions.add(ended := session())

        given = await asyncio.gather(*(replicas[number % 3].sessions.end(ended.id) for number in range(12)))

        assert [one for one in given if one is not None] == [ended]

    async def test_unseen_and_expired_sessions_come_longest_unseen_first(self, store: Store) -> None:
        expired = session("expired", seen_at=moment(FAR), expires_at=moment())
        unseen = session("unseen", seen_at=moment(3 * FAR))
        for one in (session(), expired, unseen):
            await store.sessions.add(one)
        limits: dict[str, Any] = {"instance": "default", "seen_before": clock() - 2 * FAR, "now": clock()}

        assert list(await store.sessions.expired(**limits, after=None, at_most=9)) == [unseen, expired]
        assert list(await store.sessions.expired(**limits, after=None, at_most=1)) == [unseen]

    async def test_pages_of_expired_sessions_hold_each_once_and_none_of_other_instances(
        self, store: Store
    ) -> None:
        seen_at = moment()
        for name in ("a", "b", "c"):
            await store.sessions.add(session(name, seen_at=seen_at, expires_at=moment()))
        await store.sessions.add(session("elsewhere", instance="other", expires_at=moment()))
        limits: dict[str, Any] = {"instance": "default", "seen_before": moment(FAR), "now": clock()}

        first = await store.sessions.expired(**limits, after=None, at_most=2)
        await store.sessions.end(first[-1].id)
        second = await store.sessions.expired(**limits, after=first[-1], at_most=2)

        assert [one.id for one in (*first, *second)] == ["a", "b", "c"]

    async def test_retired_session_expires_under_another_id(self, replicas: list[Store]) -> None:
        await replicas[0].sessions.add(given := session())
        await replicas[0].sessions.add(bystander := session("session-2"))
        now = moment()

        retired = await replicas[1].sessions.retire(given.id, "retired", now)

        assert retired == msgspec.structs.replace(given, id="retired", expires_at=now)
        assert await replicas[0].sessions.get(given.id) is None
        assert await replicas[2].sessions.get("retired") == retired
        assert await replicas[0].sessions.get(bystander.id) == bystander

    async def test_session_is_handed_to_one_of_many_who_retire_it(self, replicas: list[Store]) -> None:
        await replicas[0].sessions.add(session())

        given = await asyncio.gather(
            *(replicas[number % 3].sessions.retire("session-1", "retired", clock()) for number in range(12))
        )

        assert len([one for one in given if one is not None]) == 1

    async def test_sessions_that_expired_by_then_are_forgotten_and_no_others(self, store: Store) -> None:
        await store.sessions.add(session("over", instance="gone", expires_at=moment(FAR)))
        await store.sessions.add(kept := session())

        assert await store.sessions.prune(moment(FAR)) == 1

        assert await store.sessions.get("over") is None
        assert await store.sessions.get(kept.id) == kept


class TestSecrets:
    async def test_secret_kept_by_many_at_once_is_one(self, replicas: list[Store]) -> None:
        kept = await asyncio.gather(
            *(replicas[number % 3].secrets.keep("key", f"made-{number}") for number in range(12))
        )

        assert len(set(kept)) == 1
        assert kept[0] in {f"made-{number}" for number in range(12)}
        assert await replicas[0].secrets.keep("key", "too late") == kept[0]

    async def test_secrets_of_other_names_are_others(self, store: Store) -> None:
        assert await store.secrets.keep("key", "made") == "made"
        assert await store.secrets.keep("other", "made too") == "made too"


class TestPruning:
    async def test_what_is_over_is_forgotten_and_the_rest_stays(self, store: Store) -> None:
        await store.shares.add(share("over", expires_at=moment()))
        await store.shares.add(kept := share())
        await store.locks.take("over", "one", OVER)
        await store.locks.take("held", "one", FAR)
        await store.token_uses.report("default", "replica-1", "token-a")

        assert await prune_over(store, clock) == 2

        assert await store.shares.get("over") is None
        assert await store.shares.get(kept.id) == kept
        assert not await store.locks.take("held", "two", FAR)
        assert len(await store.token_uses.current(clock() - FAR)) == 1
        assert await prune_over(store, clock) == 0

    async def test_replica_silent_for_a_day_is_forgotten(self, store: Store) -> None:
        await store.token_uses.report("default", "replica-1", "token-a")

        assert await prune_over(store, lambda: clock() + TOKEN_USE_AGE + FAR) == 1

        assert list(await store.token_uses.current(clock() - FAR)) == []


OPERATIONS: list[Callable[[Store], Awaitable[object]]] = [
    lambda store: store.locks.take("rotate", "one", FAR),
    lambda store: store.locks.release("rotate", "one"),
    lambda store: store.token_uses.report("default", "replica-1", "token-a"),
    lambda store: store.token_uses.current(clock()),
    lambda store: store.token_uses.forget("replica-1"),
    lambda store: store.shares.add(share()),
    lambda store: store.shares.get("share-1"),
    lambda store: store.shares.of("component:default/shop"),
    lambda store: store.shares.revoke("share-1"),
    lambda store: store.sessions.add(session()),
    lambda store: store.sessions.get("session-1"),
    lambda store: store.sessions.touch("session-1", clock()),
    lambda store: store.sessions.end("session-1"),
    lambda store: store.sessions.retire("session-1", "retired", clock()),
    lambda store: store.sessions.expired(
        instance="default", seen_before=clock(), now=clock(), after=None, at_most=1
    ),
    lambda store: store.sessions.prune(clock()),
    lambda store: store.secrets.keep("key", "made"),
    lambda store: prune_over(store, clock),
]


async def test_everything_is_refused_without_the_database_and_kept_over_it(postgres: PostgresServer) -> None:
    async with followed_store(postgres.new_database()) as store:
        await store.shares.add(shared := share())
        await store.sessions.add(signed_in := session())
        await store.secrets.keep("key", "made before")
        await store.locks.take("held", "one", FAR)
        await store.token_uses.report("default", "replica-9", "token-z")
        postgres.stop()
        try:
            for operation in OPERATIONS:
                with pytest.raises(StoreError):
                    await operation(store)
            assert store.health.state == "degraded"
        finally:
            postgres.start()
        await eventually(lambda: store.health.state == "ok")

        assert await store.shares.get(shared.id) == shared
        assert await store.sessions.get(signed_in.id) == signed_in
        assert await store.secrets.keep("key", "made after") == "made before"
        assert not await store.locks.take("held", "two", FAR)
        assert list(await store.token_uses.current(clock() - FAR)) == [use("default", "replica-9", "token-z")]
