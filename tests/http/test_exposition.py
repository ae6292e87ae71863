"""Lines of Prometheus's text formats."""

import math

import pytest

from sidecar.http.metrics.text_format import LONGEST_LABEL, Family, Lines, clean_id, clean_text, label_block

RUNS = Family(name="backstage_litmus_runs", help="Runs.", kind="counter")
LAST = Family(name="backstage_litmus_last_seconds", help="Last.")


def test_a_counter_is_named_by_its_samples_in_classic_text_and_by_its_family_in_openmetrics() -> None:
    assert RUNS.head(openmetrics=False) == (
        b"# HELP backstage_litmus_runs_total Runs.\n# TYPE backstage_litmus_runs_total counter\n"
    )
    assert RUNS.head(openmetrics=True) == (
        b"# HELP backstage_litmus_runs Runs.\n# TYPE backstage_litmus_runs counter\n"
    )


def test_openmetrics_is_told_the_unit() -> None:
    assert LAST.head(openmetrics=True).endswith(b"\n# UNIT backstage_litmus_last_seconds seconds\n")
    assert b"UNIT" not in LAST.head(openmetrics=False)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_unknown_or_no_number_has_no_line(value: float | None) -> None:
    lines = Lines()
    lines.add(RUNS, "", value)
    assert lines.encoded() == {}


def test_lines_are_kept_by_family() -> None:
    lines = Lines()
    lines.add(LAST, 'a="1"', 2.5)
    lines.add(RUNS, 'a="1"', 1)
    lines.add(LAST, 'a="2"', 0)
    assert lines.encoded() == {
        "backstage_litmus_last_seconds": (
            b'backstage_litmus_last_seconds{a="1"} 2.5\nbackstage_litmus_last_seconds{a="2"} 0\n'
        ),
        "backstage_litmus_runs": b'backstage_litmus_runs_total{a="1"} 1\n',
    }


def test_quotes_and_backslashes_are_escaped() -> None:
    assert label_block([("a", 'x"y'), ("b", "\\n")]) == r'a="x\"y",b="\\n"'


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Pod delete", "Pod delete"),
        ("", ""),
        ("a\x00\n\tb\u2028c\x7f", "a b c"),
        ("left\u202eright", "left right"),
        ("lone\ud800", "lone"),
        ("Ünïcode ☃", "Ünïcode ☃"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 119 + "…"),
    ],
)
def test_a_name_becomes_one_short_printable_line(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_ids_that_had_to_be_changed_stay_two() -> None:
    cleaned = [clean_id(text) for text in ("a\x00", "a\x01", "y" * 200, "y" * 201, "\ud800")]
    assert len(set(cleaned)) == 5
    assert all(len(text) <= LONGEST_LABEL and text.isprintable() for text in cleaned)


def test_an_ordinary_id_is_as_litmus_gave_it() -> None:
    assert clean_id("6d5f0f6e-7b1a-4c0e-9d39-0f1e2d3c4b5a") == "6d5f0f6e-7b1a-4c0e-9d39-0f1e2d3c4b5a"
