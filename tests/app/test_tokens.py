"""The keys of token stewardship, sign-in and signing."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.config import Config, describe, parse_config
from sidecar.domain.errors import ConfigError

SECRET = "a-password-of-litmus"
SIGNING_KEY = "s" * 32


def config_of(tmp_path: Path, **section: Any) -> Config:
    return parse_config({"litmusSidecar": {**instance(token="abc"), **section}}, directory=tmp_path)


def instance(**keys: Any) -> dict[str, Any]:
    return {"instances": [{"name": "one", "baseUrl": "http://litmus:9091", **keys}]}


def problem_of(tmp_path: Path, **section: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        config_of(tmp_path, **section)
    (problem,) = caught.value.problems
    return problem


def test_credentials_take_the_place_of_a_token(tmp_path: Path) -> None:
    config = config_of(tmp_path, **instance(credentials={"username": "backstage", "password": SECRET}))
    (found,) = config.instances
    assert found.token is None
    assert found.credentials is not None
    assert (found.credentials.token_name, found.credentials.token_days) == ("backstage-litmus-sidecar", 30)


def test_a_password_may_come_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    credentials = {"username": "backstage", "passwordFile": "password"}
    config = config_of(tmp_path, **instance(credentials=credentials))
    assert config.instances[0].credentials is not None
    assert config.instances[0].credentials.password.get_secret_value() == SECRET
    assert SECRET not in describe(config) + repr(config)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"token": "abc", "credentials": {"username": "backstage", "password": SECRET}},
        {"tokenFile": "none", "credentials": {"username": "backstage", "password": SECRET}},
    ],
    ids=["none", "two", "two, one of them a file that is missing"],
)
def test_an_instance_has_exactly_one_source_of_its_token(tmp_path: Path, keys: dict[str, Any]) -> None:
    problem = problem_of(tmp_path, **instance(**keys))
    assert problem == "litmusSidecar.instances[0]: needs exactly one of token, tokenFile and credentials"


@pytest.mark.parametrize("days", [0, 366])
def test_a_managed_token_lives_between_a_day_and_a_year(tmp_path: Path, days: int) -> None:
    credentials = {"username": "backstage", "password": SECRET, "tokenDays": days}
    assert ".credentials.tokenDays: must be at " in problem_of(tmp_path, **instance(credentials=credentials))


def test_signing_keys_come_from_a_file_one_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{SIGNING_KEY}\n\n{'t' * 32}\n")
    config = config_of(tmp_path, auth={"signingKeysFile": "keys"})
    assert [key.get_secret_value() for key in config.auth.signing_keys] == [SIGNING_KEY, "t" * 32]
    assert SIGNING_KEY not in describe(config)


def test_a_short_signing_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, auth={"signingKeys": ["short-secret"]})
    assert problem == "litmusSidecar.auth.signingKeys[0]: must have at least 32 characters"
