"""One caller's requests never take the places of another's."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

from sidecar.simulator import ScriptedFault
from tests.e2e.conftest import Small
from tests.e2e.door import config_of
from tests.support.service import eventually, open_service

KEYS = {
    "keys": [
        {"name": "first", "secret": "first-key-of-a-test", "scopes": ["read"]},
        {"name": "second", "secret": "second-key-of-a-test", "scopes": ["read"]},
    ]
}


async def test_half_sent_bodies_take_no_place_of_whoever_has_the_same_key(small: Small) -> None:
    config = config_of(small, auth=KEYS, limits={"concurrentRequests": 6, "keyConcurrentRequests": 2})
    async with open_service(config) as service, AsyncExitStack() as stack:
        await service.ready()
        host, _, port = service.url("").removeprefix("http://").rstrip("/").partition(":")
        connections = []
        for _ in range(40):
            reader, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
            head = (
                "POST /api/query HTTP/1.1",
                f"Host: {host}:{port}",
                "X-Litmus-Sidecar-Key: first-key-of-a-test",
                "Content-Type: application/json",
                "Content-Length: 2",
            )
            writer.write("\r\n".join([*head, "", "{"]).encode())
            connections.append((reader, writer))
        for key in ("first", "second"):
            headers = {"X-Litmus-Sidecar-Key": f"{key}-key-of-a-test"}
            answers = [await service.get("/api/v1/entities", headers=headers) for _ in range(10)]
            assert [answer.status for answer in answers] == [200] * 10
        assert (await service.get("/healthz")).status == 200
        # They were read all the same: each is answered once it is complete.
        for reader, writer in connections:
            writer.write(b"}")
            assert (await reader.readline()).split()[1] == b"400"


async def test_more_than_the_places_of_one_key_wait_and_another_key_does_not(small: Small) -> None:
    config = config_of(small, auth=KEYS, limits={"concurrentRequests": 6})
    async with open_service(config) as service, AsyncExitStack() as stack:
        await service.ready()
        for _ in range(3):
            await stack.enter_async_context(service.services.places.place("key:first", is_person=False))
        other = {"X-Litmus-Sidecar-Key": "second-key-of-a-test"}
        assert (await service.get("/api/v1/entities", headers=other)).status == 200
        assert (await service.get("/healthz")).status == 200
        first = {"X-Litmus-Sidecar-Key": "first-key-of-a-test"}
        refused = await service.get("/api/v1/entities", headers=first)
        assert refused.status == 429
        assert refused.headers["Retry-After"] == "1"


async def test_a_caller_who_used_up_its_computing_time_waits_and_another_does_not(small: Small) -> None:
    async with open_service(config_of(small, auth=KEYS)) as service:
        await service.ready()
        service.services.work_pace.spend("key:first", 45.0, is_person=False)
        refused = await service.get(
            "/api/v1/entities", headers={"X-Litmus-Sidecar-Key": "first-key-of-a-test"}
        )
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 1
        other = {"X-Litmus-Sidecar-Key": "second-key-of-a-test"}
        assert (await service.get("/api/v1/entities", headers=other)).status == 200


async def test_a_crowd_that_waits_for_the_first_data_holds_no_places_and_all_get_it(small: Small) -> None:
    small.simulator.faults.add(ScriptedFault(delay_seconds=0.5, times=4))
    config = config_of(small, auth=KEYS, limits={"concurrentRequests": 6, "keyConcurrentRequests": 2})
    count = "query($p: ID!) { listExperiment(projectID: $p, request: {}) { totalNoOfExperiments } }"
    body = json.dumps({"query": count, "variables": {"p": small.project.project_id}})
    headers = {"X-Litmus-Sidecar-Key": "first-key-of-a-test"}
    async with open_service(config) as service:
        await eventually(lambda: bool(service.services.catalogue.current.entities))

        async def ask() -> dict[str, Any]:
            answer: dict[str, Any] = await (await service.post(body, headers)).json()
            return answer

        answers = await asyncio.gather(*(ask() for _ in range(20)))
        assert [answer["data"] for answer in answers] == [
            {"listExperiment": {"totalNoOfExperiments": 3}}
        ] * 20
        assert service.services.phase.in_progress[""] == 0
