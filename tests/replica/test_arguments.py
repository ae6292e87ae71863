"""List arguments do what they say, on rows of the snapshot."""

from typing import Any

import pytest

from sidecar.domain.errors import QueryRefusedError
from sidecar.replica.arguments import select_environments, select_experiments, select_hubs
from tests.support.builders import environment, experiment, hub, infra

EXPERIMENTS = (
    experiment("1", "b.c", updated_at_ms=30, infra=infra("i1", "East")),
    experiment("2", "A", updated_at_ms=10, cron_syntax="@every 1h", infra=infra("i2", is_active=False)),
    experiment("3", "bxc", updated_at_ms=20, experiment_type="chaosengine", infra=None),
    experiment("4", "a", updated_at_ms=None, infra=infra("i4", infra_type=None)),
)
ENVIRONMENTS = (
    environment("e1", "Staging", "NON_PROD", updated_at_ms=1, tags=("x",)),
    environment("e2", "Production", "PROD", updated_at_ms=2, description="The SHOP"),
)
HUBS = (hub("h1", "Litmus ChaosHub"), hub("h2", "Team hub", tags=("a", "b"), description="Ours"))


def experiment_ids(request: dict[str, Any] | None) -> list[str]:
    return [row.experiment_id for row in select_experiments(request)(EXPERIMENTS).rows]


@pytest.mark.parametrize(
    ("request_", "ids"),
    [
        (None, ["1", "2", "3", "4"]),
        ({}, ["1", "2", "3", "4"]),
        ({"experimentIDs": []}, ["1", "2", "3", "4"]),
        ({"experimentIDs": ["3", "1", None, "9"]}, ["1", "3"]),
        ({"experimentIDs": [None]}, []),
        ({"filter": {"experimentName": "b.c"}}, ["1"]),
        ({"filter": {"experimentName": "B"}}, []),
        ({"filter": {"experimentName": ""}}, ["1", "2", "3", "4"]),
        ({"filter": {"infraName": "east"}}, ["1"]),
        ({"filter": {"infraID": "i2"}}, ["2"]),
        ({"filter": {"infraID": "All"}}, ["1", "2", "3", "4"]),
        ({"filter": {"infraID": ""}}, ["1", "2", "3", "4"]),
        ({"filter": {"infraActive": True}}, ["1", "3", "4"]),
        ({"filter": {"infraActive": False}}, ["2", "3"]),
        ({"filter": {"scheduleType": "CRON"}}, ["2"]),
        ({"filter": {"scheduleType": "NON_CRON"}}, ["1", "3", "4"]),
        ({"filter": {"scheduleType": "ALL"}}, ["1", "2", "3", "4"]),
        ({"filter": {"infraTypes": ["Kubernetes"]}}, ["1", "2"]),
        ({"filter": {"infraTypes": []}}, ["1", "2", "3", "4"]),
        ({"filter": {"dateRange": {"startDate": "20"}}}, ["1", "3"]),
        ({"filter": {"dateRange": {"startDate": "10", "endDate": "20"}}}, ["2", "3"]),
        ({"sort": {"field": "NAME", "ascending": True}}, ["2", "4", "1", "3"]),
        ({"sort": {"field": "NAME"}}, ["3", "1", "4", "2"]),
        ({"sort": {"field": "TIME", "ascending": True}}, ["4", "2", "3", "1"]),
        ({"sort": {"field": "TIME", "ascending": False}}, ["1", "3", "2", "4"]),
        ({"pagination": {"page": 1, "limit": 3}}, ["4"]),
        ({"pagination": {"page": 9, "limit": 3}}, []),
    ],
)
def test_experiments_are_selected(request_: dict[str, Any] | None, ids: list[str]) -> None:
    assert experiment_ids(request_) == ids


@pytest.mark.parametrize(
    ("request_", "ids"),
    [
        (None, ["e1", "e2"]),
        ({"environmentIDs": ["e2"]}, ["e2"]),
        ({"filter": {"name": "STAG"}}, ["e1"]),
        ({"filter": {"description": "shop"}}, ["e2"]),
        ({"filter": {"type": "PROD"}}, ["e2"]),
        ({"filter": {"tags": ["x", "y"]}}, ["e1"]),
        ({"sort": {"field": "NAME", "ascending": True}}, ["e2", "e1"]),
        ({"sort": {"field": "TIME", "ascending": None}}, ["e2", "e1"]),
    ],
)
def test_environments_are_selected(request_: dict[str, Any] | None, ids: list[str]) -> None:
    assert [row.environment_id for row in select_environments(request_)(ENVIRONMENTS).rows] == ids


@pytest.mark.parametrize(
    ("request_", "ids"),
    [
        (None, ["h1", "h2"]),
        ({"chaosHubIDs": ["h2"]}, ["h2"]),
        ({"filter": {"chaosHubName": "HUB"}}, ["h1", "h2"]),
        ({"filter": {"chaosHubName": "team"}}, ["h2"]),
        ({"filter": {"tags": ["b"]}}, ["h2"]),
        ({"filter": {"description": "our"}}, ["h2"]),
    ],
)
def test_hubs_are_selected(request_: dict[str, Any] | None, ids: list[str]) -> None:
    assert [row.hub_id for row in select_hubs(request_)(HUBS).rows] == ids


def test_total_counts_what_matches_before_paging() -> None:
    request = {"filter": {"scheduleType": "NON_CRON"}, "pagination": {"page": 0, "limit": 1}}
    assert select_experiments(request)(EXPERIMENTS).total == 3


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        ({"pagination": {"page": -1, "limit": 1}}, "pagination.page"),
        ({"pagination": {"page": 0, "limit": 0}}, "pagination.limit"),
        ({"filter": {"dateRange": {"startDate": "yesterday"}}}, "dateRange.startDate"),
        ({"filter": {"dateRange": {"startDate": "0", "endDate": "-1"}}}, "dateRange.endDate"),
        ({"filter": {"dateRange": {"startDate": "9" * 5_000}}}, "dateRange.startDate"),
    ],
)
def test_arguments_without_sense_are_refused_by_name(request_: dict[str, Any], word: str) -> None:
    with pytest.raises(QueryRefusedError, match=word):
        select_experiments(request_)
