"""The pages of the demo, whose largest project has 40 experiments: none is heavy, none has empty cells."""

from typing import Final

import pytest

from sidecar.http.pages.assets import asset_url
from tests.e2e.conftest import Shown
from tests.support.markup import parse_html

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_BYTES: Final = 200_000
"""Of a page with its style sheet, script and icon, uncompressed."""
ENTITY: Final = "/litmus/entities/component/default/cart"
NEVER_RUN: Final = "/litmus/entities/component/default/newsletter"
PAGES: Final = ("/litmus", ENTITY, f"{ENTITY}/runs", f"{ENTITY}/report", "/litmus/settings/tokens")


async def test_every_page_with_all_it_needs_stays_below_200_kilobytes(shown: Shown) -> None:
    async def size(path: str) -> int:
        response = await shown.service.get(path, headers={"Accept-Encoding": "identity"})
        assert response.status == 200
        return len((await response.text()).encode())

    beside = sum([await size(asset_url(name)) for name in ("style.css", "page.js", "icon.svg")])
    sizes = {path: beside + await size(path) for path in PAGES}
    assert "recommender-pod-cpu-hog" in await (await shown.service.get(ENTITY)).text()
    assert {path: bytes_ for path, bytes_ in sizes.items() if bytes_ > MOST_BYTES} == {}


@pytest.mark.parametrize(
    "path", [*PAGES, "/litmus?group=domain&window=24h", NEVER_RUN, f"{NEVER_RUN}/report"]
)
async def test_no_cell_is_empty_below_the_name_of_its_column(shown: Shown, path: str) -> None:
    response = await shown.service.get(path)
    cells = [one for one in parse_html(await response.text()).all("td") if "data-name" in one.attributes]
    empty = [one.attributes["data-name"] for one in cells if not one.text.strip() and not one.all("svg")]
    assert empty == []
