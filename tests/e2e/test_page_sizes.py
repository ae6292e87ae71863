"""No page of the demo, whose largest project has 40 experiments, asks much of a slow line."""

from typing import Final

import pytest

from sidecar.http.pages.assets import asset_url
from tests.e2e.conftest import Shown

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_BYTES: Final = 200_000
"""Of a page with its style sheet, script and icon, uncompressed."""
ENTITY: Final = "/litmus/entities/component/default/cart"


async def test_every_page_with_all_it_needs_stays_below_200_kilobytes(shown: Shown) -> None:
    async def size(path: str) -> int:
        response = await shown.service.get(path, headers={"Accept-Encoding": "identity"})
        assert response.status == 200
        return len((await response.text()).encode())

    beside = sum([await size(asset_url(name)) for name in ("style.css", "page.js", "icon.svg")])
    sizes = {
        path: beside + await size(path)
        for path in ("/litmus", ENTITY, f"{ENTITY}/runs", f"{ENTITY}/report", "/litmus/settings/tokens")
    }
    assert "recommender-pod-cpu-hog" in await (await shown.service.get(ENTITY)).text()
    assert {path: bytes_ for path, bytes_ in sizes.items() if bytes_ > MOST_BYTES} == {}
