"""Entities of kind Location: files below them are followed, everything else is named."""

from pathlib import Path

import pytest

from sidecar.catalog import FileCatalog
from sidecar.catalog.files import MAX_TARGETS


def entity(name: str) -> str:
    return (
        f"kind: Component\nmetadata: {{name: {name}, annotations: {{litmuschaos.io/project-id: p-1}}}}\n"
        "spec: {owner: team-a}\n"
    )


def location(*targets: str, name: str = "all") -> str:
    listed = ", ".join(map(repr, targets))
    return f"kind: Location\nmetadata: {{name: {name}}}\nspec: {{targets: [{listed}]}}\n"


async def read(directory: Path, **texts: str) -> FileCatalog:
    for name, text in texts.items():
        (directory / f"{name}.yaml").write_text(text)
    catalog = FileCatalog([str(directory / "all.yaml")], ["default"])
    await catalog.refresh()
    return catalog


def names(catalog: FileCatalog) -> list[str]:
    return [entity.ref.rpartition("/")[2] for entity in catalog.current.entities]


async def test_targets_are_read_and_those_that_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "teams [x]").mkdir()
    (tmp_path / "teams [x]/all.yaml").write_text(location("a.yaml", "../a.yaml", name="inner"))
    (tmp_path / "teams [x]/a.yaml").write_text(entity("a"))
    catalog = await read(
        tmp_path,
        all="kind: Location\nspec: {type: file, target: ./b.yaml}\nmetadata: {name: x}\n---\n"
        + location("./c?.yaml", "teams [[]x]/all.yaml"),
        b=entity("b"),
        c1=entity("c1"),
        c2=entity("c2"),
    )
    assert names(catalog) == ["a", "b", "c1", "c2"]
    (problem,) = catalog.current.problems
    assert problem.startswith(
        f"{tmp_path}/teams [x]/all.yaml, document 1: spec.targets[1] is not followed: it leads"
    )


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("https://git.example.com/a.yaml", "is an address, which only Backstage follows; name it in"),
        ("/etc/passwd", "is not followed: it leads out of the directory of its file; name it in"),
        ("../a.yaml", "is not followed: it leads out of the directory of its file; name it in"),
        ("*/../../a.yaml", "is not followed: it leads out of the directory of its file; name it in"),
        ("", "is not followed: it must be the name of a file"),
    ],
)
async def test_what_is_not_followed_is_named(tmp_path: Path, target: str, why: str) -> None:
    catalog = await read(tmp_path, all=location(target))
    (problem,) = catalog.current.problems
    assert problem.startswith(f"{tmp_path}/all.yaml, document 1: spec.targets[0] {why}")


async def test_a_target_that_is_not_there_is_named(tmp_path: Path) -> None:
    catalog = await read(tmp_path, all=location("./gone.yaml"))
    assert catalog.current.problems == (f"{tmp_path}/gone.yaml: no file is found there",)


async def test_locations_that_lead_to_each_other_end(tmp_path: Path) -> None:
    catalog = await read(
        tmp_path, all=location("all.yaml", "b.yaml"), b=location("./all.yaml") + "---\n" + entity("b")
    )
    assert (names(catalog), len(catalog.current.problems)) == (["b"], 1)  # Two Locations of one name.


async def test_a_changed_target_is_read_again_and_unchanged_ones_are_not(tmp_path: Path) -> None:
    catalog = await read(tmp_path, all=location("b.yaml"), b=entity("b"))
    assert not await catalog.refresh()
    (tmp_path / "b.yaml").write_text(entity("other"))
    assert await catalog.refresh()
    assert names(catalog) == ["other"]


async def test_more_targets_than_anybody_writes_are_not_followed(tmp_path: Path) -> None:
    targets = [f"{number}.yaml" for number in range(MAX_TARGETS + 1)]
    catalog = await read(tmp_path, all=location(*targets), **{"0": entity("a")})
    assert f"Locations have more than {MAX_TARGETS} targets; no more are followed" in catalog.current.problems
