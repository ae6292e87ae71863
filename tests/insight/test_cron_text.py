"""Schedule texts: what Argo's scheduler accepts, and what it understands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.insight.cron_text import Cron, Every, parse_schedule


def rule(text: str) -> str | int | None:
    parsed = parse_schedule(text)
    assert parsed is not None, text
    return parsed.rule.seconds if isinstance(parsed.rule, Every) else parsed.rule.expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("0 2 * * *", "0 2 * * *"),
        ("@daily", "0 0 * * *"),
        ("@annually", "0 0 1 1 *"),
        ("  5\t4  1 * ? ", "5 4 1 * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("1-9/4 * * * *", "1,5,9 * * * *"),
        ("0 0 * FEB,dec Mon-wed", "0 0 * 2,12 1,2,3"),
        ("007 +2 * * *", "7 2 * * *"),
        ("0,,30, * * * *", "0,30 * * * *"),
        ("*-5 * * * *", "* * * * *"),
        ("0-59 * * * *", "* * * * *"),
    ],
)
def test_an_accepted_text_becomes_plain_fields(text: str, expression: str) -> None:
    assert rule(text) == expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("0 0 13 * 5", "0 0 13 * 5"),
        ("0 0 */1 * 5", "0 0 * * 5"),
        ("0 0 1-31 * 5", "0 0 * * *"),
        ("0 0 *,13 * 5", "0 0 * * 5"),
        ("0 0 , * 5", "0 0 * * 5"),
        ("0 0 13 * ,", "0 0 13 * *"),
    ],
)
def test_days_match_either_way_unless_a_star_is_among_them(text: str, expression: str) -> None:
    assert rule(text) == expression


def test_a_star_with_a_step_restricts_like_a_list() -> None:
    assert rule("0 0 */15 * 5") == "0 0 1,16,31 * 5"


def test_a_field_that_names_nothing_is_accepted_and_never_fires() -> None:
    assert rule(", * * * *") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "* * * *",
        "0 * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "* * * * L",
        "* * L * *",
        "* * * * 1#2",
        "H * * * *",
        "*/0 * * * *",
        "*/-5 * * * *",
        "5-1 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "*/ * * * *",
        "-1 * * * *",
        "1_0 * * * *",
        "٣ * * * *",
        "99999999999999999999 * * * *",
        "0 0 * * sunday",
        "@DAILY",
        "@reboot",
        " @daily",
        "@daily ",
        "@every",
        "@every ",
        "@every 5",
        "@every  5m",
        "@every 1d",
        "@every 1h 30m",
        "@every 9999999h",
        "TZ=Europe/Berlin",
        "TZ=Mars/Olympus 0 0 * * *",
        "TZ=UTC CRON_TZ=UTC 0 0 * * *",
        "tz=UTC 0 0 * * *",
        "* * * * *\x1c",
        "* " * 2_000,
    ],
)
def test_what_that_parser_refuses_is_no_schedule(text: str) -> None:
    assert parse_schedule(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("@every 5m", 300),
        ("@every 1h30m", 5_400),
        ("@every 1.5h", 5_400),
        ("@every .5m", 30),
        ("@every 1m500ms", 60),
        ("@every 1ns", 1),
        ("@every 0", 1),
        ("@every -1h", 1),
        ("@every +2s", 2),
    ],
)
def test_a_delay_is_a_go_duration_in_whole_seconds_and_at_least_one(text: str, seconds: int) -> None:
    assert rule(text) == seconds


@pytest.mark.parametrize(
    ("text", "manifest_zone", "zone", "assumed"),
    [
        ("0 0 * * *", None, "UTC", True),
        ("0 0 * * *", "", "UTC", True),
        ("0 0 * * *", "Europe/Berlin", "Europe/Berlin", False),
        ("TZ=Asia/Tokyo 0 0 * * *", None, "Asia/Tokyo", False),
        ("CRON_TZ=Asia/Tokyo   @daily ", None, "Asia/Tokyo", False),
        ("TZ= 0 0 * * *", "", "UTC", False),
    ],
)
def test_the_zone_is_the_prefix_else_the_manifest_else_utc_assumed(
    text: str, manifest_zone: str | None, zone: str, *, assumed: bool
) -> None:
    parsed = parse_schedule(text, manifest_zone)
    assert parsed is not None
    assert (parsed.zone, parsed.zone_assumed) == (zone, assumed)


def test_an_unknown_zone_in_the_manifest_is_no_schedule() -> None:
    assert parse_schedule("0 0 * * *", "Mars/Olympus") is None


@given(text=st.text(max_size=60) | st.text(alphabet="0123456789*/,-? @TZ=evryhms.", max_size=40))
def test_no_text_raises(text: str) -> None:
    parsed = parse_schedule(text)
    assert parsed is None or isinstance(parsed.rule, Cron | Every)


@pytest.mark.parametrize("text", ["TZ=Asia/Seoul 0 3 * * *", "CRON_TZ=Europe/Paris @daily", "TZ= 0 3 * * *"])
def test_a_prefix_and_a_zone_of_the_manifest_together_are_no_schedule(text: str) -> None:
    assert parse_schedule(text, "Europe/Paris") is None
    assert parse_schedule(text) is not None
