"""The one primitive under everything asked of Backstage: bounds, and tokens that stay where they belong."""

from pathlib import Path

import pytest

from sidecar.backstage.transport import BackstageError, open_backstage_http
from sidecar.domain.errors import ConfigError
from tests.support.backstage import Backstage, open_backstage

PATH = "/api/auth/v1/userinfo"
TOKEN = "the-token-of-somebody"


async def failure(
    backstage: Backstage, *, max_answer_bytes: int = 1_000, timeout_seconds: float = 10.0
) -> str:
    """Ask, and return everything that the error and what hangs on it say."""
    async with open_backstage_http(
        backstage.url, max_answer_bytes=max_answer_bytes, timeout_seconds=timeout_seconds
    ) as http:
        with pytest.raises(BackstageError) as raised:
            await http.get(PATH, token=TOKEN)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    return f"{raised.value!r}"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (503, "status 503"),
        (302, "status 302"),
        (204, "status 204"),
        (None, "No usable answer"),
        (b"<html>", "something but JSON"),
        (b"\xff", "something but JSON"),
        (b"[" * 900, "something but JSON"),
        (b'"' + b"x" * 1_000 + b'"', "larger than 1000 bytes"),
    ],
    ids=["503", "302", "204", "closed", "HTML", "bytes", "nested", "large"],
)
async def test_a_failed_question_is_told_in_our_words_with_no_trace_of_the_token(
    answer: int | bytes | None, words: str
) -> None:
    async with open_backstage() as backstage:
        backstage.failing[PATH] = answer
        told = await failure(backstage)
    assert words in told
    assert TOKEN not in told


async def test_a_backstage_that_hangs_is_left() -> None:
    async with open_backstage() as backstage:
        backstage.hold.clear()
        assert "did not answer in time" in await failure(backstage, timeout_seconds=0.05)


async def test_a_backstage_that_is_not_there_is_told_as_such() -> None:
    async with open_backstage() as backstage:
        pass
    assert "No usable answer" in await failure(backstage)


async def test_what_backstage_answered_is_kept_for_who_must_tell_a_no_from_silence() -> None:
    async with open_backstage() as backstage, open_backstage_http(backstage.url) as http:
        with pytest.raises(BackstageError) as raised:
            await http.get(PATH)
    assert raised.value.answered_status == 401


async def test_a_file_of_authorities_that_is_none_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        async with open_backstage_http("https://backstage.example.com", ca_file=tmp_path / "none.pem"):
            pass
