"""References are compared alike on all sides, and what only looks like one is refused."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import parse_config
from sidecar.domain.errors import ConfigError
from sidecar.domain.references import completed_ref, folded, full_ref

KELVIN, LONG_S, FULL_WIDTH_A, FINAL_SIGMA = "\u212a", "\u017f", "\uff41", "\u03c2"
ALIKE = [
    f"user:default/{KELVIN}im",
    f"group:default/{LONG_S}re",
    f"group:default/te{FULL_WIDTH_A}m",
    f"group:default/λόγο{FINAL_SIGMA}",
    "group:default/straße",
    "group:default/ﬁnance",
    "group:default/mu\u0308ller",
]


@pytest.mark.parametrize("text", ALIKE)
def test_what_another_text_could_be_written_as_is_no_reference(text: str) -> None:
    assert full_ref(text) is None
    assert completed_ref(text.rpartition("/")[2], "group") is None


@pytest.mark.parametrize("text", ALIKE)
def test_what_only_looks_like_a_reference_is_refused_in_the_configuration(text: str, tmp_path: Path) -> None:
    for section in (
        {"auth": {"admins": [text]}},
        {"actions": {"groups": [text]}},
        {"projects": [{"id": "p", "owners": [text]}]},
    ):
        with pytest.raises(ConfigError, match="must be a list of full references"):
            parse_config({"litmusSidecar": section}, directory=tmp_path, environ={"LITMUS_AUTH_TOKEN": "t"})


def test_case_does_not_count() -> None:
    assert full_ref("Group:Default/Team-A") == "group:default/team-a" == full_ref("group:default/TEAM-a")
    assert full_ref("user:default/Zoë") == full_ref("user:default/ZOË") == "user:default/zoë"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("team-a", "group:default/team-a"),
        ("Team-A", "group:default/team-a"),
        ("user:alice", "user:default/alice"),
        ("west/team-a", "group:west/team-a"),
        ("group:west/team-a", "group:west/team-a"),
        ("", None),
        ("a b", None),
        ("group:", None),
        ("group:default/team/a", None),
        ("g\u0000:default/a", None),
    ],
)
def test_short_references_are_completed(text: str, ref: str | None) -> None:
    assert completed_ref(text, "group") == ref


@given(st.text(max_size=8), st.text(max_size=8))
def test_two_texts_come_to_the_same_only_if_they_differ_in_case_alone(one: str, other: str) -> None:
    if folded(one) is not None and folded(one) == folded(other):
        assert one.lower() == other.lower()


@given(st.text(max_size=8))
def test_a_folded_text_stays_under_every_folding(text: str) -> None:
    found = folded(text)
    if found is not None:
        assert found == folded(found) == found.casefold() == unicodedata.normalize("NFKC", found)
