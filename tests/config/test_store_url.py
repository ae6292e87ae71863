"""The store's address: what it may be, what is refused, and that no part of a password is shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.config import describe, parse_config
from sidecar.config.store_url import parse_url
from sidecar.domain.errors import ConfigError

AMBIGUOUS = [
    "postgresql://app:rose/garden@db/litmus",
    "postgresql://app:rose@garden@db/litmus",
    "postgresql://app:rose?garden@db/litmus",
    "postgresql://app:rose#garden@db/litmus",
    "postgresql://app:5432/rose@db/litmus",
    "postgresql://app:5432/rose?garden@db/litmus",
    "postgresql://app:5432?rose=garden@db/litmus",
    "postgresql://app:rose/garden",
    "postgresql://app:rose%garden@db/litmus",
    "postgresql://db/litmus?rose=garden",
    "postgresql://app:rose@db:garden/litmus",
    "postgresql://app:rose@db:70000/litmus",
    "postgresql://app:rose@a:1,b:2/litmus?port=1,2,3",
    "postgresql://app:rose@garden",
    "mysql://app:rose@garden/litmus",
    "postgresql://app:rose\n@garden/litmus",
    "sqlite:///file?rose=garden",
    "sqlite://rose/garden",
    "sqlite:///:memory:",
]


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_or_not_at_all_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|can|is|has) ") as caught:
        parse_url(url)
    assert not {"rose", "garden"} & set(str(caught.value).replace("/", " ").split())
    assert caught.value.__cause__ is None

    with pytest.raises(ConfigError) as refused:
        parse_config({"litmusSidecar": {"store": {"url": url}}}, directory=Path())
    assert "litmusSidecar.store.url" in str(refused.value)
    assert "rose" not in str(refused.value)
    assert "garden" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory:", "memory:"),
        ("sqlite:////absolute/a#b@c.db", "sqlite:////absolute/a#b@c.db"),
        ("postgres://app:rose@db/litmus", "postgresql://******@db:5432/litmus"),
        ("postgresql://app:rose%2F%40garden@db:6432/litmus", "postgresql://******@db:6432/litmus"),
        ("postgresql://app:rose:garden@db/litmus", "postgresql://******@db:5432/litmus"),
        ("postgresql://db/litmus?user=rose@server&password=garden", "postgresql://******@db:5432/litmus"),
        (
            "postgresql://app:rose@db1:5433,db2:5434/litmus?target_session_attrs=read-write",
            "postgresql://******@db1:5433,db2:5434/litmus",
        ),
        ("postgresql://app:rose@db1,db2/litmus", "postgresql://******@db1:5432,db2:5432/litmus"),
        ("postgresql://[::1]:6432/litmus", "postgresql://[::1]:6432/litmus"),
        ("postgresql:///litmus?host=/run/postgresql", "postgresql:///run/postgresql/litmus"),
    ],
)
def test_an_address_is_shown_with_its_hosts_and_without_who_signs_in(url: str, shown: str) -> None:
    address = parse_url(url)
    instance = {"name": "default", "baseUrl": "https://litmus.example.com", "token": "a-token"}
    section = {"instances": [instance], "store": {"url": url}}
    config = parse_config({"litmusSidecar": section}, directory=Path())

    assert address.masked == shown
    assert f"url: {shown}" in describe(config).replace("'", "")
    assert config.store.url == SecretStr(url)
    for text in (address.description, repr(address), str(address), describe(config)):
        assert "rose" not in text
        assert "garden" not in text


def test_what_the_client_library_of_postgresql_knows_is_kept() -> None:
    address = parse_url(
        "postgres://app:ro%2Fse@db1:1,db2:2/litmus?options=-csearch_path%3Dsidecar&sslmode=require"
    )

    assert address.parameters == {
        "user": "app",
        "password": "ro/se",
        "host": "db1,db2",
        "port": "1,2",
        "dbname": "litmus",
        "options": "-csearch_path=sidecar",
        "sslmode": "require",
    }
