"""What ``init`` makes of flags, and of what Litmus tells: always YAML that says just that."""

from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from sidecar.cli.main import commands, main
from sidecar.cli.starter.access import Access, Flags, gather
from sidecar.cli.starter.entities import SeenProject, annotation_text, catalog_text, seen, table
from sidecar.cli.starter.fragment import Places, config_of, fragment_text, probe_text, variables
from sidecar.litmus.transport.auth import Membership
from tests.support.findings import findings

ONE, TWO = "https://litmus.example.com", "https://litmus.staging.example.com"
TOKENS = {"LITMUS_AUTH_TOKEN": "one", "LITMUS_AUTH_TOKEN_STAGING": "two"}
PLACES = Places(
    sidecar_url="http://litmus-sidecar:9000", backstage_url="https://backstage.example.com", catalog_file=None
)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
projects = st.lists(
    st.builds(
        SeenProject,
        instance=st.sampled_from(["default", "staging", "null", "7"]),
        id=texts,
        name=texts,
        role=st.just("Viewer"),
    ),
    max_size=5,
)


def accesses(flags: Flags, environ: dict[str, str]) -> list[Access]:
    return list(gather(flags, environ, may_ask=False).accesses)


def test_each_instance_has_a_variable_of_its_own() -> None:
    first, second = accesses(Flags(litmus=(ONE, f"staging={TWO}/")), TOKENS)
    assert (first.name, first.base_url, first.variable) == ("default", ONE, "LITMUS_AUTH_TOKEN")
    assert (second.name, second.base_url, second.variable) == ("staging", TWO, "LITMUS_AUTH_TOKEN_STAGING")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (Flags(), "Needs --litmus"),
        (Flags(litmus=(ONE, TWO)), "after the first needs a name"),
        (Flags(litmus=(f"a={ONE}", f"a={TWO}")), "have the name a"),
        (Flags(litmus=(ONE,), token_file=("b=/token",)), "--token-file names the instance b"),
        (Flags(litmus=(ONE,), token_file=("/a", "/b")), "given twice"),
        (Flags(litmus=(ONE,), token_file=("/a",), username=("u",)), "not both"),
        (Flags(litmus=(ONE,), password_file=("/a",)), "needs its --username"),
        (Flags(litmus=(ONE,), username=("u",)), "password in $LITMUS_PASSWORD"),
        (Flags(litmus=(ONE, f"b={TWO}")), "token in $LITMUS_AUTH_TOKEN_B"),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_told(flags: Flags, told: str) -> None:
    environ = {"LITMUS_AUTH_TOKEN": "one"}
    with pytest.raises(click.UsageError) as raised:
        gather(flags, environ, may_ask=False)
    assert told in raised.value.message


def test_what_was_gathered_is_shown_without_its_secrets() -> None:
    told = gather(Flags(litmus=(ONE,)), {"LITMUS_AUTH_TOKEN": "a-secret-token"}, may_ask=False)
    assert told.environ["LITMUS_AUTH_TOKEN"] == "a-secret-token"
    assert "a-secret-token" not in repr(told)


@pytest.mark.parametrize("name", ["null", "true", "7", "1e3"])
def test_names_of_instances_stay_texts(name: str) -> None:
    environ = {"LITMUS_AUTH_TOKEN": "one", f"LITMUS_AUTH_TOKEN_{name.upper()}": "two"}
    told = gather(Flags(litmus=(ONE, f"{name}={TWO}")), environ, may_ask=False)
    assert [one.name for one in config_of(probe_text(told.accesses), environ).instances] == ["default", name]


@pytest.mark.parametrize("command", ["init", "projects"])
def test_no_option_takes_a_secret_itself(command: str) -> None:
    names = {one.name for one in commands.commands[command].params}
    assert not {"token", "password", "secret", "key"} & names


def test_the_fragment_is_what_serve_takes_and_has_no_findings() -> None:
    told = accesses(Flags(litmus=(ONE,)), TOKENS)
    secrets = {**TOKENS, "SIDECAR_KEY": "k" * 64, "SIDECAR_CATALOG_TOKEN": "c" * 64}
    config = config_of(fragment_text(told, PLACES, "u-1"), secrets)
    assert findings(config) == ()
    assert (config.listen.host, config.listen.port) == ("0.0.0.0", 9000)  # noqa: S104
    assert set(variables(told, PLACES)) == {"LITMUS_AUTH_TOKEN", "SIDECAR_KEY", "SIDECAR_CATALOG_TOKEN"}


def test_links_of_a_second_instance_open_that_instance() -> None:
    flags = Flags(litmus=("http://one:9091", "staging=http://two:9091"), external_url=(ONE, f"staging={TWO}"))
    secrets = {**TOKENS, "SIDECAR_KEY": "k" * 64, "SIDECAR_CATALOG_TOKEN": "c" * 64}
    config = config_of(fragment_text(accesses(flags, TOKENS), PLACES, "u-1"), secrets)
    assert [one.external_base_url for one in config.instances] == [ONE, TWO]
    assert config.litmus_base_url == ONE
    assert "externalBaseUrl is missing" not in " ".join(findings(config))


def test_the_proxy_route_and_the_external_access_allow_no_more_than_is_needed() -> None:
    told = accesses(Flags(litmus=(ONE,)), TOKENS)
    whole = YAML(typ="safe").load(fragment_text(told, PLACES, "u-1"))
    route = whole["proxy"]["endpoints"]["/litmus"]
    assert (route["credentials"], route["allowedMethods"]) == ("forward", ["GET", "POST"])
    assert route["headers"] == {"X-Litmus-Sidecar-Key": "${SIDECAR_KEY}"}
    (access,) = whole["backend"]["auth"]["externalAccess"]
    assert access["accessRestrictions"] == [{"plugin": "catalog", "permission": "catalog.entity.read"}]
    assert whole["litmusSidecar"]["auth"]["keys"][0]["scopes"] == ["read"]


@settings(max_examples=40)
@given(name=texts, path=texts)
def test_texts_in_the_fragment_stay_texts(name: str, path: str) -> None:
    access = Access(name="default", base_url=ONE, username=name, secret_file=path, variable="LITMUS_PASSWORD")
    places = Places(sidecar_url=PLACES.sidecar_url, backstage_url=None, catalog_file=path)
    loaded = YAML(typ="safe").load(fragment_text([access], places, "u-1"))["litmusSidecar"]
    escaped = path.replace("${", "$${")
    assert loaded["catalog"]["files"] == [escaped]
    credentials = loaded["instances"][0]["credentials"]
    assert credentials == {"username": name.replace("${", "$${"), "passwordFile": escaped}


@settings(max_examples=40)
@given(projects=projects)
def test_names_and_ids_of_projects_stay_texts_of_distinct_entities(projects: list[SeenProject]) -> None:
    loaded = [one for one in YAML(typ="safe").load_all(catalog_text(projects, "default")) if one is not None]
    told = [one["metadata"]["annotations"] for one in loaded]
    assert [one["litmuschaos.io/project-id"] for one in told] == [one.id for one in projects]
    assert [one.get("litmuschaos.io/instance", "default") for one in told] == [
        one.instance for one in projects
    ]
    names = [one["metadata"]["name"] for one in loaded]
    assert len(set(names)) == len(names)
    assert len(table(projects).splitlines()) == len(projects) + 1
    assert annotation_text(projects, "default").count("metadata:\n") == len(projects)


def test_projects_come_by_name_and_one_without_a_role_is_shown_as_such() -> None:
    memberships = [
        Membership(project_id="p-2", name="shop\x1b[2J", role="Viewer"),
        Membership(project_id="p-1", name="Cart", role=None),
    ]
    lines = table(seen("default", memberships)).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["default", "none", "p-1", "Cart"],
        ["default", "Viewer", "p-2", "shop?[2J"],
    ]


@pytest.mark.parametrize("option", ["--token-file", "--username", "--password-file"])
def test_a_flag_of_no_litmus_is_not_passed_over_for_the_configuration(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["projects", option, "value", "--config", "/nowhere"], {}) == 2
    assert "Needs --litmus" in capsys.readouterr().err


def test_an_absolute_path_is_written_for_a_file_of_the_working_directory() -> None:
    (access,) = accesses(Flags(litmus=(ONE,), token_file=("token",)), {})
    assert access.secret_file == str(Path("token").absolute())
