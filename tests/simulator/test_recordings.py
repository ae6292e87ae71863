"""The simulator answers each request that was recorded on a real Litmus 3.31 as that did."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidecar.simulator import Simulator, open_simulator
from tests.simulator.recorded_world import GIVEN, WHO, RecordedWorld, recorded_world

RECORDINGS = Path(__file__).parents[2] / "../shared/litmus/recorded-live"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))

ELSEWHERE = {
    "agent-event-after-stop": "an event of an agent, which has an API of its own; tested below",
    "listExperimentRun-limit-0": "recorded on another database than MongoDB, which refuses the limit",
    "listProbes": "nobody asks for probes, so this world has none",
}
"""Recordings that are not replayed, and why."""

SAME_SHAPE = {
    "auth-list-projects",
    "auth-list-projects-2",
    "auth-user",
    "auth-user-initial",
    "getExperimentStats",
    "html-wrong-path-get",
    "html-wrong-path-post",
    "listExperiment-manifests",
    "listExperiment-page-past-end",
    "listExperimentRun-all-phases",
    "listExperimentRun-page-past-end",
    "listInfras",
    "ok-raw-jwt",
    "ok-run",
    "ok-run2",
    "plugin-getBasicStats",
    "plugin-getExperimentRunStats",
    "plugin-listChaosHub",
    "plugin-listExperiment",
}
"""Recordings with names and numbers of their world: here the same keys with the same kinds of values.

All the rest is the same to the letter, but for ids, times and tokens.
"""

_EXPERIMENT_ID = "15a43e1f-ecf2-49eb-befe-7598a54ab6ac"
_RUN_ID = "24698d0d-7f95-4173-9e46-ecd61c1b3e51"
_TIMES = re.compile(r"\b1[78]\d{8}(\d{3})?\b")


@pytest.fixture
async def made() -> AsyncIterator[tuple[RecordedWorld, Simulator]]:
    recorded = recorded_world()
    recorded.world.allowed_origins = recorded.world.auth_allowed_origins = (r"^127\.0\.0\.1$",)
    async with open_simulator(recorded.world) as simulator:
        yield recorded, simulator


def translated_errors(value: Any, made: RecordedWorld, token: str) -> Any:
    """A part of a recorded request with our ids and our token."""
    text = json.dumps(value)
    for recorded, ours in made.ids.items():
        text = text.replace(recorded, ours)
    return json.loads(text.replace("<jwt>", token))


def settled(text: str) -> Any:
    """An answer without what no two worlds share: all times are one, errors come in one order."""
    try:
        body = json.loads(_TIMES.sub("1", text))
    except ValueError:
        return text
    if isinstance(body, dict) and "errors" in body:
        body["errors"].sort(key=str)  # the fields of a query are resolved all at once
    return body


async def replay(name: str, made: RecordedWorld, litmus: Simulator) -> tuple[int, str | None, Any]:
    """Ask what was asked; the answer's status, content type and body, with the recorded ids."""
    request = json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))["request"]
    token = made.token(WHO.get(name, "owner1"))
    if name in GIVEN:
        GIVEN[name](made, litmus)
    headers = translated_errors(request["headers"], made, token)
    body = translated_errors(request["body"], made, made.token("expired") if "remove" in name else token)
    data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    url = litmus.url + translated_errors(request["path"], made, token)
    async with (
        aiohttp.ClientSession() as session,
        session.request(request["method"], url, headers=headers, data=data) as answer,
    ):
        text = (await answer.text()).replace(token, "<jwt>")
        for recorded, ours in made.ids.items():
            text = text.replace(ours or recorded, recorded)
        return answer.status, answer.headers.get("Content-Type"), settled(text)


def shape(value: Any) -> Any:
    """Kinds of values: an object's by key, a list's all in one, a manifest's though it is text."""
    if isinstance(value, str) and value.startswith('{"kind":'):
        return shape(json.loads(value))
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [merged([shape(item) for item in value])]
    if value is None or isinstance(value, bool):
        return {str(type(value).__name__)}
    return {"number"} if isinstance(value, int | float) else {"text"}


def merged(shapes: list[Any]) -> Any:
    """What any of these may be; keys that only some have are marked by ``absent``."""
    if shapes and all(isinstance(one, dict) for one in shapes):
        keys = dict.fromkeys(key for one in shapes for key in one)
        return {key: merged([one.get(key, {"absent"}) for one in shapes]) for key in keys}
    lists = [one for one in shapes if isinstance(one, list)]
    rest: set[str] = set().union(*(one for one in shapes if isinstance(one, set)))
    return [merged([one[0] for one in lists]), rest] if lists else rest


def test_every_recording_is_replayed_or_told_why_not() -> None:
    if not NAMES:
        pytest.skip("needs the recordings beside the repository")
    assert {*ELSEWHERE, *SAME_SHAPE, *GIVEN, *WHO} <= set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ELSEWHERE])
async def test_the_simulator_answers_as_recorded(made: tuple[RecordedWorld, Simulator], name: str) -> None:
    recorded = json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))["response"]
    status, content_type, body = await replay(name, *made)
    assert (status, content_type) == (recorded["status"], recorded["headers"].get("Content-Type"))
    text = recorded["body"] if isinstance(recorded["body"], str) else json.dumps(recorded["body"])
    if name in SAME_SHAPE:
        assert shape(body) == shape(settled(text))
    else:
        assert body == settled(text)


def test_an_event_after_a_stop_is_discarded_in_the_recorded_words() -> None:
    if not NAMES:
        pytest.skip("needs the recordings beside the repository")
    recorded = json.loads((RECORDINGS / "agent-event-after-stop.json").read_text("utf-8"))["answer"]
    world = recorded_world()
    run = world.run_with("Pending")
    world.world.stop_run(run)
    message = world.world.report(run, "Running") or ""
    for ours, theirs in ((run.experiment_id, _EXPERIMENT_ID), (run.run_id, _RUN_ID)):
        message = message.replace(ours, theirs)
    assert message in recorded
    assert run.phase == "Stopped"
