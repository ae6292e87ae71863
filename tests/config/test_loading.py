"""Reading app-config files into a valid Config, or every problem at once."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sidecar.config import Config, Instance, describe, load_config, masked, parse_config
from sidecar.domain.errors import ConfigError
from tests.support.findings import findings

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


class TestValidation:
    @pytest.mark.parametrize(
        ("section", "expected"),
        [
            ([], ": must be a mapping"),
            ({"listen": 1}, ".listen: must be a mapping"),
            ({"listen": {"port": 70_000}}, ".listen.port: must be at most 65535"),
            ({"listen": {"port": True}}, ".listen.port: must be a whole number"),
            ({"listen": {"prot": 1}}, ".listen.prot: is unknown; did you mean port?"),
            (
                {"listen": {"trusted_proxies": []}},
                ".listen.trusted_proxies: is unknown; did you mean trustedProxies?",
            ),
            (
                {"public_url": "http://a"},
                ".public_url: is unknown; did you mean publicUrl?",
            ),
            ({"catalog": {"files": "a.yaml"}}, ".catalog.files: must be a list"),
            ({"sync": {"maxInFlight": 0}}, ".sync.maxInFlight: must be at least 1"),
            (
                {"sync": {"maxRequestsPerSecond": 0}},
                ".sync.maxRequestsPerSecond: must be more than 0",
            ),
            (
                {"sync": {"maxRequestsPerSecond": "fast"}},
                ".sync.maxRequestsPerSecond: must be a number of requests per second, or auto",
            ),
            (
                {"sync": {"activeInterval": 61}},
                ".sync: activeInterval must not be longer than interval",
            ),
            (
                {"sync": {"slowInterval": 59}},
                ".sync: interval must not be longer than slowInterval",
            ),
            (
                {"sync": {"maxStale": {"minutes": 10}}},
                ".sync: maxStale must be longer than slowInterval",
            ),
            (
                instance(name="One"),
                (
                    ".instances[0].name: must be 1 to 63 of a-z, 0-9 and '-', "
                    "with a letter or digit at both ends"
                ),
            ),
            (
                {"instances": instance()["instances"] * 2},
                ": must have distinct names of instances",
            ),
            (instance(tokenFile="x"), ".instances[0]: has both token and tokenFile; exactly one is needed"),
            (
                instance(token="Bearer x"),
                ".instances[0].token: must be the bare token, without 'Bearer ' before it",
            ),
            (
                instance(token="a b"),
                ".instances[0].token: must be printable ASCII without spaces or line breaks",
            ),
            (
                instance(token=12),
                ".instances[0].token: must be text; put a number or a word such as true in quotes",
            ),
            (instance(token=None), ".instances[0]: needs exactly one of token, tokenFile and credentials"),
            (key(secret="x" * 15), ".auth.keys[0].secret: must have at least 16 characters"),
            (key(scopes=[]), ".auth.keys[0].scopes: must have at least 1 entry"),
            (
                key(scopes=["reed"]),
                ".auth.keys[0].scopes[0]: must be one of 'read', 'run', 'metrics' or 'admin'",
            ),
            (
                {"auth": {"keys": [key(name=name)["auth"]["keys"][0] for name in "ab"]}},
                ".auth: must have distinct secrets of keys",
            ),
        ],
    )
    def test_a_mistake_is_told_with_its_path_and_what_would_be_right(
        self, section: object, expected: str
    ) -> None:
        assert problems_of(section) == (f"litmusSidecar{expected}",)

    def test_mistakes_are_told_together(self) -> None:
        section = {**instance(tokn="x"), **key(secret="short"), "listen": {"port": "x"}, "syncs": {}}
        assert len(problems_of(section)) == 4

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://a",
            "litmus.example.com",
            "http://user:pass@a",
            "http://a?x=1",
            "http://a#x",
            "http://",
            "http://a b",
            "http://a:99999",
            "http://[::1",
            "",
        ],
    )
    def test_an_address_that_is_no_plain_url_is_refused(self, url: str) -> None:
        (problem,) = problems_of(instance(baseUrl=url))
        assert problem.startswith("litmusSidecar.instances[0].baseUrl: must be an absolute http")

    def test_a_slash_at_the_end_of_an_address_is_dropped(self) -> None:
        assert config_of(instance(baseUrl="http://a/b/")).instances[0].base_url == "http://a/b"

    @pytest.mark.parametrize(
        ("written", "seconds"),
        [
            (90, 90),
            ("90", 90),
            (0.5, 0.5),
            ({"minutes": 1, "seconds": 30}, 90),
            ({"hours": 2}, 7_200),
            ("60s", 60),
            ("1 minute", 60),
            ("1.5 HRS", 5_400),
            (" .5s ", 0.5),
            ("500msec", 0.5),
            ("1w", 604_800),
            ("PT1M", 60),
            ("P1DT2H", 93_600),
            ("PT1,5S", 1.5),
            ("PT1.5M", 90),
            ("P0.5D", 43_200),
        ],
    )
    def test_a_duration_is_an_object_a_text_or_a_number_of_seconds(
        self, written: object, seconds: float
    ) -> None:
        assert config_of({"catalog": {"interval": written}}).catalog.interval.total_seconds() == seconds

    @pytest.mark.parametrize(
        "written",
        [
            0,
            -1,
            True,
            "1ms",
            "-1m",
            "1s 2m",
            "1 month",
            "1y",
            "P",
            "PT",
            "P1Y",
            "P1DT",
            "60 seks",
            [],
            {},
            {"second": 1},
            {"months": 1},
            {"days": 8},
            float("nan"),
            1e300,
        ],
    )
    def test_what_is_no_sensible_duration_is_refused(self, written: object) -> None:
        (problem,) = problems_of({"catalog": {"interval": written}})
        assert problem.startswith("litmusSidecar.catalog.interval: ")

    def test_a_token_file_is_read_and_stays_known(self, tmp_path: Path) -> None:
        path = write(tmp_path / "token", "from-file\r\n")
        section = {"instances": [{"name": "a", "baseUrl": "http://a", "tokenFile": "token"}]}
        (found,) = config_of(section, directory=tmp_path).instances
        assert (token_of(found), found.token_file) == ("from-file", path)

    @pytest.mark.parametrize(
        ("content", "wrong"),
        [
            (None, "the file cannot be read: No such file or directory"),
            ("", "what the file holds must not be empty"),
            (" \n", "what the file holds must not be empty"),
            (f"Bearer {'x' * 20}", "what the file holds must be the bare token, without 'Bearer ' before it"),
        ],
    )
    def test_a_token_file_without_a_token_is_told_once_and_refuses_nothing(
        self, tmp_path: Path, content: str | None, wrong: str
    ) -> None:
        if content is not None:
            write(tmp_path / "token", content)
        section = {"instances": [{"name": "a", "baseUrl": "http://a", "tokenFile": "token"}]}
        found = config_of(section, directory=tmp_path)
        assert found.instances[0].token is None
        assert found.instances[0].token_file == tmp_path / "token"
        (notice,) = found.notices
        assert notice == (
            f"litmusSidecar.instances[0].tokenFile: {wrong}; "
            "there is no token for this Litmus until that is right"
        )

    @pytest.mark.parametrize(
        ("content", "wrong"),
        [
            (None, "the file cannot be read: No such file or directory"),
            ("no certificate", "the file holds no certificate in PEM form"),
        ],
    )
    @pytest.mark.parametrize(
        ("section", "path"),
        [
            (instance(caFile="ca.pem"), "instances[0]"),
            (
                {"auth": {"backstage": {"baseUrl": "http://b", "issuer": "http://b", "caFile": "ca.pem"}}},
                "auth.backstage",
            ),
            (
                {"catalog": {"backstage": {"baseUrl": "http://b", "token": "abc", "caFile": "ca.pem"}}},
                "catalog.backstage",
            ),
        ],
    )
    def test_every_ca_file_must_hold_a_certificate(
        self, tmp_path: Path, section: Mapping[str, Any], path: str, content: str | None, wrong: str
    ) -> None:
        if content is not None:
            write(tmp_path / "ca.pem", content)
        assert problems_of(section, directory=tmp_path) == (f"litmusSidecar.{path}.caFile: {wrong}",)


SECRET = "S3CR3T-that-nobody-may-see"
anything = st.recursive(
    st.sampled_from([SECRET, f"Bearer {SECRET}", f"{SECRET} x", "${HIDDEN}", "a", "", None, 1, True, 0.5])
    | st.builds(lambda k: {k: "HIDDEN"}, st.sampled_from(["$env", "$file", "$include"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "token",
                    "secret",
                    "scopes",
                    "keys",
                    "files",
                    "interval",
                    "seconds",
                    "host",
                    "tokenFile",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
SECTIONS = ["publicUrl", "listen", "instances", "catalog", "sync", "auth", "metrics", "other"]


class TestSecrecy:
    @given(section=st.dictionaries(st.sampled_from(SECTIONS), anything) | anything, token=anything)
    def test_no_value_is_ever_shown(self, section: object, token: object) -> None:
        mapping = {"litmus": {**LITMUS, "apiToken": token}, "litmusSidecar": section}
        environ = {"HIDDEN": SECRET, **ENVIRON}
        failure: ConfigError | None = None
        shown = ""
        try:
            config = parse_config(mapping, directory=Path("/nowhere"), environ=environ)
        except ConfigError as error:
            failure = error
        else:
            shown = repr(config) + describe(config)
        assert "token-of-litmus" not in shown
        assert failure is None or SECRET not in " ".join(failure.problems)
        assert failure is None or failure.__context__ is None

    def test_a_valid_configuration_shows_no_secret(self) -> None:
        config = config_of(
            {**instance(token=SECRET), **key(secret=SECRET + "2")}, litmus={"apiToken": SECRET}
        )
        shown = [repr(config), str(config), describe(config), json.dumps(masked(config)), *findings(config)]
        assert SECRET not in " ".join([*shown, config.model_dump_json(), str(config.model_dump())])

    def test_a_misplaced_secret_as_key_is_not_quoted(self) -> None:
        assert problems_of({"auth": {f"token:{SECRET}": None, f"a:{SECRET}": 1}}) == (
            "litmusSidecar.auth: has a key that is no name; write 'key: value', with a space",
        )


class TestProjects:
    def test_owners_are_compared_without_their_case(self) -> None:
        (one,) = config_of({"projects": [{"id": "p-1", "owners": ["Group:default/Team-A"]}]}).projects
        assert (one.id, one.instance, set(one.owners)) == ("p-1", None, {"group:default/team-a"})

    @pytest.mark.parametrize(
        ("projects", "problem"),
        [
            ([{"id": "p", "owners": []}], "litmusSidecar.projects[0].owners"),
            ([{"id": "p"}], "litmusSidecar.projects[0].owners"),
            ([{"id": "", "owners": ["group:default/a"]}], "litmusSidecar.projects[0].id"),
            ([{"id": "p", "owners": ["team-a"]}], "must be a list of full references"),
            (
                [{"id": "p", "instance": "two", "owners": ["group:default/a"]}],
                "has no instance of the name in projects[0].instance",
            ),
            (
                [
                    {"id": "p", "owners": ["group:default/a"]},
                    {"id": "p", "instance": "one", "owners": ["group:default/b"]},
                ],
                "must have distinct projects",
            ),
        ],
    )
    def test_a_claim_that_says_nothing_certain_is_refused(
        self, projects: list[dict[str, Any]], problem: str
    ) -> None:
        (found,) = problems_of({**instance(), "projects": projects})
        assert problem in found
