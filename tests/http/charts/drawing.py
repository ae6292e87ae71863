"""Charts drawn for tests, with the product's templates, and read as the XML they are."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

SVG: Final = "{http://www.w3.org/2000/svg}"
_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("sidecar.http", "templates"), autoescape=True, undefined=StrictUndefined
)


def drawn(name: str, chart: Any) -> str:
    return _ENVIRONMENT.get_template(f"charts/{name}.svg").render(chart=chart)


def on_page(source: str, **context: Any) -> str:
    return _ENVIRONMENT.from_string(source).render(**context)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - made by us a moment ago


def title_of(root: ET.Element) -> str:
    return root.findtext(f"{SVG}title") or ""


def desc_of(root: ET.Element) -> str:
    return root.findtext(f"{SVG}desc") or ""


def texts_of(root: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def boxes_of(root: ET.Element) -> Iterator[tuple[float, float, float, float]]:
    """Yield left, top, right and bottom of every rectangle."""
    for rect in root.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", "0")), float(rect.get("y", "0"))
        yield x, y, x + float(rect.attrib["width"]), y + float(rect.attrib["height"])
