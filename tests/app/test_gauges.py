"""What a scrape reads from other parts."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.app.gauges import pace_gauges, renewal_leads, token_gauges
from sidecar.config import Config, parse_config
from sidecar.domain.ports import TokenState, TokenStatus
from sidecar.sync.schedule import Intervals
from sidecar.telemetry.metrics import Metrics
from tests.support.builders import NOW
from tests.support.planning import fitting

EXPIRY = "litmus_sidecar_token_expiry_timestamp_seconds"
RENEWAL = "litmus_sidecar_token_renewal_timestamp_seconds"
PROBLEM = "litmus_sidecar_token_problem"


class Held:
    """A token of which only the status matters."""

    def __init__(self, source: str, *, days: int | None = 30, problem: str | None = None) -> None:
        self.status = TokenStatus(
            source=source,
            state=TokenState.GOOD,
            token_id="fingerprint",
            username="sidecar",
            user_id="user",
            account_role="user",
            expires_at=None if days is None else NOW + timedelta(days=days),
            problem=problem,
            changed_at=None,
        )


def configured(section: dict[str, Any]) -> Config:
    return parse_config({"litmusSidecar": section}, directory=Path("/nowhere"))


@pytest.mark.parametrize("source", ["token", "tokenFile", "credentials"])
def test_the_end_of_a_token_names_where_it_comes_from(source: str) -> None:
    told = token_gauges({"default": Held(source)}, {})
    assert told[EXPIRY].labels == ("instance", "source")
    assert told[EXPIRY].values == {("default", source): (NOW + timedelta(days=30)).timestamp()}


def test_a_managed_token_is_renewed_before_a_fifth_of_its_life_is_left() -> None:
    managed = {"username": "sidecar", "password": "a-password", "tokenDays": 30}
    instances = [
        {"name": "managed", "baseUrl": "http://a.example.com", "credentials": managed},
        {"name": "given", "baseUrl": "http://b.example.com", "token": "a-token"},
    ]
    leads = renewal_leads(configured({"instances": instances}))
    told = token_gauges({"managed": Held("credentials"), "given": Held("token")}, leads)
    assert told[RENEWAL].values == {("managed",): (NOW + timedelta(days=24)).timestamp()}


def test_a_token_that_never_expires_has_neither_end_nor_renewal() -> None:
    told = token_gauges({"default": Held("credentials", days=None)}, {"default": timedelta(days=6)})
    assert told[EXPIRY].values == told[RENEWAL].values == {}


def test_a_token_that_cannot_be_replaced_is_a_problem_though_it_is_still_good() -> None:
    tokens = {"a": Held("credentials", problem="Litmus is away."), "b": Held("token")}
    assert token_gauges(tokens, {})[PROBLEM].values == {("a", "credentials"): 1.0, ("b", "token"): 0.0}


def test_counters_of_which_the_labels_are_known_begin_at_zero() -> None:
    """One that is first told as 1 never increased."""
    metrics = Metrics("test")
    metrics.initialise(["default"])
    for name, labels in (
        ("token_rotations", {"instance": "default", "outcome": "created"}),
        ("sync_attempts", {"instance": "default", "lane": "history", "outcome": "ok"}),
        ("actions", {"kind": "run", "outcome": "refused"}),
        ("actions", {"kind": "stop", "outcome": "repeat"}),
    ):
        assert metrics.registry.get_sample_value(f"litmus_sidecar_{name}_total", labels) == 0, name


def test_every_part_of_a_project_tells_how_often_it_is_to_be_read() -> None:
    hour = timedelta(hours=1)
    planner = fitting(Intervals(fast=timedelta(seconds=60), slow=2 * hour, active=timedelta(seconds=10)))
    reading = pace_gauges(planner, {})["litmus_sidecar_section_interval_seconds"]
    assert reading.labels == ("section",)
    assert reading.values[("experiments",)] == 60
    assert reading.values[("hubs",)] == reading.values[("gitops",)] == 7_200
