"""What pages say is wrong with their data: each remedy once, whatever it helps against."""

import pytest

from sidecar.http.pages.advice import data_problems, unread
from sidecar.http.shapes.common import ErrorShape, SectionShape

AT = "2026-03-02T12:00:00.000Z"


def failed(code: str, message: str, as_of: str | None = None) -> SectionShape:
    error = ErrorShape(code=code, message=message)
    return SectionShape(as_of=as_of, error=error, planned_interval_seconds=60.0)


def test_what_one_remedy_helps_against_is_told_once_with_its_parts_in_one_list() -> None:
    (found,) = data_problems(
        {
            "experiments": failed("upstream_denied", "No sufficient role for listExperiment."),
            "hubs": failed("upstream_denied", "No sufficient role for listChaosHub."),
        }
    )
    assert found.parts == ("experiments", "ChaosHubs")
    assert len(found.sentences) == 1
    assert "listExperiment" not in found.sentences[0]
    assert found.advice.count("litmuschaos.io/project-id") == 1


def test_sentences_that_tell_different_things_are_all_told_under_one_remedy() -> None:
    (found,) = data_problems(
        {
            "experiments": failed("upstream_error", "The log says why."),
            "hubs": failed("upstream_error", "The other log says why."),
            "schedules": failed("upstream_error", "The log says why."),
        }
    )
    assert found.sentences == ("The log says why.", "The other log says why.")


@pytest.mark.parametrize(
    ("codes", "as_of"),
    [(("upstream_denied", "upstream_timeout"), None), (("upstream_denied", "upstream_denied"), AT)],
    ids=["another remedy", "data of before"],
)
def test_what_differs_is_told_apart(codes: tuple[str, str], as_of: str | None) -> None:
    sections = {"experiments": failed(codes[0], "A."), "hubs": failed(codes[1], "B.", as_of)}
    assert [one.parts for one in data_problems(sections)] == [("experiments",), ("ChaosHubs",)]


def test_a_part_that_nobody_tried_to_read_is_unread_and_no_trouble() -> None:
    sections = {
        "experiments": SectionShape(as_of=AT, error=None, planned_interval_seconds=60.0),
        "hubs": SectionShape(as_of=None, error=None, planned_interval_seconds=60.0),
        "schedules": failed("upstream_timeout", "Late."),
    }
    assert unread(sections) == ("ChaosHubs",)
    assert [one.parts for one in data_problems(sections)] == [("schedules",)]
