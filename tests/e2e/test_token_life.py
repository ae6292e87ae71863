"""What becomes of tokens while people read: every answer holds data, whatever happens to the token."""

import asyncio
import dataclasses
import json
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from sidecar.domain.model import ProjectRef
from sidecar.identity.service_sessions import LEFT_AFTER
from sidecar.simulator import ScriptedFault
from sidecar.simulator.documents import VIEWER
from tests.e2e.token_world import (
    PACE,
    Three,
    codes,
    has_state,
    no_errors,
    open_three,
    readiness,
    steadily_read,
    token_state,
    watching,
)
from tests.support.service import QUIET_SYNC, Service, eventually, open_service


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    async with open_three(tmp_path) as one:
        yield one


async def test_a_revoked_token_is_told_and_costs_no_reader_anything(three: Three) -> None:
    token = three.world.issue_token(three.user)
    async with steadily_read(three, three.config(token=token)) as service:
        three.simulator.faults.add(ScriptedFault(root_field="listExperiment", delay_seconds=0.2))
        three.world.revoke_token(token)

        await eventually(lambda: has_state(service, "rejected"))
        await eventually(lambda: is_in("token_revoked", service))
        ready = await readiness(service)

    assert ready["status"] == "degraded"
    assert token[:12] not in json.dumps(ready)


async def is_in(code: str, service: Service) -> bool:
    return code in await codes(service)


async def test_an_expired_token_is_told_and_costs_no_reader_anything(three: Three) -> None:
    token = three.world.issue_token(three.user)
    async with steadily_read(three, three.config(token=token)) as service:
        three.late.append(31 * 86_400.0)
        await eventually(lambda: has_state(service, "rejected"))
        await eventually(lambda: is_in("token_rejected", service))


async def has_role(service: Service, role: str) -> bool:
    """Tell whether readiness and metrics tell this role of our token in every project."""
    ready = await (await service.get("/readyz")).json()
    told = [project["tokenRole"] for project in ready["projects"].values()]
    metrics = await (await service.get("/metrics")).text()
    lines = [line for line in metrics.splitlines() if line.startswith("litmus_sidecar_token_role{")]
    return told == [role] * 3 and len(lines) == 3 and all(f'role="{role}"' in line for line in lines)


async def test_a_demoted_user_goes_on_to_read(three: Three) -> None:
    async with steadily_read(three, three.config(token=three.world.issue_token(three.user))) as service:
        for project in three.projects.values():
            three.world.set_role(project, three.user, VIEWER)
        await eventually(lambda: has_role(service, "Viewer"))
        three.simulator.clear()
        await eventually(lambda: three.simulator.asked("listChaosHub") >= 6)
        # One per project may have been about to be sent; what the new role denies is asked for no more.
        assert three.simulator.asked("getGitOpsDetails") <= 3
        three.simulator.clear()
        await eventually(lambda: three.simulator.asked("listChaosHub") >= 6)
        assert three.simulator.asked("getGitOpsDetails") == 0
        await eventually(lambda: no_errors(service))
        assert await has_state(service, "good")


async def test_a_user_taken_out_of_one_project_loses_news_of_that_one_alone(three: Three) -> None:
    async with steadily_read(three, three.config(token=three.world.issue_token(three.user))) as service:
        three.world.set_role(three.projects["shop"], three.user, None)
        await eventually(lambda: is_in("upstream_denied", service))
        assert await codes(service, "shop", three) == {"upstream_denied"}
        assert await codes(service, "cart", three) == set()
        assert await codes(service, "till", three) == set()
        assert await has_state(service, "good")


async def test_a_good_token_in_the_file_takes_over_from_a_revoked_one(three: Three) -> None:
    path = three.directory / "token"
    old = three.world.issue_token(three.user)
    path.write_text(old)
    async with steadily_read(three, three.config(tokenFile=str(path))) as service:
        three.world.revoke_token(old)
        await eventually(lambda: is_in("token_revoked", service))

        path.write_text(three.world.issue_token(three.user, days=20) + "\n")

        await eventually(lambda: no_errors(service))
        assert await has_state(service, "good")


async def test_a_bad_token_in_the_file_changes_nothing_but_what_is_told(three: Three) -> None:
    path = three.directory / "token"
    path.write_text(three.world.issue_token(three.user))
    bad = three.world.issue_token(three.user, days=0)
    async with steadily_read(three, three.config(tokenFile=str(path))) as service:
        known = await token_state(service)
        path.write_text(bad)
        await eventually(lambda: tells_problem(service))

        three.simulator.clear()
        await eventually(lambda: three.simulator.asked("listExperiment") >= 6)
        assert await codes(service) == set()
        told = await token_state(service)
        assert (told["state"], told["id"]) == ("good", known["id"])
        assert bad[:12] not in json.dumps(told)


async def tells_problem(service: Service) -> bool:
    return (await token_state(service))["problem"] is not None


@pytest.mark.parametrize("content", ["", None], ids=["empty", "missing"])
async def test_a_restart_without_a_token_in_the_file_serves_what_is_stored_and_takes_the_next_one_up(
    three: Three, content: str | None
) -> None:
    path = three.directory / "token"
    path.write_text(three.world.issue_token(three.user))
    async with steadily_read(three, three.config(tokenFile=str(path))):
        pass
    path.unlink()
    if content is not None:
        path.write_text(content)
    async with open_service(three.config(tokenFile=str(path)), token_pace=PACE, clock=three.now) as service:
        for name in three.projects:
            stored = await service.get(f"/api/v1/entities/component/default/{name}/overview")
            assert stored.status == 200, await stored.text()
        assert await has_state(service, "missing")
        assert "tokenFile" in (await token_state(service))["problem"]
        metrics = await (await service.get("/metrics")).text()
        assert 'litmus_sidecar_token_state{instance="default",state="missing"} 1.0' in metrics
        assert 'litmus_sidecar_token_problem{instance="default",source="tokenFile"} 1.0' in metrics

        path.write_text(three.world.issue_token(three.user, days=20))

        await eventually(lambda: has_state(service, "good"))
        await eventually(lambda: no_errors(service))


async def test_kubernetes_swaps_the_file_under_readers_without_a_failed_synchronisation(three: Three) -> None:
    old, new = three.world.issue_token(three.user), three.world.issue_token(three.user, days=20)
    for name, token in (("..old", old), ("..new", new)):
        (three.directory / name).mkdir()
        (three.directory / name / "token").write_text(token)
    (three.directory / "..data").symlink_to("..old")
    path = three.directory / "token"
    path.symlink_to("..data/token")
    async with steadily_read(three, three.config(tokenFile=str(path))) as service:
        first = (await token_state(service))["id"]
        (three.directory / "..tmp").symlink_to("..new")
        (three.directory / "..tmp").rename(three.directory / "..data")
        await eventually(lambda: uses_other(service, first))
        three.world.revoke_token(old)
        three.simulator.clear()
        await eventually(lambda: three.simulator.asked("listExperiment") >= 6)
        assert await no_errors(service)


async def uses_other(service: Service, token_id: str) -> bool:
    told = await token_state(service)
    return told["id"] not in {token_id, None} and told["state"] == "good"


async def test_a_managed_token_is_renewed_without_a_failed_synchronisation(three: Three) -> None:
    async with steadily_read(three, three.managed()) as service:
        (first,) = three.listed()
        three.age_tokens()
        with watching(service) as seen:
            await eventually(lambda: first in three.world.revoked_tokens)
        assert seen() == set()
        (second,) = three.listed()
        assert second != first
        assert await no_errors(service)
        metrics = await (await service.get("/metrics")).text()
        assert 'litmus_sidecar_token_rotations_total{instance="default",outcome="created"} 2.0' in metrics
        assert 'litmus_sidecar_token_state{instance="default",state="good"} 1.0' in metrics
        assert "litmus_sidecar_token_expiry_timestamp_seconds{" in metrics


@pytest.mark.parametrize("how", ["revoked", "expired"])
async def test_a_managed_token_that_is_lost_is_replaced_at_once(three: Three, how: str) -> None:
    async with steadily_read(three, three.managed()) as service:
        (first,) = three.listed()
        if how == "revoked":
            three.world.revoke_token(first)
        else:
            three.late.append(31 * 86_400.0)
        await eventually(lambda: three.listed() != [first] and len(three.listed()) == 1)
        await eventually(lambda: no_errors(service))
        assert three.made() == 2


async def test_rotating_by_hand_gives_a_new_token_and_the_old_one_up(three: Three) -> None:
    async with steadily_read(three, three.managed()) as service:
        (first,) = three.listed()
        path = service.url("/api/v1/instances/default/tokens/rotate")
        async with service.session.post(
            path, data="{}", headers={"Content-Type": "application/json"}
        ) as done:
            assert done.status == 200, await done.text()
        await eventually(lambda: first in three.world.revoked_tokens)
        assert len(three.listed()) == 1
        assert await no_errors(service)


async def test_the_next_start_adopts_the_token_of_the_last(three: Three) -> None:
    config = three.managed()
    for _ in range(2):
        async with steadily_read(three, config):
            pass
    assert three.made() == 1
    assert len(three.listed()) == 1


async def test_links_open_the_account_of_the_managed_token(three: Three) -> None:
    async with steadily_read(three, three.managed()) as service:
        content = await service.get("/api/v1/entities/component/default/cart/overview")
        assert f"/account/{three.user.user_id}/" in await content.text()


async def test_a_sign_in_slower_than_the_start_is_asked_once_and_hurries_what_waited_for_it(
    three: Three,
) -> None:
    three.simulator.faults.add(ScriptedFault(path="/auth/login", delay_seconds=1.0, times=None))
    pace = dataclasses.replace(PACE, start_patience=timedelta(milliseconds=100))
    async with open_service(three.managed(), token_pace=pace, wait_seconds=0.5) as service:
        assert await has_state(service, "missing")
        await eventually(lambda: no_errors(service))
        assert sum(request.path == "/auth/login" for request in three.simulator.requests) == 1
        assert three.made() == 1


async def test_tags_that_could_not_be_read_are_asked_for_again_with_each_new_token(three: Three) -> None:
    project = ProjectRef(instance="default", project_id=three.projects["cart"].project_id)
    three.projects["cart"].tags = ["backstage-owner:team-b"]
    three.simulator.faults.add(ScriptedFault(path="/auth/list_projects", status=502, times=None))
    path = three.directory / "token"
    path.write_text(three.world.issue_token(three.user))
    config = three.config(tokenFile=str(path), sync=QUIET_SYNC)
    async with open_service(config, token_pace=PACE) as service:
        await eventually(partial(has_listed_projects, three, 1))
        # Of themselves they are asked for after half a minute, one and two more.
        for number in range(2, 5):
            path.write_text(three.world.issue_token(three.user, days=10 + number))
            await eventually(partial(has_listed_projects, three, number))
        assert not service.services.claims.of(project).is_certain
        three.simulator.faults.clear()
        path.write_text(three.world.issue_token(three.user, days=20))
        await eventually(lambda: service.services.claims.of(project).is_certain)
        assert service.services.claims.of(project).owners == {"group:default/team-b"}


def has_listed_projects(three: Three, times: int) -> bool:
    return sum(request.path == "/auth/list_projects" for request in three.simulator.requests) == times


async def test_the_session_of_a_process_that_was_killed_is_revoked_by_the_next_start(three: Three) -> None:
    never = three.simulator.faults.add(
        ScriptedFault(path="/auth/create_token", never_answer=True, times=None)
    )
    path = three.directory / "app-config.yaml"
    path.write_text(
        json.dumps(
            {
                "litmusSidecar": {
                    "listen": {"port": 0},
                    "instances": [
                        {
                            "name": "default",
                            "baseUrl": three.simulator.url,
                            "credentials": {"username": "backstage", "password": "Litmus-1"},
                        }
                    ],
                    "catalog": {"files": ["catalog-info.yaml"]},
                    "store": {"url": f"sqlite:///{three.directory / 'sidecar.db'}"},
                }
            }
        )
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "serve", "--config", str(path), stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        await eventually(lambda: three.made() == 1)
    finally:
        process.kill()
        await process.wait()
    assert not three.world.revoked_tokens
    never.times = 0
    three.passed.append(LEFT_AFTER.total_seconds())

    async with open_service(three.managed(), token_pace=PACE, clock=three.now) as service:
        await eventually(lambda: has_state(service, "good"))
        # That of this start, and that of the one before.
        await eventually(lambda: len(three.world.revoked_tokens) == 2)
    assert sum(request.path == "/auth/login" for request in three.simulator.requests) == 2


async def test_a_service_that_ends_during_its_first_sign_in_ends_well(three: Three) -> None:
    three.simulator.faults.add(ScriptedFault(path="/auth/login", delay_seconds=30.0, times=None))
    pace = dataclasses.replace(PACE, start_patience=timedelta(milliseconds=100))
    async with open_service(three.managed(), token_pace=pace, wait_seconds=0.5) as service:
        assert await has_state(service, "missing")


async def test_without_a_first_token_readers_are_told_why(three: Three) -> None:
    three.user.initial_login = True
    async with open_service(three.managed(), token_pace=PACE, wait_seconds=0.5) as service:
        await eventually(lambda: has_state(service, "missing"))
        told = await token_state(service)
        assert "set a new password" in told["problem"]
        three.user.initial_login = False
        await eventually(lambda: no_errors(service))
