"""Reading app-config files into one configuration: defaults, merging, substitution, files."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.config import Instance, load_config, parse_config
from sidecar.domain.errors import ConfigError
from tests.config.material import ENVIRON, LITMUS, config_of, instance, problems_of, token_of, write
from tests.support.findings import findings


class TestDefaults:
    def test_without_instances_litmus_and_the_variable_make_one(self) -> None:
        config = config_of({})
        assert config.instances == (
            Instance(
                name="default",
                base_url="https://litmus.example.com",
                token=SecretStr("token-of-litmus"),
            ),
        )

    def test_an_instance_links_to_litmus_base_url(self) -> None:
        (found,) = config_of(instance()).instances
        assert (found.base_url, found.external_base_url) == ("http://litmus:9091", LITMUS["baseUrl"])

    def test_the_second_instance_links_to_itself_not_into_the_first(self) -> None:
        section = instance()
        section["instances"].append({**section["instances"][0], "name": "two", "baseUrl": "http://two:9091"})
        first, second = config_of(section).instances
        assert first.external_base_url == LITMUS["baseUrl"]
        assert second.external_base_url == "http://two:9091"

    def test_an_instance_links_to_its_own_address_without_litmus_base_url(self) -> None:
        config = parse_config({"litmusSidecar": instance()}, directory=Path("/"))
        assert config.instances[0].external_base_url == "http://litmus:9091"

    def test_the_pace_is_the_documented_one(self) -> None:
        sync = config_of({}).sync
        assert (sync.interval, sync.slow_interval, sync.active_interval, sync.max_stale) == (
            timedelta(seconds=60),
            timedelta(minutes=10),
            timedelta(seconds=10),
            timedelta(days=1),
        )
        assert (sync.max_in_flight, sync.max_requests_per_second) == (4, None)

    @pytest.mark.parametrize(("written", "rate"), [("auto", None), (7, 7.0), ("2.5", 2.5)])
    def test_a_number_fixes_the_pace_and_auto_leaves_it_to_litmus(
        self, written: object, rate: float | None
    ) -> None:
        assert config_of({"sync": {"maxRequestsPerSecond": written}}).sync.max_requests_per_second == rate

    def test_a_shorter_interval_shortens_the_active_one_with_it(self) -> None:
        assert config_of({"sync": {"interval": 5}}).sync.active_interval == timedelta(seconds=5)

    def test_without_a_section_the_address_and_the_token_are_asked_for(self) -> None:
        with pytest.raises(ConfigError) as caught:
            parse_config({}, directory=Path("/"))
        assert [problem for problem in caught.value.problems if "litmus.baseUrl" in problem]
        assert [problem for problem in caught.value.problems if "$LITMUS_AUTH_TOKEN" in problem]


class TestMerging:
    def test_later_files_win_mappings_merge_and_lists_are_replaced(self, tmp_path: Path) -> None:
        first = write(
            tmp_path / "a.yaml",
            "litmus: {baseUrl: 'https://l.example.com'}\n"
            "litmusSidecar: {listen: {host: 192.0.2.1, port: 1}, catalog: {files: [a.yaml, b.yaml]}}",
        )
        second = write(tmp_path / "b.yaml", "litmusSidecar: {listen: {port: 2}, catalog: {files: [c.yaml]}}")
        config = load_config([first, second], ENVIRON)
        assert (config.listen.host, config.listen.port) == ("192.0.2.1", 2)
        assert config.catalog.files == (str(tmp_path / "c.yaml"),)

    def test_null_takes_away_what_an_earlier_file_says(self, tmp_path: Path) -> None:
        first = write(
            tmp_path / "a.yaml",
            "litmus: {baseUrl: 'https://l.example.com'}\nlitmusSidecar: {listen: {port: 1}}",
        )
        second = write(tmp_path / "b.yaml", "litmusSidecar: {listen: {port: null}}")
        assert load_config([first, second], ENVIRON).listen.port == 8080

    def test_an_unset_variable_leaves_the_earlier_value(self, tmp_path: Path) -> None:
        first = write(
            tmp_path / "a.yaml",
            "litmus: {baseUrl: 'https://l.example.com'}\nlitmusSidecar: {listen: {port: 1}}",
        )
        second = write(tmp_path / "b.yaml", "litmusSidecar: {listen: {port: '${PORT}'}}")
        config = load_config([first, second], ENVIRON)
        assert (config.listen.port, config.notices) == (1, ())

    def test_files_are_relative_to_the_file_that_names_them(self, tmp_path: Path) -> None:
        first = write(tmp_path / "a.yaml", "litmus: {baseUrl: 'https://l.example.com'}")
        second = write(tmp_path / "below" / "b.yaml", "litmusSidecar: {catalog: {files: ['*.yaml']}}")
        assert load_config([first, second], ENVIRON).catalog.files == (str(tmp_path / "below" / "*.yaml"),)

    def test_json_is_read_too(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.json", json.dumps({"litmus": LITMUS, "litmusSidecar": {"listen": {"port": 7}}})
        )
        assert load_config([path], ENVIRON).listen.port == 7


class TestSubstitution:
    @pytest.mark.parametrize(
        ("written", "environ", "read"),
        [
            ("${HOST}", {"HOST": " a.example.com "}, "a.example.com"),
            ("${HOST:-b.example.com}", {}, "b.example.com"),
            ("${HOST:-b.example.com}", {"HOST": ""}, "b.example.com"),
            ("c.${ HOST }", {"HOST": "example.com"}, "c.example.com"),
            ({"$env": "HOST"}, {"HOST": "d.example.com"}, "d.example.com"),
        ],
    )
    def test_variables_are_substituted_as_in_backstage(
        self, written: object, environ: Mapping[str, str], read: str
    ) -> None:
        config = config_of(instance(hostHeader=written), environ=environ)
        assert config.instances[0].host_header == read

    def test_two_dollars_write_one(self) -> None:
        config = config_of(instance(token="a$${B}"))
        assert token_of(config.instances[0]) == "a${B}"

    def test_what_a_variable_brings_is_not_substituted_again(self) -> None:
        config = config_of(instance(token="${A}"), environ={"A": "${B}", "B": "wrong"})
        assert token_of(config.instances[0]) == "${B}"

    def test_a_number_may_come_from_a_variable(self) -> None:
        assert config_of({**instance(), "listen": {"port": "${P}"}}, environ={"P": "81"}).listen.port == 81

    def test_a_file_brings_its_text_without_the_line_end(self, tmp_path: Path) -> None:
        write(tmp_path / "token", "from-file\n")
        config = config_of(instance(token={"$file": "token"}), directory=tmp_path)
        assert token_of(config.instances[0]) == "from-file"

    def test_an_include_brings_a_part_of_another_file_and_its_directory(self, tmp_path: Path) -> None:
        write(
            tmp_path / "more" / "x.yaml", "parts: {catalog: {files: [c.yaml], interval: {$include: y.json}}}"
        )
        write(tmp_path / "more" / "y.json", '{"minutes": 2}')
        config = config_of({"catalog": {"$include": "more/x.yaml#parts.catalog"}}, directory=tmp_path)
        assert config.catalog.files == (str(tmp_path / "more" / "c.yaml"),)
        assert config.catalog.interval == timedelta(minutes=2)

    def test_an_include_of_itself_ends_with_a_problem(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.yaml", "litmusSidecar: {listen: {$include: a.yaml}}")
        with pytest.raises(ConfigError, match="nested too deeply"):
            load_config([path], ENVIRON)

    def test_aliases_that_multiply_end_with_a_problem(self, tmp_path: Path) -> None:
        lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
        path = write(tmp_path / "a.yaml", "\n".join([*lines, "litmusSidecar: {catalog: {files: *a11}}"]))
        with pytest.raises(ConfigError, match="too large"):
            load_config([path], ENVIRON)

    def test_no_other_key_is_evaluated(self, tmp_path: Path) -> None:
        other = {"a": "${UNSET}", "b": {"$file": "missing"}, "c": {"$env": "UNSET", "d": 1}}
        config = config_of({}, directory=tmp_path, proxy=other, backend={"database": other})
        assert (config.notices, config.backend_base_url) == ((), None)

    def test_a_required_key_names_the_variable_it_needs(self) -> None:
        assert problems_of(instance(token="${MY_TOKEN}")) == (
            "litmusSidecar.instances[0].token: needs the environment variable $MY_TOKEN, which is not set",
        )

    def test_an_optional_key_without_its_variable_is_a_finding(self) -> None:
        config = config_of({"publicUrl": "${PUBLIC_URL}"})
        assert config.public_url is None
        assert [f for f in findings(config) if "litmusSidecar.publicUrl" in f and "$PUBLIC_URL" in f]

    @pytest.mark.parametrize(
        "written",
        [
            {"$file": "missing"},
            {"$file": "a\0b"},
            {"$file": 1},
            {"$env": "A", "b": 1},
            {"$include": "x.txt"},
            {"$include": "missing.yaml"},
        ],
    )
    def test_an_include_that_cannot_be_followed_is_one_problem_at_its_key(
        self, tmp_path: Path, written: object
    ) -> None:
        (problem,) = problems_of(instance(token=written), directory=tmp_path)
        assert problem.startswith("litmusSidecar.instances[0].token: ")


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("- a", "must hold a mapping of keys, but holds a list"),
            ("a: 1\nb: [s3cr3t", "it is not valid YAML (line 2)"),
            ("a: 1\ntoken: s3cr3t\ntoken: s3cr3t", "a key appears twice in one mapping (line 3)"),
            ("[" * 1_000, "it is nested too deeply"),
        ],
    )
    def test_a_file_that_is_no_configuration_is_told_without_quoting_it(
        self, tmp_path: Path, content: str, expected: str
    ) -> None:
        path = write(tmp_path / "app-config.yaml", content)
        with pytest.raises(ConfigError) as caught:
            load_config([path], ENVIRON)
        assert caught.value.problems == (f"{path}: {expected}",)

    def test_every_missing_file_is_told(self, tmp_path: Path) -> None:
        paths = [tmp_path / "a.yaml", tmp_path / "b.json"]
        with pytest.raises(ConfigError) as caught:
            load_config(paths, ENVIRON)
        assert caught.value.problems == tuple(
            f"{path}: cannot be read: No such file or directory" for path in paths
        )

    def test_off_stays_a_word(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.yaml", "litmusSidecar: {metrics: {public: off}}")
        with pytest.raises(ConfigError, match=r"litmusSidecar\.metrics\.public: must be true or false"):
            load_config([path], ENVIRON)
