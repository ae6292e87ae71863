"""A configuration is valid, or every problem is said at once, and none of its values ever."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import describe, masked, parse_config
from sidecar.domain.errors import ConfigError
from tests.config.material import ENVIRON, LITMUS, config_of, instance, key, problems_of, token_of, write
from tests.support.findings import findings


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
