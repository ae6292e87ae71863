"""Links into Litmus and to its documentation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.insight.links import LitmusLinks, dev_links

BASE = "https://litmus.example.com"
LINKS = LitmusLinks(base_url=f"{BASE}/", account_id="u1", project_id="p1")
PROJECT = f"{BASE}/account/u1/project/p1"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (LINKS.dashboard(), "/dashboard"),
        (LINKS.experiments(), "/experiments"),
        (LINKS.experiment("e1"), "/experiments/e1/chaos-studio"),
        (LINKS.runs("e1"), "/experiments/e1/runs"),
        (LINKS.run("e1", "r1"), "/experiments/e1/runs/r1"),
        (LINKS.run("e1", "r1", "n1"), "/experiments/e1/runs/r1"),
        (LINKS.run("e1", "", "n1"), "/experiments/e1/notifyID/n1"),
        (LINKS.run("e1", ""), "/experiments/e1/runs"),
        (LINKS.hub("h1", "A & b", is_default=False), "/chaos-hubs/h1?hubName=A%20%26%20b&isDefault=false"),
        (LINKS.environments(), "/environments"),
        (LINKS.environment("prod/eu 1"), "/environments/prod%2Feu%201/kubernetes"),
        (LINKS.environment(".."), "/environments"),
        (LINKS.infra("prod", "i1"), "/environments/prod/kubernetes/i1"),
    ],
)  # fmt: skip
def test_a_link_leads_to_its_page_of_the_project(link: str, expected: str) -> None:
    assert link == PROJECT + expected


def test_api_tokens_live_on_a_page_of_the_account() -> None:
    assert LINKS.tokens() == f"{BASE}/account/u1/settings/overview"


def test_without_an_account_every_link_is_the_start_page() -> None:
    links = LitmusLinks(base_url=BASE, account_id=None, project_id="p1")
    assert {
        links.dashboard(),
        links.run("e1", "r1"),
        links.hub("h", "n", is_default=True),
        links.tokens(),
    } == {BASE}


@given(text=st.text())
def test_no_id_leaves_the_project(text: str) -> None:
    path = LINKS.infra(text, text).removeprefix(PROJECT)
    assert path.startswith("/environments")
    assert path.isascii()
    assert not {"?", "#", "\\", " "} & set(path)
    assert not {".", "..", ""} & set(path.split("/")[1:])


@pytest.mark.parametrize(
    ("version", "directory"),
    [
        ("3.31.0", "v3.11.x"),
        ("3.11.0", "v3.11.x"),
        ("v3.10.2", "v3.10.x"),
        ("3.0.0", "v3.9.x"),
        ("ci", "v3.11.x"),
        (None, "v3.11.x"),
    ],
)
def test_the_api_docs_fit_the_version_found(version: str | None, directory: str) -> None:
    assert dev_links(version).api_docs == f"https://litmuschaos.github.io/litmus/graphql/{directory}/api.html"
