"""The OpenAPI document describes what the service does; a live demonstration is held to it."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import Draft202012Validator
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tests.support.service import CEILING_SECONDS

EXAMPLES = 400 if os.environ.get("LITMUS_SIDECAR_SOAK") else 12


@pytest.fixture(scope="session")
def live_url() -> Iterator[str]:
    """The address of a demonstration of its own process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar", "demo", "--port", "0", "--log-level", "error"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], CEILING_SECONDS)
        assert ready, "the demonstration told no address in time"
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        wait_until_ready(found[0])
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=CEILING_SECONDS)


def wait_until_ready(url: str) -> None:
    end = time.monotonic() + CEILING_SECONDS
    while time.monotonic() < end:
        try:
            with urlopen(f"{url}/readyz", timeout=CEILING_SECONDS) as response:
                if response.status == 200:
                    return
        except URLError:
            pass
        select.select([], [], [], 0.05)
    raise AssertionError("the demonstration was not ready in time")


def test_every_operation_answers_as_documented(live_url: str) -> None:
    """Generated requests, good and bad; statuses, types and shapes must be documented ones."""
    schema = schemathesis.openapi.from_url(f"{live_url}/api/v1/openapi.json")
    checked = 0
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # an error would be raised by it

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            # On its own machine the demonstration needs no credential; the gate has tests of its own.
            # A cursor is opaque, and since must lie before until: JSON schema says neither.
            case.call_and_validate(excluded_checks=[ignored_auth, positive_data_acceptance])

        check()
        checked += 1
    assert checked >= 9


@pytest.mark.parametrize(("kind", "required"), [("run", False), ("stop", False), ("schedule", True)])
def test_a_body_is_documented_as_required_just_where_nothing_happens_without_it(
    live_url: str, kind: str, *, required: bool
) -> None:
    with urlopen(f"{live_url}/api/v1/openapi.json", timeout=CEILING_SECONDS) as response:
        paths = json.load(response)["paths"]
    path = "/api/v1/entities/{kind}/{namespace}/{name}/experiments/{id}/" + kind
    assert paths[path]["post"]["requestBody"]["required"] is required

    # Nobody has this experiment: what is looked at first is the body.
    place = f"{live_url}{entity_paths(live_url)[0]}/experiments/nobody-has-it/{kind}"
    sent = Request(place, method="POST", headers={"Content-Type": "application/json"})
    with pytest.raises(HTTPError) as refused:
        urlopen(sent, timeout=CEILING_SECONDS)
    with refused.value:
        assert (refused.value.code == 400) is required


def entity_paths(url: str) -> list[str]:
    with urlopen(f"{url}/api/v1/entities", timeout=CEILING_SECONDS) as response:
        refs = [row["entityRef"] for row in json.load(response)["entities"]]
    return ["/api/v1/entities/" + ref.replace(":", "/") for ref in refs]


def test_real_entities_answer_as_documented(live_url: str) -> None:
    """Made-up names mostly meet 404; these are the entities there are."""
    with urlopen(f"{live_url}/api/v1/openapi.json", timeout=CEILING_SECONDS) as response:
        document = json.load(response)
    walked = 0
    for path in entity_paths(live_url):
        for view in ("overview", "content", "runs", "overview?window=12mo&tz=Europe/Berlin", "runs?limit=3"):
            template = "/api/v1/entities/{kind}/{namespace}/{name}/" + view.partition("?")[0]
            operation = document["paths"][template]["get"]
            reference = operation["responses"]["200"]["content"]["application/json"]["schema"]
            validator = Draft202012Validator({**reference, "components": document["components"]})
            with urlopen(f"{live_url}{path}/{view}", timeout=CEILING_SECONDS) as response:
                answer = json.load(response)
            validator.validate(answer)
            walked += 1
    assert walked >= 30


def test_the_page_is_made_from_the_document_without_scripts_or_other_hosts(live_url: str) -> None:
    with urlopen(f"{live_url}/api/v1/docs", timeout=CEILING_SECONDS) as response:
        page = response.read().decode()
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "GET /api/v1/portfolio" in page
    assert "OverviewShape" in page
