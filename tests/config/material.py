"""Sections of a configuration, and what comes of them, for its tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.config import Config, Instance, parse_config
from sidecar.domain.errors import ConfigError

LITMUS: Mapping[str, Any] = {"baseUrl": "https://litmus.example.com"}
ENVIRON = {"LITMUS_AUTH_TOKEN": "token-of-litmus"}


def config_of(
    section: Any,
    *,
    environ: Mapping[str, str] = ENVIRON,
    directory: Path = Path("/etc/backstage"),
    **rest: Any,
) -> Config:
    return parse_config(
        {"litmus": LITMUS, "litmusSidecar": section, **rest}, directory=directory, environ=environ
    )


def token_of(instance: Instance) -> str:
    assert instance.token is not None
    return instance.token.get_secret_value()


def problems_of(section: Any, *, environ: Mapping[str, str] = ENVIRON, **rest: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config_of(section, environ=environ, **rest)
    return caught.value.problems


def instance(**keys: Any) -> dict[str, Any]:
    return {"instances": [{"name": "one", "baseUrl": "http://litmus:9091", "token": "abc", **keys}]}


def key(**keys: Any) -> dict[str, Any]:
    return {"auth": {"keys": [{"name": "backstage", "secret": "x" * 16, "scopes": ["read"], **keys}]}}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
