"""Rows that another release wrote, in a form that this one cannot read."""

import pytest
import structlog
from sqlalchemy import Update, update

from sidecar.config.store_url import parse_url
from sidecar.domain.errors import StoreError
from sidecar.domain.ports import AuditQuery, Claim
from sidecar.store.engine.database import Database
from sidecar.store.schema import actions, audit
from sidecar.store.store import open_store
from tests.store.material import FAR, SHOP, clock
from tests.store.test_actions_contract import WINDOW, action, entry

FOREIGN = [
    b'{"kind":"undo"}',
    b"\xff",
    b"",
    b"null",
    b"[" * 100_000,
    b'{"id":"a","kind":"run","created_at":"99999-01-01T00:00:00Z"}',
]


async def write(url: str, *changes: Update) -> None:
    """Change rows as another release would."""
    database = Database(parse_url(url))
    await database.open()
    try:
        async with database.writing() as connection:
            for change in changes:
                await connection.execute(change)
    finally:
        await database.close()


@pytest.mark.parametrize("body", FOREIGN)
async def test_an_unreadable_action_is_passed_over_and_told_once(url: str, body: bytes) -> None:
    async with open_store(url, clock=clock) as store:
        for name in ("first", "second"):
            await store.actions.claim(action(name), [Claim(name=f"run:{name}", hold=FAR, is_window=True)])
        await write(url, update(actions).where(actions.c.id == "first").values(body=body))

        with structlog.testing.capture_logs() as log:
            for _ in range(2):
                assert await store.actions.get("first") is None
                assert [one.id for one in await store.actions.recent(SHOP, clock() - FAR)] == ["second"]
                found = await store.actions.holder(["run:first", "run:second"])
                assert found is not None
                assert found.id == "second"
        told = [one for one in log if one["event"] == "stored row unreadable"]
        assert [(one["table"], one["row"]) for one in told] == [("actions", "first")]
        assert store.health.state == "ok"


async def test_beside_an_unreadable_action_that_holds_its_window_nobody_acts(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        await store.actions.claim(action(), [WINDOW])
        await write(url, update(actions).values(body=b'{"kind":"undo"}'))

        with pytest.raises(StoreError, match="Another release"):
            await store.actions.claim(action("action-2"), [WINDOW])
        assert await store.actions.get("action-2") is None
        assert store.health.state == "ok"


@pytest.mark.parametrize("body", FOREIGN)
async def test_an_unreadable_entry_of_the_audit_takes_no_other_from_its_page(url: str, body: bytes) -> None:
    async with open_store(url, clock=clock) as store:
        for number in range(6):
            await store.audit.append(entry(f"key:{number}"))
        await write(url, update(audit).where(audit.c.who.in_(["key:4", "key:2", "key:1"])).values(body=body))

        with structlog.testing.capture_logs() as log:
            pages = [await store.audit.find(AuditQuery(limit=limit)) for limit in (1, 2, 3, 10)]
        assert [[one.who for one in page] for page in pages] == [
            ["key:5"],
            ["key:5", "key:3"],
            ["key:5", "key:3", "key:0"],
            ["key:5", "key:3", "key:0"],
        ]
        assert len([one for one in log if one["event"] == "stored row unreadable"]) == 3
