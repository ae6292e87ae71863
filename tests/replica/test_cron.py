"""What the plugin gets of a schedule: the text as it is, an equal one, or none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.replica import plugin_cron
from tests.support.strategies import crons


@pytest.mark.parametrize(
    "text",
    [
        "0 2 * * *",
        "*/5 * * * *",
        "@daily",
        "@hourly",
        "@weekly",
        "@monthly",
        "@yearly",
        "0 9 * * MON-FRI",
        "0 9 * jan,Feb sun",
        "15,45 8-18/2 1,15 * *",
        "0 0 31 1 *",
        "0 0 31 1,2 *",
        "05 07 * * *",
        "*/60 * * * *",
        "0 0 ? * MON",
        "*,5 * * * *",
        "5/10 * * * *",
        "0 0 29 2 *",
        "0\n2 * * *",
        "  0\t2  * * * ",
    ],
)
def test_plain_schedule_is_kept(text: str) -> None:
    assert plugin_cron(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        # A Sunday 7 is refused by Argo, so that it never fires.
        "59 23 * 12 7",
        "0 0 * * 5-7",
        "garbage",
        "@every 1h",
        "@reboot",
        "@DAILY",
        "TZ=Europe/Berlin 0 2 * * *",
        "CRON_TZ=UTC 0 2 * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "* * * * 8",
        "*/0 * * * *",
        "*/-1 * * * *",
        "5-1 * * * *",
        "* * * * FRI-SUN",
        "0 0 L * *",
        "0 0 * * 5L",
        "0 0 * * 5#2",
        "0 0 15W * *",
        "0 0 0 * * *",
        "* * * *",
        "1-2-3 * * * *",
        "*/5/2 * * * *",
        "1.5 * * * *",
        "-1 * * * *",
        "MON * * * *",
        "* * * * JAN",
        "٣ * * * *",
        "0 0 31 2 *",
        "0 0 31 4,6 *",
        "0 0 30 2 *",
        "0 2 * * * " + "# " * 200,
    ],
)
def test_anything_else_becomes_non_cron(text: str) -> None:
    assert plugin_cron(text) == ""


@pytest.mark.parametrize(
    ("text", "equal"),
    [
        ("@midnight", "@daily"),
        ("@annually", "@yearly"),
        ("? ? ? ? ?", "* * * * *"),
        ("1,,2 * * * *", "1,2 * * * *"),
        (",1 * * * *", "1 * * * *"),
        ("+5 * * * *", "5 * * * *"),
        ("0 0 * * 4/2", "0 0 * * 4,6"),
    ],
)
def test_what_argo_alone_understands_is_put_in_equal_words(text: str, equal: str) -> None:
    assert plugin_cron(text) == equal


@given(text=crons | st.text())
def test_what_is_kept_is_a_macro_or_five_fields(text: str) -> None:
    kept = plugin_cron(text)
    assert (
        kept == ""
        or kept[0] == "@"
        or re.fullmatch(r"\s*([0-9A-Za-z*?/,-]+\s+){4}[0-9A-Za-z*?/,-]+\s*", kept)
    )
    assert plugin_cron(kept) == kept
