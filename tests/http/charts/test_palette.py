"""Colours can be told from their page and read through, and are the same everywhere."""

import re
from pathlib import Path

import pytest

import sidecar.http
from sidecar.domain.runs import Outcome
from sidecar.http.pictures.charts.palette import DARK_PAGE, LEVELS, LIGHT_PAGE, LOOKS, NO_LEVEL, Level, Look

STYLE = (Path(sidecar.http.__file__).parent / "static" / "style.css").read_text(encoding="utf-8")
TEXT_CONTRAST = 4.5
GRAPHICS_CONTRAST = 3.0
ALL = [*LOOKS.values(), *LEVELS, NO_LEVEL]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("look", ALL, ids=lambda look: look.css_class)
def test_text_on_a_fill_and_the_fill_on_its_page_can_be_seen(look: Look | Level) -> None:
    assert contrast(look.text, look.fill) >= TEXT_CONTRAST
    assert contrast(look.dark_text, look.dark_fill) >= TEXT_CONTRAST
    assert contrast(look.fill, LIGHT_PAGE) >= GRAPHICS_CONTRAST
    assert contrast(look.dark_fill, DARK_PAGE) >= GRAPHICS_CONTRAST


def test_every_outcome_has_a_word_a_symbol_and_a_class_of_its_own() -> None:
    assert set(LOOKS) == set(Outcome)
    for part in ("label", "symbol", "css_class"):
        assert len({getattr(look, part) for look in LOOKS.values()}) == len(Outcome)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_pages_have_the_colours_of_the_pictures(outcome: Outcome) -> None:
    name = outcome.value.replace("_", "-")
    look = LOOKS[outcome]
    assert re.findall(rf"--{name}: (#\w+)", STYLE) == [look.fill, look.dark_fill]
    assert f".{look.css_class}" in STYLE
