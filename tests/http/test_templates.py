"""Templates are compiled once, beside the event loop, and whoever needs one earlier waits for it."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from jinja2 import DictLoader, Environment, TemplateSyntaxError

from sidecar.http.answers.templates import TEMPLATES, Templates, add_templates
from sidecar.http.pages.filters import FILTERS


async def test_all_templates_of_the_package_compile() -> None:
    app = web.Application()
    add_templates(app, FILTERS)
    assert (await app[TEMPLATES].get("pages/portfolio.html")).name == "pages/portfolio.html"


async def test_a_template_is_had_when_all_are_compiled_for_it_may_include_any() -> None:
    environment = Environment(loader=DictLoader({"a": "{% include 'b' %}", "b": "x"}), autoescape=True)
    await Templates(environment).get("a")
    assert {name for _, name in environment.cache or ()} == {"a", "b"}


class _Counting(DictLoader):
    """Notes what is looked for."""

    def __init__(self, sources: dict[str, str]) -> None:
        super().__init__(sources)
        self.looked_for: list[str] = []

    def get_source(self, environment: Environment, template: str) -> Any:
        self.looked_for.append(template)
        return super().get_source(environment, template)


async def test_they_are_compiled_once_for_all_who_wait() -> None:
    loader = _Counting({"a": "x", "b": "y"})
    templates = Templates(Environment(loader=loader, autoescape=True))
    templates.begin()
    await asyncio.gather(*(templates.get(name) for name in "aabb"))
    templates.begin()
    await templates.get("a")
    assert loader.looked_for == ["a", "b"]


async def test_who_leaves_takes_them_from_nobody() -> None:
    templates = Templates(Environment(loader=DictLoader({"a": "x"}), autoescape=True))
    leaving, staying = asyncio.create_task(templates.get("a")), asyncio.create_task(templates.get("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).render() == "x"


async def test_what_could_not_be_compiled_is_tried_again() -> None:
    sources = {"a": "{% if"}
    templates = Templates(Environment(loader=DictLoader(sources), autoescape=True))
    with pytest.raises(TemplateSyntaxError):
        await templates.get("a")
    sources["a"] = "x"
    assert (await templates.get("a")).render() == "x"
