"""Pages of an entity stay whole, and what they are, whatever Litmus calls things and sends."""

import asyncio
import re
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, Hub, ProjectRef, Schedule
from tests.support import builders
from tests.support.golden_service import golden_app
from tests.support.markup import Element, parse_html
from tests.support.strategies import contents, schedules

pytestmark = pytest.mark.service

ADDRESSES = re.compile(
    r"(/litmus|/api/v1|#[a-z]|https://litmus\.example\.com|https://[a-z.]*litmuschaos\.(io|github\.io))"
)
VIEWS = ("", "/runs", "/report")


def form_of(document: Element) -> list[tuple[str, tuple[str, ...]]]:
    """Every element with the names of its attributes, in order: what a browser would make of it."""
    return [(one.tag, tuple(one.attributes)) for one in document.all()]


def named(name: str) -> Content:
    """A content whose every text of Litmus's is this one."""
    infra = builders.infra("infra", name, environment_id=name, infra_namespace=name, infra_scope=name)
    run = builders.recent_run(name, "Completed", 50.0, updated_by=f"by {name}")
    return Content(
        experiments=(
            builders.experiment("one", name, infra=infra, recent_runs=(run,)),
            builders.experiment("other", name, cron_syntax="@daily", infra=infra, recent_runs=(run,)),
        ),
        infrastructures=(infra,),
        environments=(builders.environment(name, name, tags=(name,)),),
        hubs=(Hub(hub_id=name, name=name, is_available=True, total_faults=1, total_experiments=1),),
        schedules=(),
    )


async def pages_of(cases: Sequence[Content]) -> list[Mapping[str, Element]]:
    """Return the pages of an entity for each of the contents, all in one application."""
    beside = {
        Entity(
            ref=f"component:default/case-{place}",
            project=ProjectRef(instance="default", project_id=f"p-{place}"),
        ): content
        for place, content in enumerate(cases)
    }
    async with TestClient(TestServer(golden_app(beside=beside))) as client:
        paths = [f"/litmus/entities/component/default/case-{place}" for place in range(len(cases))]
        answers = [{view: await client.get(f"{path}{view}") for view in VIEWS} for path in paths]
        assert {answer.status for views in answers for answer in views.values()} == {200}
        return [{view: parse_html(await one.text()) for view, one in views.items()} for views in answers]


TRICKY = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "</table></main><style>*{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt; &amp; <!-- ",
    "\x00\x07\x1b[31m\u202eturned\u2066",
    "اختبار",
    "x" * 300,
    "\ud800",
    "../../..",
)
names = st.sampled_from(TRICKY) | st.text(alphabet=st.characters(), min_size=1, max_size=40).map(
    lambda text: f"a{text}"
)


def test_no_text_of_litmus_becomes_an_element_or_an_attribute() -> None:
    tried = ["plain", *TRICKY]

    @given(name=names)
    def collect(name: str) -> None:
        tried.append(name)

    collect()
    plain, *others = asyncio.run(pages_of([named(name) for name in tried]))
    for name, documents in zip(tried[1:], others, strict=True):
        for view, document in documents.items():
            assert form_of(document) == form_of(plain[view]), name
            for one in document.all():
                for attribute in ("href", "src", "action"):
                    assert ADDRESSES.match(one.attributes.get(attribute, "/litmus")), one.attributes


def test_whatever_litmus_sends_the_pages_stay_whole() -> None:
    tried: list[Content] = []

    @given(content=contents, planned=st.lists(schedules, max_size=3).map(tuple))
    def collect(content: Content, planned: tuple[Schedule, ...]) -> None:
        tried.append(msgspec.structs.replace(content, schedules=planned))

    collect()
    for documents in asyncio.run(pages_of(tried)):
        for document in documents.values():
            scripts = {one.attributes["src"].partition("?")[0] for one in document.all("script")}
            assert scripts == {"/litmus/assets/page.js"}
            attributes = {name for one in document.all() for name in one.attributes}
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
            assert not document.all("style")
