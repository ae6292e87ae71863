"""The token that the plugin decodes and Litmus does not accept."""

import json
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import display_token, display_uid
from sidecar.config.display_token import is_decodable, is_signed

# What jwt-decode 3.1.2 does in a browser, in its own language.
DECODE = """
const token = JSON.parse(require('fs').readFileSync(0, 'utf8'));
let text = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
text += '='.repeat((4 - text.length % 4) % 4);
const bytes = Array.from(atob(text), c => '%' + c.charCodeAt(0).toString(16).padStart(2, '0'));
process.stdout.write(JSON.parse(decodeURIComponent(bytes.join(''))).uid);
"""


@given(st.text(min_size=1).filter(str.strip))
def test_every_uid_survives(uid: str) -> None:
    assert display_uid(display_token(uid)) == uid


def test_the_documented_token_is_made() -> None:
    assert display_token("backstage") == "eyJhbGciOiJub25lIn0.eyJ1aWQiOiJiYWNrc3RhZ2UifQ."


@pytest.mark.parametrize("uid", ["", "  "])
def test_no_token_is_made_without_a_uid(uid: str) -> None:
    with pytest.raises(ValueError, match="uid"):
        display_token(uid)


def test_a_display_token_is_not_signed() -> None:
    assert not is_signed(display_token("backstage"))


@pytest.mark.parametrize("token", ["x.eyJ1aWQiOiJhIn0.", "x.eyJ1aWQiOiJhIn0", ".eyJ1aWQiOiJhIn0.sig"])
def test_header_and_signature_do_not_matter_to_the_plugin(token: str) -> None:
    assert display_uid(token) == "a"


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b.c", "e30.e30.e30", "a.eyJ1aWQiOjF9.", "a.MQ.", "a.!!!!.c"]
)
def test_what_the_plugin_cannot_use_has_no_uid(token: str) -> None:
    assert display_uid(token) is None


@given(st.text() | st.text(alphabet="eyJ0.=-_ aMQ\n"))
def test_any_text_can_be_judged(token: str) -> None:
    assert is_decodable(token) >= (display_uid(token) is not None)
    assert isinstance(is_signed(token), bool)


def test_javascript_reads_the_same_uid(program: Callable[[str, str], str]) -> None:
    uid = "Zoë 漢字 \U0001f600"
    done = subprocess.run(  # noqa: S603  # our own text
        [program("node", "nodejs"), "-e", DECODE],
        input=json.dumps(display_token(uid)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == uid
