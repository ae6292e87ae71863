"""Experiments that need a look come first, by what is wrong with them; only what passes may be folded."""

import pytest

from sidecar.domain.model import Infra
from sidecar.domain.runs import Outcome
from sidecar.http.pages.row_order import RowRank, row_rank
from sidecar.http.shapes.grades import Grade
from tests.support import builders

CONNECTED = builders.infra()
OFF = builders.infra(is_active=False)


@pytest.mark.parametrize(
    ("last", "infra", "grade", "expected"),
    [
        (Outcome.PASSED, CONNECTED, None, RowRank.PASSES),
        (Outcome.PASSED, CONNECTED, Grade.URGENT, RowRank.URGENT),
        (Outcome.PASSED, CONNECTED, Grade.LATER, RowRank.LATER),
        (Outcome.PASSED, OFF, None, RowRank.BLOCKED),
        (Outcome.PASSED, None, None, RowRank.BLOCKED),
        (Outcome.PASSED, None, Grade.SOON, RowRank.SOON),
        (Outcome.PROBE_FAILED, CONNECTED, None, RowRank.FAILED),
        (Outcome.TIMEOUT, CONNECTED, Grade.LATER, RowRank.FAILED),
        (Outcome.ERROR, OFF, Grade.URGENT, RowRank.URGENT),
        (Outcome.RUNNING, CONNECTED, None, RowRank.UNFINISHED),
        (Outcome.WAITING, OFF, None, RowRank.UNFINISHED),
        (Outcome.STOPPED, CONNECTED, None, RowRank.OPEN),
        (Outcome.OTHER, CONNECTED, None, RowRank.OPEN),
        (None, CONNECTED, None, RowRank.OPEN),
        (None, CONNECTED, Grade.LATER, RowRank.LATER),
    ],
)
def test_a_row_stands_in_the_first_place_that_fits_it(
    last: Outcome | None, infra: Infra | None, grade: Grade | None, expected: RowRank
) -> None:
    assert row_rank(last, infra, grade) is expected
