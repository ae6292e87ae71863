"""The search for secrets finds each however it is written, and parts of a token."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from jinja2 import Environment

from tests.e2e.sweeping import PASSWORD, PERSON_TOKEN
from tests.support.leaks import Leaks


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        PASSWORD[:12],
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        quote_plus(PASSWORD),
        json.dumps({"p": PASSWORD}),
        json.dumps({"p": PASSWORD}, ensure_ascii=False),
        html.escape(PASSWORD),
        Environment(autoescape=True).from_string("{{ p }}").render(p=PASSWORD),
        repr(PASSWORD),
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"user:{PASSWORD}".encode()).decode(),
        base64.urlsafe_b64encode(f"users:{PASSWORD}".encode()).decode(),
        PASSWORD.encode().hex(),
    ],
)
def test_the_sweep_would_notice_a_secret_however_it_is_written(written: str) -> None:
    assert Leaks({"password": PASSWORD}).found(f"before {written} after") == {"password"}


def test_the_sweep_would_notice_a_part_of_a_token() -> None:
    leaks = Leaks({"token": PERSON_TOKEN})
    assert [leaks.found(f"<{part}>") for part in PERSON_TOKEN.split(".")] == [{"token"}] * 3
    assert leaks.found("nothing of that kind") == set()
