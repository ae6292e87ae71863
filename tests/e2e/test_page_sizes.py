"""No page of the demo, whose largest project has 40 experiments, asks much of a slow line."""

from pathlib import Path
from typing import Final

from sidecar.demo import demo_config
from sidecar.simulator import demo_catalog, open_demo
from sidecar.web.assets import asset_url
from tests.support.service import open_service

MOST_BYTES: Final = 200_000
"""Of a page with its style sheet, script and icon, uncompressed."""
ENTITY: Final = "/litmus/entities/component/default/cart"


async def test_every_page_with_all_it_needs_stays_below_200_kilobytes(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog-info.yaml"
    catalog.write_text(demo_catalog(), encoding="utf-8")
    async with open_demo() as demo, open_service(demo_config(demo, catalog, 0)) as service:
        await service.ready()

        async def size(path: str) -> int:
            response = await service.get(path, headers={"Accept-Encoding": "identity"})
            assert response.status == 200
            return len((await response.text()).encode())

        beside = sum([await size(asset_url(name)) for name in ("style.css", "page.js", "icon.svg")])
        sizes = {
            path: beside + await size(path)
            for path in ("/litmus", ENTITY, f"{ENTITY}/runs", f"{ENTITY}/report", "/litmus/settings/tokens")
        }
        assert "recommender-pod-cpu-hog" in await (await service.get(ENTITY)).text()
        assert {path: bytes_ for path, bytes_ in sizes.items() if bytes_ > MOST_BYTES} == {}
