"""What is kept of a manifest, whatever its text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.model import Concurrency
from sidecar.litmus.wire.manifests import LARGEST_JSON, LARGEST_YAML, ScheduleSpec, parse_manifest

YAML = """
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: nightly}
spec:
  schedule: "0 2 * * *"
  timezone: Europe/Berlin
  suspend: true
"""


def cron(**spec: Any) -> str:
    return json.dumps({"kind": "CronWorkflow", "spec": {"schedule": "0 2 * * *", **spec}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (cron(), ScheduleSpec(suspended=False, timezone=None)),
        (cron(suspend=True), ScheduleSpec(suspended=True, timezone=None)),
        (cron(suspend=None, timezone=""), ScheduleSpec(suspended=False, timezone=None)),
        (cron(timezone="Asia/Tokyo"), ScheduleSpec(suspended=False, timezone="Asia/Tokyo")),
        (cron(timezone=7), ScheduleSpec(suspended=False, timezone=None)),
        (
            cron(concurrencyPolicy="Forbid", startingDeadlineSeconds=60),
            ScheduleSpec(
                suspended=False,
                timezone=None,
                concurrency=Concurrency.FORBID,
                starting_deadline_seconds=60,
            ),
        ),
        (
            cron(concurrencyPolicy="Replace", startingDeadlineSeconds=True),
            ScheduleSpec(suspended=False, timezone=None, concurrency=Concurrency.REPLACE),
        ),
        (
            cron(concurrencyPolicy=["Forbid"], startingDeadlineSeconds=-1),
            ScheduleSpec(suspended=False, timezone=None),
        ),
        (YAML, ScheduleSpec(suspended=True, timezone="Europe/Berlin")),
    ],
)
def test_suspension_and_zone_are_read(text: str, expected: ScheduleSpec) -> None:
    assert parse_manifest(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        json.dumps({"kind": "Workflow", "spec": {}}),
        json.dumps({"kind": "CronWorkflow", "spec": []}),
        cron(suspend="perhaps"),
        "[" * 50_000,
        "a: [" * 5_000,
        "#" * (LARGEST_YAML + 1) + YAML,
        cron(padding="x" * LARGEST_JSON),
    ],
)
def test_what_is_no_schedule_is_none(text: str) -> None:
    assert parse_manifest(text) is None


@given(st.text(max_size=300))
def test_no_text_makes_it_raise(text: str) -> None:
    parse_manifest(text)
    parse_manifest(f"kind: CronWorkflow\nspec:\n  suspend: {text}")
