"""A Litmus that answers everything but the list of runs: what is made of runs says so."""

import re
from typing import Any

import pytest

from sidecar.simulator import ScriptedFault
from tests.e2e.conftest import Small
from tests.support.markup import Element, parse_html
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

ENTITY = "entities/component/default/cart"


async def read(service: Service, path: str) -> dict[str, Any]:
    response = await service.get(path)
    assert response.status in {200, 503}, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


async def page(service: Service, path: str) -> Element:
    response = await service.get(path)
    assert response.status == 200, await response.text()
    return parse_html(await response.text())


async def text(service: Service, path: str) -> str:
    return await (await service.get(path)).text()


def refuse_runs(small: Small) -> None:
    fault = ScriptedFault(root_field="listExperimentRun", times=None, status=500, body="x")
    small.simulator.faults.add(fault)


async def test_a_history_that_can_no_longer_be_read_is_told_everywhere_until_it_can(small: Small) -> None:
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync=QUICK_SYNC)

    async with open_service(config) as service:

        async def overview() -> dict[str, Any]:
            return await read(service, f"/api/v1/{ENTITY}/overview")

        async def has_failed() -> bool:
            return (await overview())["sections"]["runHistory"]["error"] is not None

        async def is_fresh() -> bool:
            return not (await overview())["stale"]

        async def is_counted(value: int) -> bool:
            line = rf'section_failed\{{[^}}]*section="runHistory"\}} {value}\b'
            return re.search(line, await text(service, "/metrics")) is not None

        async def has_fresh_badge() -> bool:
            return "(stale)" not in await text(service, f"/litmus/{ENTITY}/badge.svg")

        await service.ready()
        await eventually(is_fresh)
        refuse_runs(small)
        # The experiment's own list shows this one, the history cannot.
        experiment = next(iter(small.world.experiments.values()))
        small.world.start_run(experiment, username="bob")
        await eventually(has_failed)

        one = await overview()
        assert one["stale"]
        section = one["sections"]["runHistory"]
        assert section["error"]["code"] == "upstream_unavailable"
        assert one["asOf"] <= section["asOf"]
        assert one["sections"]["experiments"]["error"] is None
        health = await read(service, "/readyz")
        assert health["status"] == "degraded"
        assert [list(project["errors"]) for project in health["projects"].values()] == [["runHistory"]]
        for path in (f"{ENTITY}/content", f"{ENTITY}/runs", "entities", "portfolio", "attention"):
            answer = await read(service, f"/api/v1/{path}")
            told = answer["entities"][0] if path == "entities" else answer
            assert told["stale"], path
        await eventually(lambda: is_counted(1))
        assert "(stale)" in await text(service, f"/litmus/{ENTITY}/badge.svg")
        for path in (ENTITY, f"{ENTITY}/report"):
            state = (await page(service, f"/litmus/{path}")).by_id("state").text
            assert re.search(r"Run history: the last reading failed, shown as of [^.]*\. http://", state)
            assert "may be missing from scores, counts and lists" in state
        runs = (await page(service, f"/litmus/{ENTITY}/runs")).text
        assert re.search(r"The last reading of Litmus failed: the runs are those of [^.]*\. http://", runs)
        assert "Some of this is old" in (await page(service, "/litmus")).text

        small.simulator.faults.clear()
        await eventually(is_fresh)
        assert (await overview())["sections"]["runHistory"]["error"] is None
        await eventually(lambda: is_counted(0))
        await eventually(has_fresh_badge)


@pytest.mark.parametrize(
    ("path", "untrue"),
    [
        (f"/litmus/{ENTITY}", ["has run yet", "Of0", "Of 0", "0 scored runs", "for the first time"]),
        (f"/litmus/{ENTITY}/report", ["scored run yet", "No runs yet", "Nothing:", "for the first time"]),
        (f"/litmus/{ENTITY}/runs", ["No runs yet", "for the first time"]),
    ],
)
async def test_a_history_that_could_never_be_read_is_not_said_to_be_empty(
    small: Small, path: str, untrue: list[str]
) -> None:
    refuse_runs(small)
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync=QUICK_SYNC)
    async with open_service(config) as service:
        await service.attempted()

        async def says_why() -> bool:
            return "answered with HTTP 500" in (await page(service, path)).text

        await eventually(says_why)
        shown = (await page(service, path)).by_id("main").text
    assert [words for words in untrue if words in shown] == []
    assert "Not read yet." in shown


async def test_the_portfolio_knows_no_number_of_runs_before_the_history_was_read(small: Small) -> None:
    refuse_runs(small)
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync=QUICK_SYNC)
    async with open_service(config) as service:
        await service.attempted()

        async def says_so() -> bool:
            return "could not be read to its end" in (await page(service, "/litmus")).by_id("state").text

        await eventually(says_so)
        portfolio = await page(service, "/litmus")
    assert "for the first time" not in portfolio.by_id("state").text
    [row] = [row for row in portfolio.by_id("entity-rows").rows() if row and "cart" in row[0]]
    assert "unknown" in row
    assert "0" not in row
