"""What the tests of the Litmus client share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

TOKEN = "eyJ.marker-of-the-token.sig"
SHARED = Path(__file__).parents[2] / "../shared/litmus"


class Observed:
    """Keeps what the gate was asked to count."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def __call__(self, operation: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((operation, code))


def shared_json(name: str) -> Any:
    """Return a file of recorded knowledge beside the repository, or skip the test."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return json.loads(path.read_text())


def experiments(ids: Sequence[str], total: int | None = None) -> dict[str, Any]:
    rows = [{"experimentID": row, "name": row} for row in ids]
    return {"totalNoOfExperiments": len(ids) if total is None else total, "experiments": rows}


def infras(ids: Sequence[str], total: int | None = None) -> dict[str, Any]:
    rows = [{"infraID": row, "name": row, "isActive": True} for row in ids]
    return {"totalNoOfInfras": len(ids) if total is None else total, "infras": rows}


def environments(ids: Sequence[str], total: int | None = None) -> dict[str, Any]:
    rows = [{"environmentID": row, "name": row, "type": "PROD"} for row in ids]
    return {"totalNoOfEnvironments": len(ids) if total is None else total, "environments": rows or None}


STATS = {
    "totalExperimentRuns": 6,
    "totalRunningExperimentRuns": 1,
    "totalCompletedExperimentRuns": 2,
    "totalTerminatedExperimentRuns": 0,
    "totalStoppedExperimentRuns": 1,
    "totalErroredExperimentRuns": 1,
}
