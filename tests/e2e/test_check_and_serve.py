"""``check`` and ``serve`` judge a configuration alike, and ``check`` says what is in the catalog."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.app.compose import open_services
from sidecar.cli.check import Found
from sidecar.cli.main import main
from sidecar.config import Config, load_config
from sidecar.domain.errors import ConfigError
from tests.support.findings import check

PRIVATE_KEY = generate_private_key(SECP256R1())
PEM = PRIVATE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ENVIRON = {"LITMUS_AUTH_TOKEN": "token"}
NOWHERE = "http://127.0.0.1:9"
ENTITY = "kind: Component\nmetadata: {name: cart, annotations: {litmuschaos.io/project-id: p-1}}\n"
KEY = {"name": "backstage", "secret": "0123456789abcdef0123", "scopes": ["read"]}
DISPLAY_TOKEN = "eyJhbGciOiJub25lIn0.eyJ1aWQiOiJiYWNrc3RhZ2UifQ."


def authority() -> bytes:
    """Return a certificate of an authority, as PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, PRIVATE_KEY.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(PRIVATE_KEY, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def written(directory: Path, section: Mapping[str, Any]) -> Path:
    path = directory / "app-config.json"
    litmus = {"baseUrl": NOWHERE, "apiToken": DISPLAY_TOKEN}
    whole = {"store": {"url": "memory:"}, "catalog": {"files": ["catalog-info.yaml"]}, **section}
    path.write_text(json.dumps({"litmus": litmus, "litmusSidecar": whole}))
    return path


async def checked(config: Config) -> None:
    await check(config, offline=True)


async def served(config: Config) -> None:
    async with open_services(config):
        pass


def refusal(path: Path, *, serve: bool) -> tuple[str, ...]:
    """Return what a command refuses a configuration with; nothing if it does not."""
    try:
        config = load_config([path], ENVIRON)
        asyncio.run(served(config) if serve else checked(config))
    except ConfigError as error:
        return error.problems
    return ()


def mostly(*values: Any, wrong: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of the values, now and then one that is refused; all together are then accepted as often as not."""
    return st.integers(0, 11).flatmap(lambda number: st.sampled_from(values if number else wrong))


def section(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


ca_files = mostly("ca.pem", wrong=["none.pem", "gone.pem", ""])
durations = mostly("60s", "PT1M", "1 minute", {"seconds": 60}, 60, wrong=["1y", "soon", {"second": 1}, True])
backstage_catalogs = st.fixed_dictionaries(
    {"baseUrl": st.just(NOWHERE)},
    optional={"caFile": ca_files, "audience": mostly("x", wrong=["backstage"])},
).flatmap(
    lambda common: st.sampled_from(
        [{**common, "token": "abc"}, *({**common, "signingKey": key} for key in (PEM, "no key", ""))]
    )
)
people = st.fixed_dictionaries(
    {"baseUrl": st.just(NOWHERE), "issuer": mostly(NOWHERE, wrong=["none"])},
    optional={"caFile": ca_files, "algorithms": mostly(["ES256"], [], wrong=[["none"]])},
)
instances = st.lists(
    st.fixed_dictionaries(
        {"name": mostly("one", "two", wrong=["T"]), "baseUrl": st.just(NOWHERE), "token": st.just("abc")},
        optional={"caFile": ca_files, "hostHeader": mostly("litmus.example.com", wrong=["a b"])},
    ),
    max_size=2,
)
sections = section(
    auth=section(
        backstage=people,
        keys=mostly([KEY], wrong=[[KEY, KEY], [{**KEY, "secret": "short"}]]),
        signingKeys=mostly(["x" * 32], [], wrong=[["short"]]),
        signIn=section(enabled=st.booleans(), idle=durations),
        proxy=section(trustedProxies=mostly(["127.0.0.0/8"], wrong=[["here"]])),
    ),
    catalog=section(
        backstage=backstage_catalogs, files=st.sampled_from([[], ["catalog-info.yaml"], ["gone/*.yaml"]])
    ),
    instances=instances,
    sync=section(interval=durations, slowInterval=st.just("1h"), maxStale=mostly("1d", wrong=["1m"])),
    projects=mostly([{"id": "p-1", "owners": ["group:default/a"]}], wrong=[[{"id": "p-1", "owners": ["a"]}]]),
    actions=section(window=durations, policy=mostly("owners", wrong=["nobody"])),
    limits=section(concurrentRequests=mostly(1, "5", wrong=[0])),
    tracing=section(endpoint=mostly(NOWHERE, wrong=["collector"]), sampleRatio=st.sampled_from([0, 1])),
)


@settings(max_examples=60)
@given(part=sections)
def test_what_check_accepts_serve_accepts_and_what_it_refuses_is_refused_in_the_same_words(
    tmp_path_factory: pytest.TempPathFactory, part: Mapping[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("configuration")
    (directory / "ca.pem").write_bytes(authority())
    (directory / "none.pem").write_text("no certificate")
    path = written(directory, part)
    assert refusal(path, serve=False) == refusal(path, serve=True)


BACKSTAGE = {"baseUrl": NOWHERE}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            {"auth": {"backstage": {**BACKSTAGE, "issuer": NOWHERE, "caFile": "gone.pem"}}},
            "litmusSidecar.auth.backstage.caFile: the file cannot be read",
        ),
        (
            {"catalog": {"backstage": {**BACKSTAGE, "token": "abc", "caFile": "gone.pem"}}},
            "litmusSidecar.catalog.backstage.caFile: the file cannot be read",
        ),
        (
            {"catalog": {"backstage": {**BACKSTAGE, "signingKey": "no key"}}},
            "litmusSidecar.catalog.backstage.signingKey: must be an unencrypted PEM private key",
        ),
        ({"sync": {"interval": "soon"}}, "litmusSidecar.sync.interval: must be a duration such as"),
    ],
)
def test_both_commands_end_with_2_and_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], section: Mapping[str, Any], told: str
) -> None:
    path = written(tmp_path, section)
    printed = []
    for command in (["check", "--offline"], ["serve"]):
        assert main([*command, "--config", str(path)], ENVIRON) == 2
        printed.append(capsys.readouterr().err)
    assert printed[0] == printed[1]
    assert printed[0].startswith(f"error: {told}")
    assert printed[0].count("\n") == 1


async def counted(directory: Path, catalog: str) -> tuple[Found, tuple[str, ...]]:
    (directory / "catalog-info.yaml").write_text(catalog)
    config = load_config([written(directory, {"auth": {"keys": [KEY]}})], ENVIRON)
    told: list[Found] = []
    findings = await check(config, offline=True, tell=told.append)
    (found,) = told
    return found, findings


async def test_check_counts_entities_and_projects(tmp_path: Path) -> None:
    two = f"{ENTITY}---\n{ENTITY.replace('cart', 'pay')}"
    assert await counted(tmp_path, two) == (Found(entities=2, projects=1, is_whole=True), ())


@pytest.mark.parametrize(
    "catalog",
    [
        "kind: Component\nmetadata: {name: a}\n",
        "kind: Location\nmetadata: {name: a}\nspec: {target: 'https://x.example.com/a.yaml'}\n",
        "",
    ],
)
async def test_a_catalog_that_names_no_project_is_a_finding(tmp_path: Path, catalog: str) -> None:
    found, findings = await counted(tmp_path, catalog)
    assert found == Found(entities=0, projects=0, is_whole=True)
    assert any("No entity of the catalog names a Litmus project" in finding for finding in findings)


def test_the_command_prints_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "catalog-info.yaml").write_text(ENTITY)
    line = ["check", "--offline", "--config", str(written(tmp_path, {"auth": {"keys": [KEY]}}))]
    assert main(line, ENVIRON) == 0
    assert "In the catalog 1 entity names 1 project." in capsys.readouterr().out
    assert main([*line, "--json"], ENVIRON) == 0
    told = json.loads(capsys.readouterr().out)["catalog"]
    assert told == {"entities": 1, "projects": 1, "complete": True}


def test_check_says_offline_that_backstage_was_not_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(
        tmp_path, {"catalog": {"backstage": {**BACKSTAGE, "token": "abc"}}, "auth": {"keys": [KEY]}}
    )
    main(["check", "--offline", "--config", str(path)], ENVIRON)
    printed = capsys.readouterr().out
    assert "0 projects; Backstage's catalog was not read, or not in whole." in printed
    assert "No entity of the catalog" not in printed
