"""Requests to act, read; and what a mutation answers."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action, ActionKind, ActionOutcome, AuditEvent, RunStop, entry_of
from sidecar.domain.errors import BadRequestError, StopIncompleteError, UpstreamAnswerLostError
from sidecar.http.api.action_requests import mutation_result, request_from_body, request_from_mutation
from sidecar.http.shapes.actions import action_shape, audit_shape, begun_shape
from sidecar.replica import MutationRequest, QueryEngine
from tests.support.builders import NOW, NOW_MS, entity, project

CART = entity()


def action(kind: ActionKind = ActionKind.RUN, **changes: Any) -> Action:
    given: dict[str, Any] = {
        "id": "action-1",
        "kind": kind,
        "project": project(),
        "experiment_id": "experiment-1",
        "principal": "user:default/alice",
        "request_id": "request-1",
        "created_at": NOW,
        "answered_at": NOW + timedelta(seconds=1),
        "outcome": ActionOutcome.ACCEPTED,
    }
    return Action(**(given | changes))


@pytest.mark.parametrize(
    ("kind", "body", "read"),
    [
        (ActionKind.RUN, b"", {"force": False}),
        (ActionKind.RUN, b'{"force":true}', {"force": True}),
        (ActionKind.STOP, b"", {"run_id": None}),
        (ActionKind.STOP, b'{"all":true}', {"run_id": None}),
        (ActionKind.STOP, b'{"runID":"run-1"}', {"run_id": "run-1"}),
        (ActionKind.STOP, b'{"runID":""}', {"run_id": ""}),
        (ActionKind.SCHEDULE, b'{"suspended":false}', {"suspended": False}),
    ],
)
def test_body_is_read(kind: ActionKind, body: bytes, read: dict[str, Any]) -> None:
    asked = request_from_body(kind, CART, "experiment-1", body)
    expected = ActionRequest(kind=kind, project=project(), experiment_id="experiment-1", entity=CART)
    assert asked == msgspec.structs.replace(expected, **read)


@pytest.mark.parametrize(
    ("kind", "body", "names"),
    [
        (ActionKind.RUN, b'{"force":"yes"}', "force"),
        (ActionKind.RUN, b"[]", "force"),
        (ActionKind.SCHEDULE, b"{}", "suspended"),
        (ActionKind.SCHEDULE, b"", "suspended"),
    ],
)
def test_body_of_another_form_is_refused(kind: ActionKind, body: bytes, names: str) -> None:
    with pytest.raises(BadRequestError, match=rf"nothing but: {names} \(true or false\)\.$"):
        request_from_body(kind, CART, "experiment-1", body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"runID":null}',
        b'{"runID":1}',
        b'{"runId":"run-1"}',
        b'{"runID":"\xff"}',
        b'{"all":false}',
        b'{"all":null}',
        b'{"all":1}',
        b'{"all":true,"runID":"run-1"}',
        b'{"all":false,"runID":"run-1"}',
        b'{"all":true,"runID":null}',
    ],
)
def test_stop_says_which_run_or_all_and_nothing_in_between(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="for all unfinished runs of the experiment") as caught:
        request_from_body(ActionKind.STOP, CART, "experiment-1", body)
    assert caught.value.parameter == "runID"


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ('runChaosExperiment(experimentID: "e", projectID: "p") { notifyID }', {"kind": ActionKind.RUN}),
        (
            'stopExperimentRuns(experimentID: "e", projectID: "p", notifyID: "n")',
            {"kind": ActionKind.STOP, "notify_id": "n"},
        ),
        (
            'stopExperimentRuns(experimentID: "e", projectID: "p", experimentRunID: "r")',
            {"kind": ActionKind.STOP, "run_id": "r"},
        ),
        (
            'updateCronExperimentState(experimentID: "e", projectID: "p", disable: true)',
            {"kind": ActionKind.SCHEDULE, "suspended": True},
        ),
    ],
)
def test_mutation_is_read(field: str, read: dict[str, Any]) -> None:
    prepared = QueryEngine().prepare(msgspec.json.encode({"query": f"mutation {{ {field} }}"}))
    assert isinstance(prepared, MutationRequest)
    assert request_from_mutation(prepared, project("p")) == ActionRequest(
        project=project("p"), experiment_id="e", **read
    )


def test_mutation_answers_what_litmus_does() -> None:
    assert mutation_result(action(notify_id="n")) == "n"
    assert mutation_result(action()) == ""
    assert mutation_result(action(ActionKind.STOP)) is True


def test_mutation_of_unknown_outcome_is_an_error() -> None:
    with pytest.raises(UpstreamAnswerLostError, match=r"^Answer lost"):
        mutation_result(action(outcome=ActionOutcome.UNKNOWN, error_message="Answer lost: look again."))


def test_answer_to_an_action_has_the_contracts_names() -> None:
    assert msgspec.to_builtins(begun_shape(action(notify_id="n"))) == {
        "actionID": "action-1",
        "outcome": "accepted",
        "notifyID": "n",
        "runID": None,
        "runs": [],
    }


def test_a_stop_tells_of_each_run_what_came_of_it() -> None:
    runs = (
        RunStop(run_id="run-2", created_at_ms=None, outcome=ActionOutcome.ACCEPTED),
        RunStop(
            run_id=None,
            created_at_ms=NOW_MS,
            outcome=ActionOutcome.FAILED,
            error_code="run_without_id",
            error_message="It may still run.",
        ),
    )
    stopped = action(ActionKind.STOP, outcome=ActionOutcome.PARTIAL, runs=runs)
    told = [
        {"runID": "run-2", "createdAt": None, "outcome": "accepted", "error": None},
        {
            "runID": None,
            "createdAt": "2026-03-02T12:00:00.000Z",
            "outcome": "failed",
            "error": {"code": "run_without_id", "message": "It may still run."},
        },
    ]
    entry = entry_of(stopped, AuditEvent.ATTEMPT, NOW)
    assert msgspec.to_builtins(begun_shape(stopped))["runs"] == told
    assert msgspec.to_builtins(action_shape(stopped))["runs"] == told
    assert msgspec.to_builtins(audit_shape([entry], None))["entries"][0]["runs"] == told


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [(ActionOutcome.STOPPING, "Not all is stopped yet"), (ActionOutcome.PARTIAL, "1 of 2")],
)
def test_a_mutation_never_calls_stopped_what_is_not(outcome: ActionOutcome, sentence: str) -> None:
    half = action(ActionKind.STOP, outcome=outcome, error_message="1 of 2 runs were stopped.")
    with pytest.raises(StopIncompleteError, match=f"^{sentence}"):
        mutation_result(half)


def test_failed_action_tells_its_error() -> None:
    failed = action(outcome=ActionOutcome.FAILED, error_code="action_not_done", error_message="Not done.")
    shape = msgspec.to_builtins(action_shape(failed))
    assert shape["error"] == {"code": "action_not_done", "message": "Not done."}
    assert (shape["requestedAt"], shape["entityRef"]) == ("2026-03-02T12:00:00.000Z", None)


def test_audit_entry_tells_who_did_what() -> None:
    entry = entry_of(action(ActionKind.STOP, target_run_id="run-1"), AuditEvent.REPEAT, NOW)
    shape = msgspec.to_builtins(audit_shape([entry], "more"))
    assert shape["nextCursor"] == "more"
    (told,) = shape["entries"]
    assert (told["who"], told["event"], told["kind"]) == ("user:default/alice", "repeat", "stop")
    assert (told["targetRunID"], told["actionID"], told["requestID"]) == ("run-1", "action-1", "request-1")
