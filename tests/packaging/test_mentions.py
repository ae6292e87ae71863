"""What a page mentions exists: settings, metrics, codes of errors, files, modules."""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.config import SidecarSection
from tests.packaging.test_docs import all_errors
from tests.support.explained import explained_metrics
from tests.support.markdown import ROOT, inline_code, repository_pages

PAGES: Final = [page for page in repository_pages() if page.name != "CHANGELOG.md"]
CODE: Final = sorted({(page, code) for page in PAGES for code in inline_code(page.read_text())})
SUFFIXES: Final = r"(?:_total|_bucket|_sum|_count)?"
METRICS: Final = {*explained_metrics("Metrics of the service"), *explained_metrics("Metrics of the domain")}


def settings() -> set[str]:
    """Return every path of keys below ``litmusSidecar``, lists passed through."""
    schema = SidecarSection.model_json_schema(by_alias=True)

    def below(section: Mapping[str, Any], path: str) -> Iterator[str]:
        for key, value in section["properties"].items():
            yield path + key
            for name in re.findall(r"#/\$defs/(\w+)", str(value)):
                inner = schema["$defs"][name]
                if "properties" in inner:
                    yield from below(inner, f"{path}{key}.")

    return set(below(schema, ""))


SETTINGS: Final = settings()
OF_BACKSTAGE: Final = {"auth.identityTokenAlgorithm"}


def mentioned(pattern: str) -> list[tuple[Path, str]]:
    """Return what matches as a whole, among the inline code of all pages."""
    return [(page.relative_to(ROOT), code) for page, code in CODE if re.fullmatch(pattern, code)]


def test_every_setting_that_a_page_mentions_exists() -> None:
    sections = "|".join(key for key in SETTINGS if "." not in key)
    found = mentioned(rf"(?:litmusSidecar\.)?(?:{sections})\.[A-Za-z.]+")
    assert "sync.maxInFlight" in {code for _, code in found}
    known = SETTINGS | OF_BACKSTAGE
    assert [one for one in found if one[1].removeprefix("litmusSidecar.") not in known] == []


def test_every_metric_that_a_page_mentions_exists() -> None:
    found = mentioned(r"(?:litmus_sidecar|backstage_litmus)_\w+")
    assert found
    assert [one for one in found if not any(re.fullmatch(name + SUFFIXES, one[1]) for name in METRICS)] == []


def test_every_error_code_of_a_table_of_symptoms_exists() -> None:
    codes = {error.code for error in all_errors()}
    page = ROOT / "docs/how-to/troubleshoot.md"
    found = {code for code in inline_code(page.read_text()) if re.fullmatch(r"[a-z]+(?:_[a-z]+)+", code)}
    assert found
    assert found <= codes


def test_every_file_that_a_page_mentions_exists() -> None:
    """By its path in the repository, or in the package."""
    found = mentioned(r"[\w.]+(?:/[\w.]+)*\.(?:py|graphql)")
    assert found
    assert [
        one for one in found if not any((place / one[1]).is_file() for place in (ROOT, ROOT / "sidecar"))
    ] == []


def named_in_the_architecture() -> list[str]:
    codes = {code for page, code in CODE if page.name == "architecture.md"} - SETTINGS
    return sorted(code for code in codes if re.fullmatch(r"[a-z_]+(?:\.\w+)+(?<!\.py)(?<!\.graphql)", code))


@pytest.mark.parametrize("name", named_in_the_architecture())
def test_every_function_and_module_of_the_architecture_exists(name: str) -> None:
    module, _, member = name.rpartition(".")
    owner = importlib.import_module(f"sidecar.{module}")
    assert hasattr(owner, member) or importlib.util.find_spec(f"sidecar.{name}") is not None
