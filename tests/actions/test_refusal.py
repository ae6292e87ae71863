"""What pages offer is what acting would do: both say no for the same reason, and looking leaves no trace."""

import pytest

from sidecar.actions.policy import Caller, CallerKind
from sidecar.domain.action import ActionKind
from sidecar.domain.errors import SidecarError
from sidecar.domain.roles import LitmusRole
from tests.support.acting import ALICE, BOB, Replica, Shop, open_replica, open_shop

KEY = Caller(name="key:reader", kind=CallerKind.KEY)
CASES = [
    (ALICE, ActionKind.RUN, {}),
    (BOB, ActionKind.RUN, {}),
    (KEY, ActionKind.STOP, {}),
    (ALICE, ActionKind.STOP, {}),
    (ALICE, ActionKind.SCHEDULE, {"suspended": True}),
    (ALICE, ActionKind.SCHEDULE, {}),
]


def said(
    replica: Replica, shop: Shop, caller: Caller, kind: ActionKind, changes: dict[str, bool]
) -> str | None:
    snapshot = replica.sync.get(shop.ref)
    assert snapshot is not None
    (experiment,) = snapshot.content.experiments or ()
    asked = shop.asked(kind, entity=shop.entities[0], **changes)
    refusal = replica.service.refusal(caller, asked, experiment, snapshot.content)
    return None if refusal is None else str(refusal)


async def came_of(
    replica: Replica, shop: Shop, caller: Caller, kind: ActionKind, changes: dict[str, bool]
) -> str | None:
    try:
        await replica.act(shop.asked(kind, entity=shop.entities[0], **changes), caller)
    except SidecarError as exc:
        return str(exc)
    return None


@pytest.mark.parametrize("role", ["Owner", "Viewer"])
@pytest.mark.parametrize(("caller", "kind", "changes"), CASES)
async def test_a_refusal_is_foretold_in_the_words_of_acting(
    caller: Caller, kind: ActionKind, changes: dict[str, bool], role: str
) -> None:
    async with (
        open_shop(role=role) as shop,
        open_replica(shop, token_role=lambda _: LitmusRole(role)) as replica,
    ):
        foretold = said(replica, shop, caller, kind, changes)
        assert shop.mutations == 0
        assert await replica.audit() == []
        assert await came_of(replica, shop, caller, kind, changes) == foretold
