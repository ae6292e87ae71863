"""The catalog in files: what is found, what changed, what cannot be read."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.catalog import FileCatalog
from sidecar.config.yaml_text import TextError, parse_documents
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Catalogue


def entity(name: str, project: str = "p-1", extra: str = "") -> str:
    return (
        f"kind: Component\nmetadata:\n  name: {name}\n  annotations:\n"
        f"    litmuschaos.io/project-id: {project}\n{extra}"
    )


def refs(catalog: Catalogue) -> list[str]:
    return [entity.ref.rpartition("/")[2] for entity in catalog.current.entities]


def catalog_in(directory: Path, *patterns: str) -> FileCatalog:
    return FileCatalog([str(directory / pattern) for pattern in patterns or ("*.yaml",)], ["default"])


async def test_nothing_is_known_before_the_first_reading(tmp_path: Path) -> None:
    catalog = catalog_in(tmp_path)
    assert (refs(catalog), catalog.projects_with_id("p-1")) == ([], ())


async def test_patterns_find_files_in_directories_below(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.yaml").write_text(entity("deep"))
    (tmp_path / "y.yaml").write_text(entity("high"))
    catalog = catalog_in(tmp_path, "**/*.yaml")
    assert await catalog.refresh()
    assert refs(catalog) == ["deep", "high"]


async def test_projects_are_found_by_their_exact_id(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(entity("a") + "---\n" + entity("b") + "---\n" + entity("c", "p-2"))
    catalog = catalog_in(tmp_path)
    await catalog.refresh()
    assert catalog.projects_with_id("p-1") == (ProjectRef(instance="default", project_id="p-1"),)
    assert catalog.projects_with_id("P-1") == ()


async def test_a_bad_document_loses_none_of_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        f"# header\n---\n{entity('before')}---\nkind: [\n---\n{entity('after')}---\n- list\n---\n"
    )
    catalog = catalog_in(tmp_path)
    await catalog.refresh()
    assert refs(catalog) == ["after", "before"]
    path = tmp_path / "a.yaml"
    (syntax, shape) = catalog.current.problems
    assert syntax.startswith(f"{path}, document 2: it is not valid YAML (line ")
    assert shape == f"{path}, document 4: is no entity: it must be a mapping"


async def test_a_date_stays_the_text_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(entity("a", "2024-01-31"))
    catalog = catalog_in(tmp_path)
    await catalog.refresh()
    assert catalog.current.entities[0].project.project_id == "2024-01-31"


async def test_unchanged_files_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(entity("a"))
    catalog = catalog_in(tmp_path)
    assert await catalog.refresh()
    before = catalog.current
    assert not await catalog.refresh()
    assert catalog.current is before


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(entity("a"))
    catalog = catalog_in(tmp_path)
    await catalog.refresh()
    (tmp_path / "a.yaml").write_text(entity("a") + "---\n" + entity("b"))
    assert await catalog.refresh()
    assert refs(catalog) == ["a", "b"]


async def test_other_patterns_count_from_the_next_look_on_though_they_find_the_same_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.yaml").write_text(entity("a"))
    catalog = catalog_in(tmp_path, "*.yaml")
    await catalog.refresh()
    catalog.look_for([str(tmp_path / "a.yaml"), str(tmp_path / "none.yaml")])
    assert await catalog.refresh()
    assert refs(catalog) == ["a"]
    assert catalog.current.problems == (f"{tmp_path}/none.yaml: no file is found there",)
    assert not await catalog.refresh()


async def test_a_swapped_link_is_noticed(tmp_path: Path) -> None:
    """Kubernetes replaces the directory behind ``..data`` at once."""
    for version, name in (("v1", "a"), ("v2", "b")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "catalog.yaml").write_text(entity(name))
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "catalog.yaml").symlink_to("..data/catalog.yaml")
    catalog = catalog_in(tmp_path, "catalog.yaml")
    await catalog.refresh()
    (tmp_path / "..next").symlink_to("v2")
    (tmp_path / "..next").replace(tmp_path / "..data")
    assert await catalog.refresh()
    assert refs(catalog) == ["b"]


async def test_one_file_found_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(entity("a"))
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    catalog = catalog_in(tmp_path, "*.yaml", "a.*")
    await catalog.refresh()
    assert (refs(catalog), catalog.current.problems) == (["a"], ())


async def test_a_pattern_that_finds_nothing_is_a_problem(tmp_path: Path) -> None:
    catalog = catalog_in(tmp_path, "none/*.yaml")
    await catalog.refresh()
    assert catalog.current.problems == (f"{tmp_path}/none/*.yaml: no file is found there",)


async def test_files_that_cannot_be_read_are_named_and_the_others_count(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(entity("a"))
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "large.yaml").write_text("#" * 600)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    os.mkfifo(tmp_path / "pipe.yaml")
    catalog = FileCatalog([str(tmp_path / "*.yaml")], ["default"], max_file_bytes=500)
    await catalog.refresh()
    assert refs(catalog) == ["a"]
    assert catalog.current.problems == (
        f"{tmp_path}/gone.yaml: cannot be read: No such file or directory",
        f"{tmp_path}/large.yaml: is larger than 500 bytes",
        f"{tmp_path}/latin.yaml: is not UTF-8 text",
        f"{tmp_path}/pipe.yaml: is not a file",
    )


class TestDoubt:
    """What takes entities away without a reason must say so twice."""

    async def test_an_empty_reading_keeps_the_entities_once(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(entity("a"))
        catalog = catalog_in(tmp_path)
        await catalog.refresh()
        (tmp_path / "a.yaml").unlink()
        await catalog.refresh()
        assert refs(catalog) == ["a"]
        assert any("The catalog is empty" in problem for problem in catalog.current.problems)

    async def test_the_second_empty_reading_counts(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(entity("a"))
        catalog = catalog_in(tmp_path)
        await catalog.refresh()
        (tmp_path / "a.yaml").unlink()
        await catalog.refresh()
        assert await catalog.refresh()
        assert (refs(catalog), catalog.projects_with_id("p-1")) == ([], ())

    async def test_a_reading_between_two_empty_ones_starts_the_count_again(self, tmp_path: Path) -> None:
        catalog = catalog_in(tmp_path)
        for _ in range(2):
            (tmp_path / "a.yaml").write_text(entity("a"))
            await catalog.refresh()
            (tmp_path / "a.yaml").unlink()
            await catalog.refresh()
        assert refs(catalog) == ["a"]

    async def test_an_unreadable_file_takes_its_entities_away_at_the_second_reading(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "a.yaml").write_text(entity("a"))
        (tmp_path / "b.yaml").write_text(entity("b"))
        catalog = catalog_in(tmp_path)
        await catalog.refresh()
        (tmp_path / "b.yaml").unlink()
        (tmp_path / "b.yaml").symlink_to("nowhere")
        seen = []
        for _ in range(2):
            await catalog.refresh()
            seen.append(refs(catalog))
        assert seen == [["a", "b"], ["a"]]

    async def test_an_entity_that_leaves_a_readable_catalog_leaves_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(entity("a") + "---\n" + entity("b"))
        catalog = catalog_in(tmp_path)
        await catalog.refresh()
        (tmp_path / "a.yaml").write_text(entity("a"))
        await catalog.refresh()
        assert refs(catalog) == ["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# only a comment\n", []),
        ("a: 1", [(1, {"a": 1})]),
        ("---\na: 1\n---\nb: 2\n...\n", [(1, {"a": 1}), (2, {"b": 2})]),
        ("%YAML 1.2\n---\na: off\n", [(1, {"a": "off"})]),
        ("--- {a: 1}\n--- # nothing\n--- text\n", [(1, {"a": 1}), (3, "text")]),
        ("a: |\n  ---\n  b\n", [(1, {"a": "---\nb\n"})]),
        ("\ufeffa: 1\r\n---\r\nb: 2\r\n", [(1, {"a": 1}), (2, {"b": 2})]),
    ],
)
def test_documents_are_told_apart(text: str, expected: list[tuple[int, object]]) -> None:
    assert [tuple(document) for document in parse_documents(text)] == expected


@given(st.text(alphabet="ab:- \n\"'[]{}|>#&*!%?,~0.\t<=\x00") | st.text(max_size=40))
def test_any_text_is_documents_or_errors_that_quote_nothing(text: str) -> None:
    for document in parse_documents(text):
        if isinstance(document.content, TextError):
            assert document.content.__context__ is None


TAGS = ["int", "float", "bool", "binary", "set", "omap", "pairs", "timestamp", "null", "map"]
ODD_VALUES = ["x", "[a]", "{a: b}", "[{a: b}]", "''", "{[a]: 1}", "{{a: 1}: 1}", "{<<: 1}", "é"]


@given(st.sampled_from(TAGS), st.sampled_from(ODD_VALUES))
def test_any_value_with_any_tag_is_a_value_or_an_error(tag: str, value: str) -> None:
    assert len(list(parse_documents(f"a: !!{tag} {value}"))) == 1
