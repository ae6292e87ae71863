"""Actions and audit of every store: see ``ports.Actions`` and ``ports.Audit``."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sidecar.domain.action import (
    Action,
    ActionKind,
    ActionOutcome,
    AuditEntry,
    AuditEvent,
    RunStop,
    entry_of,
)
from sidecar.domain.errors import StoreError
from sidecar.domain.ports import AuditQuery, Claim
from sidecar.store.store import Store, open_store
from tests.store.material import BANK, FAR, SHOP, clock
from tests.store.postgres import PostgresServer

WINDOW = Claim(name="run:a", hold=FAR, is_window=True)
KEY = Claim(name="key:a", hold=FAR)


def action(name: str = "action-1", **changes: Any) -> Action:
    given: dict[str, Any] = {
        "id": name,
        "kind": ActionKind.RUN,
        "project": SHOP,
        "experiment_id": "experiment-1",
        "principal": "user:default/alice",
        "request_id": "request-1",
        "created_at": clock(),
    }
    return Action(**(given | changes))


def accepted(begun: Action) -> Action:
    return msgspec.structs.replace(begun, outcome=ActionOutcome.ACCEPTED, answered_at=clock(), notify_id="n")


def entry(who: str = "user:default/alice", **changes: Any) -> AuditEntry:
    return msgspec.structs.replace(entry_of(action(), AuditEvent.ATTEMPT, clock()), who=who, **changes)


class TestClaims:
    async def test_new_action_is_ours_and_is_written_down(self, store: Store) -> None:
        begun = action()
        assert await store.actions.claim(begun, [KEY, WINDOW]) is None
        assert await store.actions.get("action-1") == begun

    async def test_held_claim_leads_to_its_action_and_nothing_is_written(self, store: Store) -> None:
        first = action()
        await store.actions.claim(first, [WINDOW])

        assert await store.actions.claim(action("action-2"), [WINDOW]) == first
        assert await store.actions.get("action-2") is None

    async def test_claims_of_other_names_do_not_meet(self, store: Store) -> None:
        await store.actions.claim(action(), [WINDOW])

        other = msgspec.structs.replace(WINDOW, name="run:b")
        assert await store.actions.claim(action("action-2"), [other]) is None

    async def test_key_that_met_a_held_window_follows_that_action_from_then_on(self, store: Store) -> None:
        first = action()
        await store.actions.claim(first, [WINDOW])
        await store.actions.claim(action("action-2"), [KEY, WINDOW])
        await store.actions.settle(accepted(first), None, timedelta(0))

        held = await store.actions.claim(action("action-3"), [KEY, WINDOW])

        assert held is not None
        assert held.id == "action-1"

    async def test_claim_that_is_over_is_free(self, store: Store) -> None:
        await store.actions.claim(action(), [msgspec.structs.replace(WINDOW, hold=timedelta(0))])

        assert await store.actions.holder([WINDOW.name]) is None
        assert await store.actions.claim(action("action-2"), [WINDOW]) is None

    async def test_seized_claim_passes_to_the_later_action(self, store: Store) -> None:
        await store.actions.claim(action(), [WINDOW])
        seizing = msgspec.structs.replace(WINDOW, seize=True)

        assert await store.actions.claim(action("action-2"), [seizing]) is None

        holder = await store.actions.holder([WINDOW.name])
        assert holder is not None
        assert holder.id == "action-2"

    async def test_answer_sets_the_time_of_the_window_and_of_no_key(self, store: Store) -> None:
        first = action()
        await store.actions.claim(first, [KEY, WINDOW])

        await store.actions.settle(accepted(first), None, timedelta(0))

        assert await store.actions.holder([WINDOW.name]) is None
        assert await store.actions.holder([WINDOW.name, KEY.name]) is not None

    async def test_what_failed_lets_go_of_its_window_and_its_key(self, store: Store) -> None:
        first = action()
        await store.actions.claim(first, [KEY, WINDOW])

        failed = msgspec.structs.replace(first, outcome=ActionOutcome.FAILED, answered_at=clock())
        await store.actions.settle(failed, None, FAR)

        assert await store.actions.holder([KEY.name, WINDOW.name]) is None
        assert await store.actions.claim(action("action-2"), [KEY, WINDOW]) is None

    async def test_a_stop_that_waits_for_an_id_is_unresolved_and_reads_back(self, store: Store) -> None:
        runs = (RunStop(run_id=None, created_at_ms=1, outcome=ActionOutcome.STOPPING),)
        begun = action(kind=ActionKind.STOP, runs=runs)
        await store.actions.claim(begun, [])

        waiting = msgspec.structs.replace(begun, outcome=ActionOutcome.STOPPING, answered_at=clock())
        written = await store.actions.settle(waiting, entry_of(waiting, AuditEvent.ATTEMPT, clock()))

        assert await store.actions.get(begun.id) == written
        assert set(await store.actions.unresolved(clock() - FAR)) == {SHOP}
        (told,) = await store.audit.find(AuditQuery(outcome=ActionOutcome.STOPPING))
        assert told.runs == runs

    async def test_one_of_many_at_once_wins(self, any_url: str) -> None:
        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(open_store(any_url, clock=clock)) for _ in range(3)]
            if any_url == "memory:":
                stores = stores[:1] * 3
            answers = await asyncio.gather(
                *(
                    stores[number % 3].actions.claim(
                        action(f"action-{number}"),
                        [msgspec.structs.replace(KEY, name=f"key:{number}"), WINDOW],
                    )
                    for number in range(12)
                )
            )
        winners = [number for number, answer in enumerate(answers) if answer is None]
        assert len(winners) == 1
        assert {answer.id for answer in answers if answer} == {f"action-{winners[0]}"}


class TestActions:
    async def test_settled_action_reads_back_with_a_higher_revision(self, store: Store) -> None:
        begun = action()
        await store.actions.claim(begun, [])

        done = accepted(begun)
        written = await store.actions.settle(done, None)

        assert written == msgspec.structs.replace(done, revision=1)
        assert await store.actions.get(begun.id) == written

    async def test_who_knows_an_older_revision_writes_nothing(self, store: Store) -> None:
        begun = action()
        await store.actions.claim(begun, [])
        first = await store.actions.settle(accepted(begun), entry())

        assert await store.actions.settle(accepted(begun), entry()) is None

        assert await store.actions.get(begun.id) == first
        assert len(await store.audit.find(AuditQuery())) == 1

    async def test_unknown_and_runs_without_an_id_are_unresolved(self, store: Store) -> None:
        started = action("action-2", project=BANK)
        await store.actions.claim(action(), [])
        await store.actions.claim(started, [])
        first = await store.actions.settle(accepted(started), None)
        since = clock() - FAR
        assert set(await store.actions.unresolved(since)) == {SHOP, BANK}

        assert first is not None
        await store.actions.settle(msgspec.structs.replace(first, run_id="run-1"), None)

        assert set(await store.actions.unresolved(since)) == {SHOP}
        assert set(await store.actions.unresolved(clock() + FAR)) == set()

    async def test_recent_actions_of_a_project_come_oldest_first(self, store: Store) -> None:
        now = clock()
        for number, project in enumerate([SHOP, SHOP, BANK, SHOP]):
            ago = timedelta(minutes=number)
            await store.actions.claim(action(f"action-{number}", project=project, created_at=now - ago), [])

        recent = await store.actions.recent(SHOP, now - timedelta(minutes=2))

        assert [one.id for one in recent] == ["action-1", "action-0"]

    async def test_unknown_id_is_no_action(self, store: Store) -> None:
        assert await store.actions.get("nobody\x00") is None

    async def test_prune_forgets_the_oldest_and_spares_the_rest(self, store: Store) -> None:
        now = clock()
        for number in range(4):
            await store.actions.claim(
                action(f"action-{number}", created_at=now - number * FAR), [WINDOW] if not number else []
            )

        counts = [await store.actions.prune(now - FAR / 2, 2) for _ in range(3)]

        assert counts == [2, 1, 0]
        assert [one.id for one in await store.actions.recent(SHOP, now - 9 * FAR)] == ["action-0"]
        assert await store.actions.holder([WINDOW.name]) is not None


class TestAudit:
    async def test_entries_come_newest_first_as_they_were_written(self, store: Store) -> None:
        first, second = entry(), entry("key:ci", suspended=False, code="forbidden")
        await store.audit.append(first)
        await store.audit.append(second)

        found = await store.audit.find(AuditQuery())

        assert [msgspec.structs.replace(one, id=0) for one in found] == [second, first]
        assert found[0].id > found[1].id

    async def test_entry_of_a_settled_action_is_written_with_it(self, store: Store) -> None:
        begun = action()
        await store.actions.claim(begun, [])
        await store.actions.settle(accepted(begun), entry_of(accepted(begun), AuditEvent.ATTEMPT, clock()))

        (found,) = await store.audit.find(AuditQuery())

        assert (found.action_id, found.outcome, found.notify_id) == ("action-1", "accepted", "n")

    @pytest.mark.parametrize(
        "query",
        [
            AuditQuery(who="key:ci"),
            AuditQuery(project=BANK),
            AuditQuery(kind=ActionKind.STOP),
            AuditQuery(outcome=ActionOutcome.REFUSED),
            AuditQuery(until=clock() - FAR),
        ],
        ids=["who", "project", "kind", "outcome", "until"],
    )
    async def test_filters_leave_the_rest_out(self, store: Store, query: AuditQuery) -> None:
        wanted = entry(
            "key:ci",
            project=BANK,
            kind=ActionKind.STOP,
            outcome=ActionOutcome.REFUSED,
            at=clock() - 2 * FAR,
        )
        await store.audit.append(entry())
        await store.audit.append(wanted)
        await store.audit.append(entry())

        assert [one.who for one in await store.audit.find(query)] == ["key:ci"]

    async def test_since_is_inclusive(self, store: Store) -> None:
        # Whole milliseconds, as the store compares.
        at = clock().replace(microsecond=5_000)
        await store.audit.append(entry(at=at - FAR))
        await store.audit.append(entry("key:ci", at=at))

        assert [one.who for one in await store.audit.find(AuditQuery(since=at))] == ["key:ci"]
        assert len(await store.audit.find(AuditQuery(until=at))) == 1

    async def test_pages_join_without_gap_or_overlap(self, store: Store) -> None:
        for number in range(7):
            await store.audit.append(entry(f"key:{number}"))

        pages, before_id = [], None
        while page := await store.audit.find(AuditQuery(limit=3, before_id=before_id)):
            pages.append([one.who for one in page])
            before_id = page[-1].id

        assert pages == [["key:6", "key:5", "key:4"], ["key:3", "key:2", "key:1"], ["key:0"]]

    async def test_prune_forgets_what_is_old_in_steps(self, store: Store) -> None:
        now = clock()
        for number in range(4):
            await store.audit.append(entry(f"key:{number}", at=now - number * FAR))

        counts = [await store.audit.prune(now - FAR / 2, 2) for _ in range(3)]

        assert counts == [2, 1, 0]
        assert [one.who for one in await store.audit.find(AuditQuery())] == ["key:0"]


async def test_without_its_database_nothing_is_claimed(postgres: PostgresServer) -> None:
    async with open_store(postgres.new_database(), clock=clock) as store:
        postgres.stop()
        try:
            with pytest.raises(StoreError):
                await store.actions.claim(action(), [WINDOW])
            assert store.health.state == "degraded"
            with pytest.raises(StoreError):
                await store.audit.find(AuditQuery())
        finally:
            postgres.start()
