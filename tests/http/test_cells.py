"""No spreadsheet finds a formula in our CSV, at whatever character it splits; nothing else is changed."""

import csv
import io
from time import process_time
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.domain.runs import Run
from sidecar.http.answers.csv_cells import safe_cell
from sidecar.http.api.runs import csv_text

WIDE: Final = "\uff1d\uff0b\uff0d\uff20"
OPERATORS: Final = f"=+-@{WIDE}"
SPLITS: Final = ",;\t"
NASTY: Final = st.text(alphabet=st.sampled_from([*OPERATORS, *SPLITS, *"\r\n\v\u2028 \"'a1"]), max_size=12)


def run_of(text: str, other: str = "") -> Run:
    return Run(
        experiment_id=text,
        experiment_name=other,
        experiment_run_id=text,
        phase=other,
        resiliency_score=50.0,
        created_at_ms=1_000,
        updated_at_ms=1_000,
        updated_by=text,
    )


def cells(text: str, split: str) -> list[str]:
    """Return all cells, read as programs do that take line breaks as they come."""
    return [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=split) for cell in row]


@settings(max_examples=max(1_000, settings().max_examples))
@given(NASTY, NASTY)
def test_no_cell_begins_like_a_formula_wherever_the_text_is_split(text: str, other: str) -> None:
    written = csv_text([run_of(text, other)], header=True)
    for split in SPLITS:
        for cell in cells(written, split):
            assert not cell.strip(' "').startswith((*OPERATORS, "\t", "\r", "\n")), (split, cell)


@given(NASTY)
def test_nothing_but_apostrophes_is_added(text: str) -> None:
    assert str(safe_cell(text)).replace("'", "") == text.replace("'", "")


@given(
    st.text(
        alphabet=st.characters(
            exclude_characters=f"{OPERATORS}\ufe66\ufe62\ufe63\ufe6b\u2212\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
        )
    )
)
def test_text_without_operators_and_breaks_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
        (" -1", " '-1"),
        ("\n=1", "'\n'=1"),
        ("\rcart", "'\rcart"),
        ("cart;=1", "cart;'=1"),
        ('cart; "\uff0b1', "cart; \"'\uff0b1"),
        ("cart\n@x", "cart\n'@x"),
        ("cart;\tx", "cart;'\tx"),
        ("two\r\nlines\n\nand more", "two\r\nlines\n\nand more"),
        ("pod-delete", "pod-delete"),
        ("a, b; c", "a, b; c"),
        ("2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"),
    ],
)
def test_an_apostrophe_stands_where_a_formula_would_begin(text: str, written: str) -> None:
    assert safe_cell(text) == written


@pytest.mark.parametrize("number", [-5, -0.5, 0, 7])
def test_numbers_stay_numbers(number: float) -> None:
    assert safe_cell(number) is number


@pytest.mark.parametrize("unit", ["\n", " ", ";", '"', "; ", ";=", "\t ", ';"', "\n "])
def test_the_work_grows_with_the_text_and_no_faster(unit: str) -> None:
    def spent(times: int) -> float:
        text, tries = f"{unit * times}a", []
        for _ in range(5):
            began = process_time()
            safe_cell(text)
            tries.append(process_time() - began)
        return min(tries)

    # Eight times as much; what looks back again and again takes 64 times as long.
    assert spent(80_000) < 30 * spent(10_000)
