"""Deep links into Litmus's own pages, and links for people who write chaos experiments.

The pages' paths are those of Litmus 3; most of them show the project that the
viewer's browser last chose, whatever the link says, so a hint belongs beside them.
"""

import re
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

_SITE: Final = "https://litmuschaos.github.io/litmus"
_VERSION: Final = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.|\Z)")
_GRAPHQL_DOCS: Final = (((3, 11), "v3.11.x"), ((3, 10), "v3.10.x"), ((3, 0), "v3.9.x"))
"""From which version on which published description fits best, newest first."""
_DOT_SEGMENTS: Final = frozenset({".", ".."})


class LitmusLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Links to one project; each falls back to the nearest page that can be linked."""

    base_url: str
    """Where browsers open Litmus (``externalBaseUrl``)."""
    account_id: str | None
    """``uid`` of any user, best the token's; ``None``: every link is :attr:`base_url`."""
    project_id: str

    def dashboard(self) -> str:
        """Return the project's start page."""
        return self._page("dashboard")

    def experiments(self) -> str:
        """Return the list of experiments."""
        return self._page("experiments")

    def experiment(self, experiment_id: str) -> str:
        """Return the experiment in Chaos Studio."""
        return self._page("experiments", experiment_id, "chaos-studio")

    def runs(self, experiment_id: str) -> str:
        """Return the experiment's run history."""
        return self._page("experiments", experiment_id, "runs")

    def run(self, experiment_id: str, run_id: str, notify_id: str | None = None) -> str:
        """Return the run; of one without a run id yet, the page by its notify id, else the run history."""
        if not run_id and notify_id:
            return self._page("experiments", experiment_id, "notifyID", notify_id)
        return self._page("experiments", experiment_id, "runs", run_id)

    def hubs(self) -> str:
        """Return the list of ChaosHubs."""
        return self._page("chaos-hubs")

    def hub(self, hub_id: str, name: str, *, is_default: bool) -> str:
        """Return the hub; title and icons of its page come from the query."""
        page = self._page("chaos-hubs", hub_id)
        if self.account_id is None or page == self.hubs():
            return page
        query = {"hubName": name, "isDefault": str(is_default).lower()}
        return f"{page}?{urlencode(query, quote_via=quote, errors='replace')}"

    def environments(self) -> str:
        """Return the list of environments."""
        return self._page("environments")

    def environment(self, environment_id: str) -> str:
        """Return the environment with its infrastructures."""
        return self._page("environments", environment_id, "kubernetes")

    def infra(self, environment_id: str, infra_id: str) -> str:
        """Return the infrastructure."""
        return self._page("environments", environment_id, "kubernetes", infra_id)

    def tokens(self) -> str:
        """Return the account page with the API tokens; it opens for the account's own user alone."""
        return _join(self._base(), ("account", self.account_id, "settings", "overview"))

    def _page(self, *path: str) -> str:
        return _join(self._base(), ("account", self.account_id, "project", self.project_id), path)

    def _base(self) -> str:
        return self.base_url.rstrip("/")


class DevLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Where to read on, for the Litmus version found."""

    docs: str
    experiment_docs: str
    api_docs: str
    """The GraphQL API as published for the nearest version."""
    auth_api_docs: str
    hub: str
    community: str


def dev_links(version: str | None) -> DevLinks:
    """Return the links for a Litmus of this version, ``3.31.0``; an unknown one gets the newest."""
    match = _VERSION.match(version or "")
    found = (int(match[1]), int(match[2])) if match else _GRAPHQL_DOCS[0][0]
    graphql = next((docs for since, docs in _GRAPHQL_DOCS if found >= since), _GRAPHQL_DOCS[-1][1])
    return DevLinks(
        docs="https://docs.litmuschaos.io/",
        experiment_docs=f"{_SITE}/experiments/categories/contents/",
        api_docs=f"{_SITE}/graphql/{graphql}/api.html",
        auth_api_docs=f"{_SITE}/auth/v3.14.0/api.html",
        hub="https://hub.litmuschaos.io/",
        community="https://slack.litmuschaos.io/",
    )


def _join(base: str, fixed: tuple[str | None, ...], path: tuple[str, ...] = ()) -> str:
    """Return base and segments; one that cannot be linked ends the path before it.

    A browser would resolve ``..`` away, escaped or not, and an empty one means no page.
    """
    if not all(_is_segment(segment) for segment in fixed):
        return base
    parts = [base, *(_quote(segment or "") for segment in fixed)]
    for segment in path:
        if not _is_segment(segment):
            break
        parts.append(_quote(segment))
    return "/".join(parts)


def _is_segment(segment: str | None) -> bool:
    return bool(segment) and segment not in _DOT_SEGMENTS


def _quote(segment: str) -> str:
    return quote(segment, safe="", errors="replace")
