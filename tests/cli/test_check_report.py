"""Codes of findings: every one is explained, and what is suggested to write can be written."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sidecar.cli.check_report import as_document, explained, for_people, suggestions
from sidecar.cli.main import main
from sidecar.config import Config, load_config, parse_config
from sidecar.config.merging import merge
from sidecar.domain.errors import UpstreamError
from sidecar.insight.finding_codes import ERROR_CODES, EXPLANATIONS, OWN_CODES, UPSTREAM_CODES
from sidecar.insight.token_findings import Finding, FindingSeverity
from tests.packaging.test_docs import all_errors
from tests.support.tls import certified

ROOT = Path(__file__).parents[2]
SOURCES = (
    *(ROOT / path for path in ("sidecar/config/report.py", "sidecar/insight/token_findings.py")),
    ROOT / "sidecar/cli/check.py",
    *sorted((ROOT / "sidecar/app/doctor").glob("*.py")),
)
PLACES = {
    "<network of the proxy, 10.0.3.0/24 say>": "10.0.3.0/24",
    "<address of the sidecar in browsers>": "sidecar.example.com",
    "https://<address of Litmus>": "https://litmus.example.com",
    "<id of the project>": "p-1",
    "<team>": "team",
}
ENVIRON = {"SIDECAR_KEY": "k" * 32, "SIDECAR_CATALOG_TOKEN": "c" * 32, "LITMUS_AUTH_TOKEN": "a-token"}


def found_codes() -> set[str]:
    """Return every code that the sources of findings write."""
    pattern = re.compile(r'(?:Remark|_warning|_?warned|failed|noted)\(\s*"(\w+)"|\bkey="(\w+)"')
    text = "".join(source.read_text() for source in SOURCES)
    return {one or other for one, other in pattern.findall(text)}


def errors(base: type[UpstreamError]) -> Iterator[type[UpstreamError]]:
    yield base
    for one in base.__subclasses__():
        yield from errors(one)


def finding(code: str) -> Finding:
    return Finding(key=code, severity=FindingSeverity.WARNING, sentence=f"Something is\n{code}")


def test_every_code_that_can_be_found_is_explained_and_no_other() -> None:
    assert found_codes() == set(OWN_CODES)


def test_every_failure_of_litmus_is_explained_by_the_code_it_has_everywhere() -> None:
    codes = {error.code for error in errors(UpstreamError)}
    assert codes - {"initial_password"} == set(UPSTREAM_CODES)
    assert "initial_password" in OWN_CODES


def test_every_error_is_explained_by_its_code_and_no_other() -> None:
    codes = {error.code for error in all_errors() if error.__module__.startswith("sidecar.")}
    assert {code for subject in ERROR_CODES.values() for code in subject} == codes
    assert sum(len(subject) for subject in ERROR_CODES.values()) == len(codes), "a code has two subjects"
    assert set(EXPLANATIONS) == codes | set(OWN_CODES)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_every_code_has_an_address_where_stands_what_explain_prints(code: str) -> None:
    told = json.loads(explained(code, as_json=True))
    page, _, anchor = told["address"].partition("#")
    assert anchor == code
    (entry,) = re.findall(
        rf"^##+ {code}\n\n(.+?)(?=\n#|\Z)", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
    )
    written = " ".join(entry.replace("`", "").split())
    assert written.startswith(f"{told['meaning']}. {told['whatToDo']}. See [")
    assert told["fix"] is None or told["fix"].replace("`", "") in entry.replace("`", "")
    said = explained(code, as_json=False)
    assert all(text in said for text in (told["meaning"], told["whatToDo"], told["address"], told["docs"]))


def test_every_page_that_an_explanation_names_is_there() -> None:
    assert {
        known.docs for known in EXPLANATIONS.values() if not (ROOT / "docs" / known.docs).is_file()
    } == set()


def filled(fix: str) -> str:
    for place, value in PLACES.items():
        fix = fix.replace(place, value)
    return re.sub(r"<[^>]+>", "https://example.com", fix)


@pytest.mark.parametrize("code", [code for code, known in EXPLANATIONS.items() if known.fix is not None])
def test_what_is_suggested_is_a_configuration_that_serve_takes(code: str, tmp_path: Path) -> None:
    loaded = YAML(typ="safe").load(
        filled(EXPLANATIONS[code].fix or "").replace("/run/secrets", str(tmp_path))
    )
    (tmp_path / "litmus-token").write_text("a-token")
    certified("litmus.example.com", tmp_path)
    instance = {"name": "default", "baseUrl": "https://litmus.example.com", "token": "a-token"}
    whole = merge({"litmusSidecar": {"instances": [instance]}}, loaded)
    assert isinstance(whole, dict)
    assert isinstance(parse_config(whole, directory=tmp_path, environ=ENVIRON), Config)


def test_suggestions_are_yaml_with_the_sentence_beside_each() -> None:
    mended = [code for code, known in EXPLANATIONS.items() if known.fix is not None]
    text = suggestions([finding(code) for code in (*EXPLANATIONS, *EXPLANATIONS)])
    assert len([*YAML(typ="safe").load_all(text)]) == len(mended)
    assert text.count("# ") >= len(mended)
    assert suggestions([finding("account_admin")]) == "# Nothing to write into app-config.\n"


def test_people_and_programs_get_code_sentence_and_what_to_do() -> None:
    config = load_config([ROOT / "app-config.example.yaml"], {**ENVIRON, "SIDECAR_METRICS_KEY": "m" * 32})
    told = for_people(config, "counted", [finding("plain_http")])
    assert "[plain_http]" in told
    assert "do: Use https in baseUrl (docs/reference/findings.md#plain_http)" in told
    (one,) = json.loads(as_document(config, {}, [finding("plain_http")]))["findings"]
    assert (one["code"], one["severity"], one["whatToDo"]) == (
        "plain_http",
        "warning",
        "Use https in baseUrl",
    )
    (other,) = json.loads(as_document(config, {}, [finding("store_unavailable")]))["findings"]
    assert other["docs"] == "docs/reference/error-codes.md#store_unavailable"


def test_a_code_is_explained_without_any_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--explain", "plain_http", "--config", "/nowhere"], {}) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("plain_http: A token travels over plain HTTP")
    assert "To do: Use https in baseUrl." in printed
    assert json.loads(explained("plain_http", as_json=True))["code"] == "plain_http"


def test_a_code_that_is_mistyped_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--explain", "plain_htp"], {}) == 2
    assert "did you mean plain_http?" in capsys.readouterr().err


def test_yaml_and_json_at_once_are_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--fix-suggestions", "--json", "--config", "/nowhere"], {}) == 2
    assert "leave out --json" in capsys.readouterr().err


def test_a_planted_mistake_is_found_by_its_code_and_mended_by_what_is_suggested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "catalog-info.yaml").write_text(
        "kind: Component\nmetadata: {name: cart, annotations: {litmuschaos.io/project-id: p-1}}\n"
    )
    base = {
        "litmus": {"baseUrl": "http://127.0.0.1:9", "apiToken": "eyJhbGciOiJub25lIn0.eyJ1aWQiOiJiIn0."},
        "litmusSidecar": {
            "listen": {"host": "0.0.0.0"},  # noqa: S104 - the mistake
            "catalog": {"files": ["catalog-info.yaml"]},
            "store": {"url": "memory:"},
        },
    }
    first, second = tmp_path / "app-config.json", tmp_path / "mended.yaml"
    first.write_text(json.dumps(base))
    line = ["check", "--offline", "--config", str(first)]
    assert main([*line, "--json"], ENVIRON) == 1
    (one,) = json.loads(capsys.readouterr().out)["findings"]
    assert one["code"] == "nobody_is_served"
    assert main([*line, "--fix-suggestions"], ENVIRON) == 1
    second.write_text(capsys.readouterr().out)
    assert main([*line, "--config", str(second)], ENVIRON) == 0
