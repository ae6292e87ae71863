"""How tests ask for a page and for the JSON of the same figures, of the golden entity where none is named."""

from typing import Any, Final

from aiohttp.test_utils import TestClient

from sidecar.domain.model import Content, GitOps
from tests.support import builders
from tests.support.markup import Element, parse_html

PATH: Final = "/litmus/entities/component/default/shop"
API: Final = "/api/v1/entities/component/default/shop"
Client = TestClient[Any, Any]


async def page(client: Client, rest: str = "", path: str = PATH) -> Element:
    async with client.get(f"{path}{rest}") as response:
        assert response.status == 200, await response.text()
        return parse_html(await response.text())


async def get(client: Client, path: str) -> dict[str, Any]:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


def percent(score: float | None) -> str:
    return "no score" if score is None else f"{score:g} %"


def experiment_rows(document: Element) -> list[Element]:
    """The rows of the experiments, those in view and the folded ones."""
    return [row for row in document.by_id("experiment-rows").all("tr") if "data-text" in row.attributes]


def figures(section: Element) -> dict[str, str]:
    """What the terms of the section's description lists say."""
    terms = [one.text for one in section.all("dt")]
    return dict(zip(terms, [one.text for one in section.all("dd")], strict=True))


def many(number: int) -> Content:
    """Experiments of two infrastructures; every third ended with an error, every seventh never ran."""
    infras = [builders.infra(f"infra-{one}", f"cluster {one}") for one in "ab"]
    return Content(
        experiments=tuple(
            builders.experiment(
                f"experiment-{index}",
                f"Kill {index:03}",
                infra=infras[index % 2],
                recent_runs=()
                if index % 7 == 0
                else (builders.recent_run("r", "Error" if index % 3 == 0 else "Completed", 0.0),),
            )
            for index in range(number)
        ),
        infrastructures=tuple(infras),
        environments=(),
        schedules=(),
        hubs=(),
        gitops=GitOps(enabled=None),
    )
