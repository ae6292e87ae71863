"""Pages and pictures show an outcome alike, and readably, by day and by night."""

import re
from pathlib import Path

import pytest

import sidecar.http
from sidecar.domain.runs import Outcome
from sidecar.http.pictures.charts import LEVELS, LOOKS, Level

STYLE = (Path(sidecar.http.__file__).parent / "static/style.css").read_text()
READABLE = 4.5
"""WCAG 2.2, 1.4.3: contrast of text."""


def properties(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))


LIGHT = properties(STYLE[: STYLE.index("@media (prefers-color-scheme: dark)")])
DARK = properties(STYLE[STYLE.index("@media (prefers-color-scheme: dark)") : STYLE.index("*, *::before")])


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_has_the_colours_of_the_palette_on_pages(outcome: Outcome) -> None:
    look, name = LOOKS[outcome], outcome.value.replace("_", "-")
    assert (LIGHT[name], LIGHT["on-fill"]) == (look.fill, look.text)
    assert (DARK[name], DARK["on-fill"]) == (look.dark_fill, look.dark_text)
    assert f".{look.css_class}" in STYLE


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.css_class)
def test_a_score_has_the_colours_of_the_palette_on_pages(level: Level) -> None:
    name = re.search(rf"\.{level.css_class} {{ --fill: var\(--([\w-]+)\)", STYLE)
    assert name is not None
    assert (LIGHT[name[1]], DARK[name[1]]) == (level.fill, level.dark_fill)


@pytest.mark.parametrize("words", ["text", "dim", "link", "good", "warn", "bad"])
@pytest.mark.parametrize("ground", ["ground", "soft"])
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_words_are_readable_on_every_ground(theme: dict[str, str], ground: str, words: str) -> None:
    assert contrast(theme[words], theme[ground]) >= READABLE


@pytest.mark.parametrize("kind", ["good", "warn", "bad"])
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_notices_are_readable(theme: dict[str, str], kind: str) -> None:
    for words in ("text", "link", "dim"):
        assert contrast(theme[words], theme[f"{kind}-soft"]) >= READABLE
