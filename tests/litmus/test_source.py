"""A lane brings one result per section: few requests, and each failure stays with its section."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.domain.errors import TokenRejectedError
from sidecar.domain.freshness import merge
from sidecar.domain.model import GitOps, Lane, ProjectRef, RunStats, Section, SectionResult, Snapshot
from sidecar.litmus.reading.source import LitmusSource
from sidecar.litmus.transport.client import open_litmus_client
from sidecar.litmus.wire.token import LitmusToken
from tests.litmus.support import STATS, TOKEN, environments, experiments, infras
from tests.support.scripted_litmus import (
    Asked,
    Reply,
    Script,
    ScriptedLitmus,
    data,
    errors,
    open_scripted_litmus,
)

SHOP = ProjectRef(instance="default", project_id="shop")
NOW = datetime(2025, 11, 21, 12, 40, tzinfo=UTC)
DENIED = "permission_denied: rpc error: code = Unknown desc = auth gRPC - Unauthorized"
OVERLOAD = "DB aggregate stage error: context deadline exceeded"
ALL = ("listExperiment", "getExperimentRunStats", "listInfras", "listEnvironments")
REQUEST_OF = {"listExperiment": "experiments", "listInfras": "infras", "listEnvironments": "environments"}


class Project:
    """A project whose lists are cut into pages, and whose fields can be made to fail."""

    def __init__(self) -> None:
        self.lists = {"listExperiment": ["e1", "e2"], "listInfras": ["i1"], "listEnvironments": ["prod"]}
        self.failing: dict[str, str] = {}
        self.largest_page = 10**6
        self.hubs: list[dict[str, Any]] = [
            {"id": "h1", "name": "hub", "totalFaults": "53", "totalExperiments": "9"}
        ]

    def __call__(self, asked: Asked) -> Reply:
        failed = {name: self.failing[name] for name in asked.fields if name in self.failing}
        for name in asked.fields:
            if name in REQUEST_OF and self.limit(asked, name) > self.largest_page:
                failed[name] = OVERLOAD
        if failed:
            return errors(failed)
        return data(**{name: self.answer(asked, name) for name in asked.fields})

    def limit(self, asked: Asked, name: str) -> int:
        limit = asked.variables[REQUEST_OF[name]]["pagination"]["limit"]
        assert isinstance(limit, int)
        return limit

    def answer(self, asked: Asked, name: str) -> Any:
        if name in REQUEST_OF:
            limit = self.limit(asked, name)
            start = asked.variables[REQUEST_OF[name]]["pagination"]["page"] * limit
            make = {"listExperiment": experiments, "listInfras": infras, "listEnvironments": environments}[
                name
            ]
            return make(self.lists[name][start : start + limit], len(self.lists[name]))
        return {
            "getExperimentRunStats": STATS,
            "listChaosHub": self.hubs,
            "getGitOpsDetails": {"enabled": True},
        }[name]


Collected = dict[Section, SectionResult]


class Harness:
    """A source over a scripted Litmus."""

    def __init__(self, source: LitmusSource, server: ScriptedLitmus) -> None:
        self.source = source
        self.server = server

    async def fast(self, previous: Snapshot | None = None) -> Collected:
        return await self._collect(Lane.FAST, previous)

    async def slow(self) -> Collected:
        return await self._collect(Lane.SLOW)

    async def _collect(self, lane: Lane, previous: Snapshot | None = None) -> Collected:
        results = await self.source.collect(SHOP, lane, previous)
        assert len({result.section for result in results}) == len(results)
        return {result.section: result for result in results}

    @property
    def asked(self) -> list[tuple[str, ...]]:
        return [sent.fields for sent in self.server.requests]


@asynccontextmanager
async def collecting(
    script: Script, token: Callable[[], str] = lambda: TOKEN, page_size: int = 100
) -> AsyncIterator[Harness]:
    async with (
        open_scripted_litmus(script) as server,
        open_litmus_client(
            base_url=server.url, token=lambda: LitmusToken(token()), max_requests_per_second=10_000
        ) as client,
    ):
        source = LitmusSource(client, lambda: NOW, gitops_timeout_seconds=0.3, page_size=page_size)
        yield Harness(source, server)


def codes(results: Mapping[Section, SectionResult]) -> dict[Section, str]:
    return {section: result.error.code for section, result in results.items() if result.error is not None}


def ids(result: SectionResult) -> list[str]:
    assert isinstance(result.value, Sequence)
    return [getattr(row, "experiment_id", None) or row.name for row in result.value]


async def test_experiments_that_did_not_change_stay_the_same_objects() -> None:
    """So that nothing compares thousands of them by value, while others wait."""
    async with collecting(Project()) as litmus:
        first = list((await litmus.fast()).values())
        snapshot = merge(None, SHOP, first)
        second = await litmus.fast(snapshot)

    assert snapshot.content.experiments
    assert second[Section.EXPERIMENTS].value is snapshot.content.experiments


async def test_the_fast_lane_is_one_request() -> None:
    async with collecting(Project()) as litmus:
        results = await litmus.fast()

    assert litmus.asked == [ALL]
    assert ids(results[Section.EXPERIMENTS]) == ["e1", "e2"]
    assert ids(results[Section.INFRASTRUCTURES]) == ["i1"]
    assert ids(results[Section.ENVIRONMENTS]) == ["prod"]
    assert isinstance(results[Section.RUN_STATS].value, RunStats)
    assert {result.attempted_at for result in results.values()} == {NOW}
    assert codes(results) == {}


async def test_an_empty_project_is_a_success_without_rows() -> None:
    project = Project()
    project.lists = {name: [] for name in project.lists}
    async with collecting(project) as litmus:
        results = await litmus.fast()

    assert codes(results) == {}
    assert results[Section.ENVIRONMENTS].value == ()


async def test_each_further_page_is_one_more_request() -> None:
    project = Project()
    project.lists["listExperiment"] = [f"e{number}" for number in range(25)]
    async with collecting(project, page_size=10) as litmus:
        results = await litmus.fast()

    assert ids(results[Section.EXPERIMENTS]) == project.lists["listExperiment"]
    assert litmus.asked == [ALL, ("listExperiment",), ("listExperiment",)]


async def test_a_refused_field_fails_alone_and_is_left_out_next_time() -> None:
    project = Project()
    project.failing["listInfras"] = DENIED
    others = ("listExperiment", "getExperimentRunStats", "listEnvironments")
    async with collecting(project) as litmus:
        first = await litmus.fast()
        second = await litmus.fast()

    assert codes(first) == codes(second) == {Section.INFRASTRUCTURES: "upstream_denied"}
    assert ids(second[Section.EXPERIMENTS]) == ["e1", "e2"]
    assert litmus.asked == [ALL, others, others]


async def test_a_remembered_refusal_is_asked_again_now_and_then() -> None:
    project = Project()
    project.failing["listInfras"] = DENIED
    async with collecting(project) as litmus:
        await litmus.fast()
        project.failing.clear()
        attempts = [codes(await litmus.fast()) for _ in range(20)]

    assert attempts[:18] == [{Section.INFRASTRUCTURES: "upstream_denied"}] * 18
    assert attempts[18:] == [{}, {}]
    assert litmus.asked[-2:] == [("listInfras",), ALL]


async def test_a_new_token_forgets_what_the_old_one_was_refused() -> None:
    project = Project()
    project.failing["listInfras"] = DENIED
    tokens = ["old"]
    async with collecting(project, token=lambda: tokens[0]) as litmus:
        await litmus.fast()
        project.failing.clear()
        tokens[0] = "new"
        results = await litmus.fast()

    assert codes(results) == {}
    assert litmus.asked[-1] == ALL


async def test_a_project_that_is_denied_whole_costs_one_request_and_is_asked_whole_again() -> None:
    project = Project()
    project.failing = dict.fromkeys(ALL, DENIED)
    async with collecting(project) as litmus:
        results = await litmus.fast()
        await litmus.fast()

    assert set(codes(results).values()) == {"upstream_denied"}
    error = results[Section.EXPERIMENTS].error
    assert error is not None
    assert "project shop" in error.message
    assert litmus.asked == [ALL, ALL]


async def test_a_field_that_broke_once_is_asked_again_next_time() -> None:
    project = Project()
    project.failing["getExperimentRunStats"] = "internal system error"
    async with collecting(project) as litmus:
        first = await litmus.fast()
        project.failing.clear()
        second = await litmus.fast()

    assert codes(first) == {Section.RUN_STATS: "upstream_error"}
    assert codes(second) == {}
    assert litmus.asked[-1] == ALL


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("invalid Token", "token_rejected"),
        ("permission_denied: rpc error: code = Unavailable desc = dial tcp", "upstream_unavailable"),
    ],
)
async def test_an_error_that_every_request_would_meet_ends_the_attempt(message: str, code: str) -> None:
    project = Project()
    project.failing["listInfras"] = message
    async with collecting(project) as litmus:
        results = await litmus.fast()

    assert set(codes(results).values()) == {code}
    assert len(codes(results)) == 5
    assert litmus.asked == [ALL]


async def test_a_dead_litmus_fails_every_section_with_one_request() -> None:
    async with collecting(lambda _: Reply(status=502)) as litmus:
        results = await litmus.fast()

    assert set(codes(results).values()) == {"upstream_unavailable"}
    assert litmus.asked == [ALL]


async def test_an_overload_halves_the_page_and_the_next_attempt_remembers() -> None:
    project = Project()
    project.lists["listExperiment"] = [f"e{number}" for number in range(60)]
    project.largest_page = 50
    async with collecting(project) as litmus:
        first = await litmus.fast()
        before = len(litmus.asked)
        await litmus.fast()

    assert codes(first) == {}
    assert ids(first[Section.EXPERIMENTS]) == project.lists["listExperiment"]
    assert [sent.variables["experiments"]["pagination"] for sent in litmus.server.requests[before:]] == [
        {"page": 0, "limit": 50},
        {"page": 1, "limit": 50},
    ]


async def test_a_lasting_overload_gives_up_after_two_halvings() -> None:
    project = Project()
    project.largest_page = 5
    async with collecting(project) as litmus:
        results = await litmus.fast()

    assert codes(results) == dict.fromkeys(
        (Section.EXPERIMENTS, Section.SCHEDULES, Section.INFRASTRUCTURES, Section.ENVIRONMENTS),
        "upstream_overloaded",
    )
    assert len(litmus.asked) == 4


async def test_an_overload_on_a_further_page_reads_the_list_again_in_smaller_pages() -> None:
    project = Project()
    project.lists["listExperiment"] = [f"e{number}" for number in range(15)]

    def script(asked: Asked) -> Reply:
        page = asked.variables["experiments"]["pagination"]
        return errors({"listExperiment": OVERLOAD}) if page == {"page": 1, "limit": 10} else project(asked)

    async with collecting(script, page_size=10) as litmus:
        results = await litmus.fast()

    assert ids(results[Section.EXPERIMENTS]) == project.lists["listExperiment"]


async def test_a_litmus_that_lacks_a_field_still_gives_the_others() -> None:
    project = Project()
    refused = b'{"errors":[{"message":"Cannot query field \\"x\\" on type \\"Infra\\"."}],"data":null}'

    def script(asked: Asked) -> Reply:
        return Reply(refused, status=422) if "listInfras" in asked.fields else project(asked)

    async with collecting(script) as litmus:
        first = await litmus.fast()
        await litmus.fast()

    assert codes(first) == {Section.INFRASTRUCTURES: "upstream_unsupported"}
    assert litmus.asked[-1] == ("listExperiment", "getExperimentRunStats", "listEnvironments")


async def test_without_a_token_every_section_says_so_and_nothing_is_sent() -> None:
    def token() -> str:
        raise TokenRejectedError("There is no token.")

    async with collecting(Project(), token=token) as litmus:
        results = [*(await litmus.fast()).values(), *(await litmus.slow()).values()]

    assert [result.error.code for result in results if result.error] == ["token_rejected"] * 7
    assert litmus.asked == []


async def test_the_slow_lane_asks_for_hubs_and_for_gitops_apart() -> None:
    async with collecting(Project()) as litmus:
        results = await litmus.slow()

    assert litmus.asked == [("listChaosHub",), ("getGitOpsDetails",)]
    assert ids(results[Section.HUBS]) == ["hub"]
    assert results[Section.GITOPS].value == GitOps(enabled=True)


async def test_a_gitops_flag_that_only_an_owner_may_read_is_unknown_not_an_error() -> None:
    project = Project()
    project.failing["getGitOpsDetails"] = DENIED
    async with collecting(project) as litmus:
        results = await litmus.slow()

    assert codes(results) == {}
    assert results[Section.GITOPS].value == GitOps(enabled=None)


async def test_a_hanging_git_remote_fails_gitops_alone() -> None:
    project = Project()

    def script(asked: Asked) -> Reply:
        return Reply(hang=True) if "getGitOpsDetails" in asked.fields else project(asked)

    async with collecting(script) as litmus:
        results = await litmus.slow()

    assert codes(results) == {Section.GITOPS: "upstream_timeout"}


async def test_a_bad_token_on_hubs_spares_gitops_the_request() -> None:
    project = Project()
    project.failing["listChaosHub"] = "invalid Token"
    async with collecting(project) as litmus:
        results = await litmus.slow()

    assert set(codes(results)) == {Section.HUBS, Section.GITOPS}
    assert litmus.asked == [("listChaosHub",)]


async def test_hubs_that_fail_leave_gitops() -> None:
    project = Project()
    project.failing["listChaosHub"] = "internal system error"
    async with collecting(project) as litmus:
        results = await litmus.slow()

    assert codes(results) == {Section.HUBS: "upstream_error"}
