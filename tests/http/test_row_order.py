"""Experiments that need a look come first, by what is wrong with them; only what passes may be folded."""

import pytest

from sidecar.domain.model import Infra
from sidecar.domain.runs import Outcome
from sidecar.http.pages.row_order import Place, place
from sidecar.http.shapes.grades import Grade
from tests.support import builders

CONNECTED = builders.infra()
OFF = builders.infra(is_active=False)


@pytest.mark.parametrize(
    ("last", "infra", "grade", "expected"),
    [
        (Outcome.PASSED, CONNECTED, None, Place.PASSES),
        (Outcome.PASSED, CONNECTED, Grade.URGENT, Place.URGENT),
        (Outcome.PASSED, CONNECTED, Grade.LATER, Place.LATER),
        (Outcome.PASSED, OFF, None, Place.BLOCKED),
        (Outcome.PASSED, None, None, Place.BLOCKED),
        (Outcome.PASSED, None, Grade.SOON, Place.SOON),
        (Outcome.PROBE_FAILED, CONNECTED, None, Place.FAILED),
        (Outcome.TIMEOUT, CONNECTED, Grade.LATER, Place.FAILED),
        (Outcome.ERROR, OFF, Grade.URGENT, Place.URGENT),
        (Outcome.RUNNING, CONNECTED, None, Place.UNFINISHED),
        (Outcome.WAITING, OFF, None, Place.UNFINISHED),
        (Outcome.STOPPED, CONNECTED, None, Place.OPEN),
        (Outcome.OTHER, CONNECTED, None, Place.OPEN),
        (None, CONNECTED, None, Place.OPEN),
        (None, CONNECTED, Grade.LATER, Place.LATER),
    ],
)
def test_a_row_stands_in_the_first_place_that_fits_it(
    last: Outcome | None, infra: Infra | None, grade: Grade | None, expected: Place
) -> None:
    assert place(last, infra, grade) is expected
