"""The simulator's answers have the shape of the known examples."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import Shop

EXAMPLES = Path(__file__).parents[2] / "../shared/litmus/examples"
NAMES = (
    "getBasicStats",
    "getExperimentRunStats",
    "listChaosHub",
    "listEnvironments",
    "listExperiment",
    "listExperimentRun",
    "runChaosExperiment",
)


def keys(value: Any) -> Any:
    """The keys of objects in their order; of a list, those of its first object."""
    if isinstance(value, dict):
        return [(key, keys(item)) for key, item in value.items()]
    if isinstance(value, list):
        return next(([keys(item)] for item in value if isinstance(item, dict)), "list")
    return "value"


@pytest.mark.parametrize("name", NAMES)
async def test_an_answer_has_the_keys_of_the_example_in_their_order(shop: Shop, name: str) -> None:
    if not EXAMPLES.exists():
        pytest.skip("needs the examples beside the repository")
    shop.world.start_run(shop.experiment, username="alice")
    example = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    variables = example["request"]["body"]["variables"] | {"projectID": shop.project.project_id}
    if "experimentID" in variables:
        variables["experimentID"] = shop.experiment.experiment_id
    if "experimentIDs" in variables.get("request", {}):
        variables["request"]["experimentIDs"] = [shop.experiment.experiment_id]
    answer = await shop.ask(example["request"]["body"]["query"], variables)
    assert answer.content_type == example["response"]["headers"]["Content-Type"]
    assert keys(answer.json) == keys(example["response"]["body"])
