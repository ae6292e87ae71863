"""Litmus's odd values become the model's, and a different shape is told by its place."""

import json

import pytest

from sidecar.litmus.wire import sections
from sidecar.litmus.wire.responses import unreadable
from sidecar.litmus.wire.values import Number, time_ms
from tests.litmus.support import shared_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1763728770000", 1763728770000),
        (1763728770000, 1763728770000),
        ("1763728770", 1763728770000),
        (1763728770.5, 1763728770500),
        ("0", None),
        ("", None),
        (None, None),
        ("-5", None),
        ("soon", None),
        ("inf", None),
        ("9" * 5000, None),
        (10**30, None),
    ],
)
def test_times_are_whole_milliseconds_or_none(value: Number, expected: int | None) -> None:
    assert time_ms(value) == expected


def test_hub_counts_are_read_from_text() -> None:
    answer = json.dumps(
        [{"id": "h", "name": "hub", "isAvailable": True, "totalFaults": "53", "totalExperiments": ""}]
    )

    (hub,) = sections.hubs(answer.encode())

    assert (hub.total_faults, hub.total_experiments) == (53, 0)


def test_null_list_elements_are_left_out_but_counted() -> None:
    answer = json.dumps({"totalNoOfExperiments": 2, "experiments": [None, {"experimentID": "e"}]})

    page = sections.experiments_page(answer.encode())

    assert [row.experiment_id for row in page.items] == ["e"]
    assert page.rows == 2


def test_an_empty_project_has_no_environments() -> None:
    assert sections.environments_page(b'{"totalNoOfEnvironments":0,"environments":null}').items == ()


def test_an_experiment_that_never_ran_has_no_runs_and_no_infrastructure() -> None:
    answer = b'{"totalNoOfExperiments":1,"experiments":[{"experimentID":"e","infra":null,"cronSyntax":"",'
    answer += b'"recentExperimentRunDetails":null,"tags":null,"updatedBy":null}]}'

    (row,) = sections.experiments_page(answer).items

    assert (row.infra, row.recent_runs, row.tags, row.updated_by) == (None, (), (), None)


def test_recent_runs_are_newest_first_and_at_most_ten() -> None:
    runs = [
        {"experimentRunID": str(n), "phase": "Completed", "createdAt": str(10**12 + n)} for n in range(12)
    ]
    answer = json.dumps(
        {
            "totalNoOfExperiments": 1,
            "experiments": [{"experimentID": "e", "recentExperimentRunDetails": runs}],
        }
    )

    (row,) = sections.experiments_page(answer.encode()).items

    assert [run.experiment_run_id for run in row.recent_runs] == [str(n) for n in range(11, 1, -1)]


def test_recent_runs_without_a_time_keep_the_order_litmus_sent() -> None:
    runs = [
        {"experimentRunID": "b", "createdAt": "0"},
        {"experimentRunID": "a", "createdAt": "1763728770000"},
    ]
    answer = json.dumps(
        {
            "totalNoOfExperiments": 1,
            "experiments": [{"experimentID": "e", "recentExperimentRunDetails": runs}],
        }
    )

    (row,) = sections.experiments_page(answer.encode()).items

    assert [run.experiment_run_id for run in row.recent_runs] == ["b", "a"]


def test_the_confirmation_of_an_infrastructure_is_unknown_inside_an_experiment() -> None:
    infra = {"infraID": "i", "isInfraConfirmed": False}
    answer = json.dumps({"totalNoOfExperiments": 1, "experiments": [{"experimentID": "e", "infra": infra}]})

    (row,) = sections.experiments_page(answer.encode()).items

    assert row.infra is not None
    assert row.infra.is_confirmed is None


def test_a_different_shape_is_told_by_its_place_and_without_its_value() -> None:
    answer = b'{"totalNoOfInfras":1,"infras":[{"infraID":["marker"]}]}'

    with pytest.raises(ValueError, match="Expected") as caught:
        sections.infras_page(answer)
    error = unreadable("listInfras", caught.value)

    assert "listInfras.infras[0].infraID" in str(error)
    assert "marker" not in str(error)


def test_the_known_project_is_read_whole() -> None:
    body = shared_json("examples/listExperiment.json")["response"]["body"]["data"]["listExperiment"]
    body["totalNoOfExperiments"] = 7

    page = sections.experiments_page(json.dumps(body).encode())

    rows = {row.name: row for row in page.items}
    assert len(rows) == 7
    assert rows["cart-pod-cpu-hog"].recent_runs[0].resiliency_score is None
    assert rows["cart-pod-cpu-hog"].recent_runs[0].experiment_run_id == ""
    assert rows["checkout-pod-delete"].recent_runs[1].updated_at_ms == 1763642760000
    assert rows["legacy-disk-fill"].infra is None
    assert rows["payments-network-loss"].recent_runs == ()
    assert rows["nightly-node-cpu-hog"].cron_syntax == "0 2 * * *"
