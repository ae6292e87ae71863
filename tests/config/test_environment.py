"""``APP_CONFIG_…`` and files that say nothing: what Backstage makes of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import Config, load_config, parse_config
from sidecar.domain.errors import ConfigError

ENVIRON = {"LITMUS_AUTH_TOKEN": "token-of-litmus"}
WHOLE = "litmus: {baseUrl: 'https://litmus.example.com'}\nlitmusSidecar: {listen: {port: 9000}}\n"


def config_of(**variables: str) -> Config:
    tree = {"litmus": {"baseUrl": "https://wrong.example.com"}, "litmusSidecar": {"listen": {"port": 1}}}
    return parse_config(tree, directory=Path("/etc"), environ={**ENVIRON, **variables})


def problems_of(**variables: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config_of(**variables)
    return caught.value.problems


def load(directory: Path, *texts: str, environ: Mapping[str, str] = ENVIRON) -> Config:
    paths = [directory / f"{number}.yaml" for number, _ in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return load_config(paths, environ)


def test_a_variable_wins_over_the_files() -> None:
    config = config_of(APP_CONFIG_litmus_baseUrl="https://right.example.com")
    assert config.litmus_base_url == "https://right.example.com"
    assert config.instances[0].base_url == "https://right.example.com"


@pytest.mark.parametrize(
    ("variables", "port"),
    [
        ({"APP_CONFIG_litmusSidecar_listen_port": "8081"}, 8081),
        ({"APP_CONFIG_litmusSidecar_listen_port": '"8081"'}, 8081),
        ({"APP_CONFIG_litmusSidecar_listen": '{"port": 8081}'}, 8081),
        ({"APP_CONFIG_litmusSidecar": '{"listen": {"port": 8081}}'}, 8081),
        ({"APP_CONFIG_litmusSidecar_listen": "{}", "APP_CONFIG_litmusSidecar_listen_port": "8081"}, 8081),
        ({"APP_CONFIG_litmusSidecar_listen_port": ""}, 1),
        ({"APP_CONFIG_LITMUSSIDECAR_LISTEN_PORT": "8081"}, 1),
    ],
)
def test_a_value_is_json_and_a_path_leads_anywhere(variables: Mapping[str, str], port: int) -> None:
    assert config_of(**variables).listen.port == port


def test_a_text_that_is_no_json_is_text_and_nothing_in_it_is_substituted() -> None:
    keys = json.dumps([{"name": "backstage", "secret": "${HOME}-is-not-replaced", "scopes": ["read"]}])
    (key,) = config_of(APP_CONFIG_litmusSidecar_auth_keys=keys, HOME="/root").auth.keys
    assert key.secret.get_secret_value() == "${HOME}-is-not-replaced"


def test_a_file_that_a_variable_names_is_where_the_service_was_started() -> None:
    files = config_of(APP_CONFIG_litmusSidecar_catalog_files='["catalog.yaml"]').catalog.files
    assert files == (str(Path.cwd() / "catalog.yaml"),)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"APP_CONFIG_litmusSidecar_listen_port": "null"},
            "APP_CONFIG_litmusSidecar_listen_port: must not be null; a variable cannot take a value away",
        ),
        (
            {"APP_CONFIG_litmusSidecar__port": "s3cr3t"},
            "APP_CONFIG_litmusSidecar__port: must be APP_CONFIG_ and keys joined by '_'",
        ),
        (
            {"APP_CONFIG_litmusSidecar_listen": "s3cr3t", "APP_CONFIG_litmusSidecar_listen_port": "1"},
            (
                "APP_CONFIG_litmusSidecar_listen_port: "
                "leads below APP_CONFIG_litmusSidecar_listen, which is no mapping"
            ),
        ),
        (
            {
                "APP_CONFIG_litmusSidecar_listen": '{"port": 1}',
                "APP_CONFIG_litmusSidecar_listen_port": "1",
            },
            "APP_CONFIG_litmusSidecar_listen_port: is given twice, by a shorter variable too",
        ),
        (
            {"APP_CONFIG_litmusSidecar_listen_prot": "1"},
            "litmusSidecar.listen.prot: is unknown; did you mean port?",
        ),
        ({"APP_CONFIG_litmus": "s3cr3t"}, "litmus: must be a mapping"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_without_its_value(
    variables: Mapping[str, str], problem: str
) -> None:
    assert problem in problems_of(**variables)


def test_variables_of_other_sections_are_left_alone() -> None:
    config = config_of(APP_CONFIG_backend_database__x="null", APP_CONFIG_app_title="null", APP_CONFIG_="x")
    assert config.listen.port == 1


@given(
    st.dictionaries(
        st.sampled_from(
            ["litmusSidecar", "litmusSidecar_listen", "litmus_baseUrl", "litmus", "backend", "x"]
        ),
        st.text(max_size=8) | st.sampled_from(["{}", "[[", '{"listen":', "1e999", '"\\ud800"']),
    )
)
def test_any_variables_are_a_configuration_or_problems(variables: dict[str, Any]) -> None:
    try:
        config_of(**{f"APP_CONFIG_{name}": value for name, value in variables.items()})
    except ConfigError as error:
        assert error.problems  # noqa: PT017  # the other way is fine too


@pytest.mark.parametrize(
    "nothing", ["", "\n", "# overrides for this machine only\n", "---\n", "---\n# no\n...\n"]
)
def test_a_file_that_says_nothing_counts_as_nothing(tmp_path: Path, nothing: str) -> None:
    assert load(tmp_path, nothing, WHOLE, nothing).listen.port == 9000


def test_an_empty_json_file_counts_as_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.json"
    first.write_text(WHOLE)
    second.write_text("\n")
    assert load_config([first, second], ENVIRON).listen.port == 9000


@pytest.mark.parametrize("section", ["litmusSidecar", "litmus", "backend"])
def test_a_section_with_nothing_below_it_keeps_what_earlier_files_say(tmp_path: Path, section: str) -> None:
    config = load(tmp_path, WHOLE, f"{section}:\n  # port: 1\n")
    assert (config.listen.port, config.litmus_base_url) == (9000, "https://litmus.example.com")


def test_the_sections_of_others_may_hold_tabs_tags_and_templates(tmp_path: Path) -> None:
    other = "auth: {x: '{{ .Values.x }}'}\nintegrations:\t# ours\n  token: !vault chat\n  n: !!int x\n"
    assert load(tmp_path, WHOLE + other).listen.port == 9000
