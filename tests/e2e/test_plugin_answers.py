"""What the unit tests of the package for Backstage are served is what the demonstration answers today."""

import json
from typing import Final

import pytest

from tests.e2e.conftest import Shown
from tests.support.plugin_answers import FIXTURES, answers, keys_of, missing

pytestmark = pytest.mark.asyncio(loop_scope="session")

RENEW: Final = "python -m tests.support.plugin_answers records them anew"


async def test_every_recorded_key_is_still_answered(shown: Shown) -> None:
    today = await answers(shown.base_url)
    recorded = {file.stem: json.loads(file.read_text()) for file in FIXTURES.glob("*.json")}
    assert set(recorded) == set(today), RENEW
    for name, answer in recorded.items():
        assert missing(keys_of(answer), keys_of(today[name])) == [], f"{name}: {RENEW}"


async def test_a_key_that_is_gone_is_found() -> None:
    before = keys_of({"rows": [{"a": 1}, {"b": {"c": None}}], "empty": []})
    assert missing(before, keys_of({"rows": [{"a": 2, "b": {"d": 1}}]})) == ["empty", "rows.b.c"]
