"""Tokens where several replicas, or several instances, are at one Litmus."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from sidecar.litmus.wire.token import fingerprint
from tests.e2e.token_world import (
    PACE,
    Three,
    has_state,
    no_errors,
    open_three,
    readiness,
    steadily_read,
    token_state,
    watching,
)
from tests.support.service import Service, eventually, open_service

JSON: Final = {"Content-Type": "application/json"}


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    async with open_three(tmp_path) as one:
        yield one


async def test_two_replicas_renew_once_and_revoke_the_predecessor(three: Three, shared_store: str) -> None:
    config = three.managed(store=shared_store)
    # What replicas said before the clocks were put forward is out of date: each has to say it again in time.
    pace = dataclasses.replace(PACE, grace=timedelta(seconds=8))
    async with steadily_read(three, config, pace) as one, steadily_read(three, config, pace) as two:
        assert three.made() == 1
        (first,) = three.listed()
        three.age_tokens()
        with watching(one) as seen_by_one, watching(two) as seen_by_two:
            await eventually(lambda: first in three.world.revoked_tokens)
            assert three.made() == 2
            (second,) = three.listed()
            assert second != first
            assert (await token_state(one))["id"] == (await token_state(two))["id"]
        assert seen_by_one() | seen_by_two() == set()
        assert await no_errors(one)
        assert await no_errors(two)


def switches(service: Service) -> set[str]:
    """Return what came of looking after tokens so far: ``created``, ``adopted`` or codes of errors."""
    family = service.services.metrics.token_rotations
    return {
        sample.labels["outcome"]
        for metric in family.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.value
    }


async def test_two_replicas_that_start_together_make_one_token_and_leave_each_other_signed_in(
    three: Three, shared_store: str
) -> None:
    config = three.managed(store=shared_store)
    three.late.append(1 - time.time() % 1)  # a second of Litmus's begins: both sign in within it if they may
    async with contextlib.AsyncExitStack() as stack:
        both = await asyncio.gather(
            *(stack.enter_async_context(open_service(config, token_pace=PACE)) for _ in range(2))
        )
        for service in both:
            await service.ready()
            await eventually(partial(has_state, service, "good"))
        assert three.made() == 1
        assert len(three.listed()) == 1
        # A token is counted a moment after it is in use.
        await eventually(lambda: all(switches(service) for service in both))
        assert set().union(*(switches(service) for service in both)) == {"created", "adopted"}
        assert len({(await token_state(service))["id"] for service in both}) == 1
    sessions = three.world.session_tokens
    # One each, and one more of who was so slow that the start did not wait for it.
    assert len(set(sessions)) == len(sessions) >= 2


async def rotate(service: Service, instance: str = "default") -> int:
    path = service.url(f"/api/v1/instances/{instance}/tokens/rotate")
    async with service.session.post(path, data="{}", headers=JSON) as answer:
        return answer.status


async def revoke(service: Service, token: str, instance: str = "default") -> int:
    path = service.url(f"/api/v1/instances/{instance}/tokens/{fingerprint(token)}")
    async with service.session.delete(path, headers=JSON) as answer:
        return answer.status


async def test_replicas_that_are_told_to_rotate_at_once_make_one_token(
    three: Three, shared_store: str
) -> None:
    config = three.managed(store=shared_store)
    async with steadily_read(three, config) as one, steadily_read(three, config) as two:
        (first,) = three.listed()
        assert set(await asyncio.gather(rotate(one), rotate(two))) == {200}
        assert three.made() == 2
        states = [await token_state(service) for service in (one, two)]
        assert len({state["id"] for state in states} - {fingerprint(first)}) == 1


async def test_a_token_that_only_another_replica_uses_is_not_revoked(three: Three, shared_store: str) -> None:
    """Kubernetes swaps a secret on one node after the other."""
    old = three.world.issue_token(three.user, days=30)
    new = three.world.issue_token(three.user, days=40)
    files = {"one": new, "two": old}
    for name, token in files.items():
        (three.directory / name).write_text(token)
    configs = [three.config(store=shared_store, tokenFile=str(three.directory / name)) for name in files]
    async with (
        open_service(configs[0], token_pace=PACE) as one,
        open_service(configs[1], token_pace=PACE) as two,
    ):
        for service in (one, two):
            await service.attempted()
        # A replica that starts tells of its token a moment later.
        await eventually(partial(is_known_in_use, one, old))
        assert await revoke(one, old) == 409
        (three.directory / "two").write_text(new)
        # The other one is told a moment after it is taken into use.
        await eventually(partial(is_revoked, one, old))
        assert await uses(two, new)
    assert three.world.revoked_tokens == {old}


async def is_known_in_use(service: Service, token: str) -> bool:
    listed = await (await service.get("/api/v1/instances/default/tokens")).json()
    return any(row["inUse"] for row in listed["tokens"] if row["id"] == fingerprint(token))


async def is_revoked(service: Service, token: str) -> bool:
    return await revoke(service, token) == 204


async def uses(service: Service, token: str) -> bool:
    return bool((await token_state(service))["id"] == fingerprint(token))


async def test_two_instances_of_one_user_share_a_token_that_neither_revokes(three: Three) -> None:
    three.late.append(1 - time.time() % 1)  # a second of Litmus's begins: both sign in within it if they may
    config = three.managed(instances=("a", "b"))
    async with open_service(config, token_pace=PACE) as service:
        await service.attempted()
        for name in ("a", "b"):
            await eventually(partial(instance_has_state, service, name, "good"))
        (first,) = three.listed()
        assert three.made() == 1
        assert len(set(three.world.session_tokens)) == len(three.world.session_tokens) == 2
        assert await revoke(service, first, "a") == 409
        assert await revoke(service, first, "b") == 409
        assert first not in three.world.revoked_tokens


async def instance_has_state(service: Service, instance: str, state: str) -> bool:
    return bool((await readiness(service))["instances"][instance]["token"]["state"] == state)
