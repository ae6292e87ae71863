"""Origins that may frame pages or read the API: exactly one host each, as browsers write it."""

import re
from pathlib import Path

import pytest

from sidecar.config import Config, parse_config
from sidecar.domain.errors import ConfigError

FIELDS = [("pages", "frameAncestors"), ("listen", "allowedOrigins")]


def given(section: str, name: str, origin: str) -> Config:
    source = {
        "litmus": {"baseUrl": "https://litmus.example.com"},
        "litmusSidecar": {section: {name: [origin]}},
    }
    return parse_config(source, directory=Path("/etc/backstage"), environ={"LITMUS_AUTH_TOKEN": "token"})


def kept(config: Config, section: str) -> tuple[str, ...]:
    return config.pages.frame_ancestors if section == "pages" else config.listen.allowed_origins


@pytest.mark.parametrize(("section", "name"), FIELDS)
@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://backstage.example.com", "https://backstage.example.com"),
        ("https://Backstage.Example.com/", "https://backstage.example.com"),
        ("https://backstage.example.com:443", "https://backstage.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://backstage.example.com:443", "http://backstage.example.com:443"),
        ("https://[fd00::7]:7007", "https://[fd00::7]:7007"),
    ],
)
def test_an_origin_is_taken_as_browsers_write_it(section: str, name: str, origin: str, expected: str) -> None:
    assert kept(given(section, name, origin), section) == (expected,)


@pytest.mark.parametrize(("section", "name"), FIELDS)
@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*",
        "https://*.example.com",
        "https://backstage.example.com/catalog",
        "https://a.example.com;script-src",
        "https://a.example.com,b.example.com",
        "https://a.example.com'self'",
        "https://a.example.com https://b.example.com",
        "https://user@a.example.com",
        "https://a.example.com?x",
        "backstage.example.com",
        "'self'",
        "data:",
        "javascript://a",
        "https://",
        "https://a.example.com:0",
        "https://a.example.com:99999",
    ],
)
def test_what_is_no_single_origin_is_refused_by_its_name(section: str, name: str, origin: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"litmusSidecar.{section}.{name}")):
        given(section, name, origin)
