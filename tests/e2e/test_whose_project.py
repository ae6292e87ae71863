"""Whose a project is, through every door: naming it is not owning it, and a newcomer takes nothing over."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from sidecar.config import Config
from sidecar.simulator.faults import ScriptedFault
from tests.e2e.conftest import Small
from tests.replica.documents import RUN, RUN_STATS
from tests.support.findings import check
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

ELDER: Final = {"X-Forwarded-User": "alice", "X-Forwarded-Groups": "elders"}
NEWCOMER: Final = {"X-Forwarded-User": "mallory", "X-Forwarded-Groups": "newcomers"}
BOTH: Final = {"X-Forwarded-User": "olga", "X-Forwarded-Groups": "elders,newcomers"}
OTHER: Final = {"X-Forwarded-User": "oscar", "X-Forwarded-Groups": "others"}
SRE: Final = {"X-Forwarded-User": "sam", "X-Forwarded-Groups": "sre"}
KEY: Final = {"X-Litmus-Sidecar-Key": "reader-key-0123456789"}

PROJECTS: Final = "/auth/list_projects"


def asked_for_projects(small: Small) -> int:
    return sum(request.path == PROJECTS for request in small.simulator.requests)


def described(name: str, owner: str, small: Small, instance: str = "first") -> str:
    annotations = {
        "litmuschaos.io/project-id": small.project.project_id,
        "litmuschaos.io/instance": instance,
    }
    return json.dumps(
        {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Component",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"type": "service", "owner": owner},
        }
    )


def write(small: Small, *documents: str) -> None:
    small.catalog.write_text("\n---\n".join(documents))


def config(small: Small, **sections: Any) -> Config:
    simulators = dict.fromkeys(("first", "second"), (small.simulator, small.token))
    auth = {
        "proxy": {"trustedProxies": ["127.0.0.1/32"]},
        "keys": [{"name": "reader", "secret": KEY["X-Litmus-Sidecar-Key"], "scopes": ["read"]}],
    }
    given = {"auth": auth, "actions": {"groups": ["group:default/sre"]}, "sync": QUICK_SYNC}
    return config_for(simulators, small.catalog, **(given | sections))


class Whose:
    """A sidecar, and what its callers may do."""

    def __init__(self, service: Service, small: Small) -> None:
        self.service = service
        self.small = small
        experiment = next(iter(small.world.experiments.values()))
        self.experiment_id = experiment.experiment_id

    async def named(self, *documents: str) -> None:
        """Have the catalog become this, and wait until it is read."""
        write(self.small, *documents)
        names = {f"component:default/{json.loads(one)['metadata']['name']}" for one in documents}

        async def is_read() -> bool:
            answer = await (await self.service.get("/api/v1/entities", headers=KEY)).json()
            return {one["entityRef"] for one in answer["entities"]} == names

        await eventually(is_read)

    async def run(self, entity: str, who: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Ask by REST; a scheduled, running or otherwise impossible action would say so with another code."""
        path = f"/api/v1/entities/component/default/{entity}/experiments/{self.experiment_id}/run"
        sent = {**who, "Origin": self.service.url("/").rstrip("/"), "Content-Type": "application/json"}
        async with self.service.session.post(self.service.url(path), data="{}", headers=sent) as response:
            return response.status, await response.json()

    async def play(self, who: dict[str, str]) -> str | None:
        """Ask as the plugin does, by the project alone; return the code of the refusal."""
        variables = {"projectID": self.small.project.project_id, "experimentID": self.experiment_id}
        sent = {**who, "Origin": self.service.url("/").rstrip("/")}
        response = await self.service.post(json.dumps({"query": RUN, "variables": variables}), sent)
        answer = await response.json()
        return answer["errors"][0]["extensions"]["code"] if answer.get("errors") else None

    async def page(self, entity: str, who: dict[str, str]) -> str:
        response = await self.service.get(f"/litmus/entities/component/default/{entity}", headers=who)
        return await response.text()

    async def overview(self, entity: str) -> dict[str, Any]:
        response = await self.service.get(
            f"/api/v1/entities/component/default/{entity}/overview", headers=KEY
        )
        answer: dict[str, Any] = await response.json()
        return answer

    async def readiness(self) -> dict[str, Any]:
        answer: dict[str, Any] = await (await self.service.get("/readyz", headers=KEY)).json()
        return answer


@asynccontextmanager
async def open_whose(small: Small, **sections: Any) -> AsyncIterator[Whose]:
    async with open_service(config(small, **sections)) as service:
        await service.ready()
        yield Whose(service, small)


@pytest.fixture(autouse=True)
def finished(small: Small) -> None:
    for run in list(small.world.runs):
        small.world.finish_run(run)


async def test_a_newcomer_who_names_a_project_may_not_act_on_it_and_is_told_what_to_configure(
    small: Small,
) -> None:
    elder, newcomer = described("cart", "elders", small), described("evil", "newcomers", small)
    write(small, elder)
    async with open_whose(small) as whose:
        assert (await whose.readiness())["claims"] == []
        await whose.named(elder, newcomer)
        for entity, who in (
            ("evil", NEWCOMER),
            ("cart", NEWCOMER),
            ("cart", ELDER),
            ("cart", {**KEY, **NEWCOMER}),
        ):
            status, answer = await whose.run(entity, who)
            assert (status, answer["code"]) == (403, "project_unclaimed"), (entity, who)
            assert "litmusSidecar.projects" in answer["detail"]
            assert "elders" not in answer["detail"]
        assert await whose.play(NEWCOMER) == "project_unclaimed"
        assert small.simulator.asked("runChaosExperiment") == 0
        for entity, who in (("evil", NEWCOMER), ("cart", ELDER)):
            page = await whose.page(entity, who)
            assert 'id="claim"' in page
            assert page.count("backstage-owner:group:default/&lt;team&gt;") == 2, (
                "above all, and at the actions"
            )
            assert 'class="button">Run<' not in page
        portfolio = await whose.service.get("/litmus", headers=NEWCOMER)
        assert "It is not settled whose 1 project of these is" in await portfolio.text()
        assert "Several owners name" in (await whose.overview("evil"))["claim"]["problem"]
        readiness = await whose.readiness()
        (sentence,) = readiness["claims"]
        assert "group:default/elders, group:default/newcomers" in sentence
        assert readiness["status"] == "ok", "whoever writes catalog files does not alarm operators"
        assert 'class="button">Run<' in await whose.page("cart", BOTH)
        status, _ = await whose.run("cart", BOTH)
        assert status == 202


async def test_groups_of_the_configuration_act_where_nobody_has_a_claim(small: Small) -> None:
    write(small, described("cart", "elders", small), described("till", "newcomers", small))
    async with open_whose(small) as whose:
        assert await whose.play(ELDER) == "project_unclaimed"
        assert await whose.play(SRE) is None


async def test_the_newcomer_is_not_the_owner_when_the_elder_leaves_nor_after_a_restart(small: Small) -> None:
    elder, newcomer = described("cart", "elders", small), described("evil", "newcomers", small)
    write(small, elder)
    async with open_whose(small) as whose:
        await whose.named(elder, newcomer)
        await whose.named(newcomer)
        status, answer = await whose.run("evil", NEWCOMER)
        assert (status, answer["code"]) == (403, "project_unclaimed")
        assert "first and no longer does" in answer["detail"]
        assert await whose.play(NEWCOMER) == "project_unclaimed"
    async with open_whose(small) as whose:
        assert await whose.play(NEWCOMER) == "project_unclaimed"
        await whose.named(elder)
        assert await whose.play(NEWCOMER) == "forbidden"
        assert await whose.play(ELDER) is None


async def test_a_tag_in_litmus_decides_over_who_names_the_project(small: Small) -> None:
    elder, newcomer = described("cart", "elders", small), described("evil", "newcomers", small)
    write(small, newcomer)
    async with open_whose(small) as whose:
        assert await whose.play(ELDER) == "forbidden"
        small.world.environments[0].tags.append("backstage-owner:elders")

        async def is_claimed() -> bool:
            claim: dict[str, Any] = (await whose.overview("evil"))["claim"]
            return claim == {"source": "tag", "problem": None}

        await eventually(is_claimed)
        assert await whose.play(NEWCOMER) == "forbidden"
        status, answer = await whose.run("evil", NEWCOMER)
        assert (status, answer["code"]) == (403, "forbidden")
        assert "a tag of it in Litmus names" in answer["detail"]
        await whose.named(elder, newcomer)
        assert (await whose.readiness())["claims"] == []
        assert "a tag of it in Litmus names" in await whose.page("evil", NEWCOMER)
        assert "a tag of it in Litmus names" not in await whose.page("evil", ELDER)
        status, _ = await whose.run("evil", ELDER)
        assert status == 202


async def test_a_tag_of_the_project_itself_decides_too_and_costs_one_request_an_interval(
    small: Small,
) -> None:
    elder, newcomer = described("cart", "elders", small), described("evil", "newcomers", small)
    write(small, newcomer)
    small.project.tags = ["gke", "backstage-owner:elders"]
    async with open_whose(small, sync=QUICK_SYNC | {"slowInterval": {"minutes": 10}}) as whose:
        assert await whose.play(NEWCOMER) == "forbidden"
        status, answer = await whose.run("evil", NEWCOMER)
        assert (status, answer["code"]) == (403, "forbidden")
        assert (await whose.overview("evil"))["claim"] == {"source": "tag", "problem": None}
        await whose.named(elder, newcomer)
        status, _ = await whose.run("evil", ELDER)
        assert status == 202
        assert (await whose.readiness())["claims"] == []
        assert asked_for_projects(small) == 1, "no project of the second instance is named"
    small.project.tags = []
    async with open_whose(small) as whose:
        assert await whose.play(ELDER) == "project_unclaimed", "both name it, and nobody has a claim"
        small.project.tags = ["backstage-owner:newcomers"]

        async def is_claimed() -> bool:
            return bool((await whose.overview("evil"))["claim"]["source"] == "tag")

        await eventually(is_claimed)
        assert await whose.play(ELDER) == "forbidden"
        for run in list(small.world.runs):
            small.world.finish_run(run)
        assert await whose.play(NEWCOMER) is None


async def test_the_project_tag_and_those_of_environments_name_the_owners_together(small: Small) -> None:
    write(small, described("cart", "others", small))
    small.project.tags = ["backstage-owner:elders"]
    small.world.environments[0].tags.append("backstage-owner:newcomers")
    async with open_whose(small) as whose:
        assert await whose.play(OTHER) == "forbidden"

        # Either tag counts as soon as it is read, and they are read by different requests.
        async def elders_run() -> bool:
            return await whose.play(ELDER) is None

        async def newcomers_run() -> bool:
            return await whose.play(NEWCOMER) is None

        await eventually(elders_run)
        for run in list(small.world.runs):
            small.world.finish_run(run)
        await eventually(newcomers_run)


async def test_after_a_restart_nobody_acts_by_a_name_before_the_projects_tags_are_told(small: Small) -> None:
    write(small, described("evil", "newcomers", small))
    small.project.tags = ["backstage-owner:elders"]
    small.simulator.faults.add(ScriptedFault(path=PROJECTS, status=502, times=None))
    async with open_service(config(small)) as service:
        whose = Whose(service, small)
        await eventually(lambda: asked_for_projects(small) > 2)
        await service.attempted()

        async def is_refused() -> bool:
            status, answer = await whose.run("evil", NEWCOMER)
            assert (status, answer["code"]) == (403, "project_unclaimed")
            return "is not known yet" in answer["detail"]

        await eventually(is_refused)
        assert (await whose.readiness())["status"] == "ok", "it is an error of that request alone"
        small.simulator.faults.clear()

        async def is_claimed() -> bool:
            return bool((await whose.overview("evil"))["claim"]["source"] == "tag")

        await eventually(is_claimed)
        assert await whose.play(NEWCOMER) == "forbidden"
        assert await whose.play(ELDER) is None


async def test_a_litmus_that_refuses_the_list_of_projects_leaves_the_other_claims(small: Small) -> None:
    write(small, described("evil", "newcomers", small))
    small.project.tags = ["backstage-owner:elders"]
    small.simulator.faults.add(ScriptedFault(path=PROJECTS, status=403, body="no", times=None))
    async with open_whose(small) as whose:
        assert await whose.play(ELDER) == "forbidden"
        assert await whose.play(NEWCOMER) is None


async def test_the_configuration_decides_over_tags_and_names(small: Small) -> None:
    small.world.environments[0].tags.append("backstage-owner:newcomers")
    write(small, described("evil", "newcomers", small))
    projects = [{"id": small.project.project_id, "owners": ["group:default/elders"]}]
    async with open_whose(small, projects=projects) as whose:
        assert await whose.play(NEWCOMER) == "forbidden"
        status, answer = await whose.run("evil", NEWCOMER)
        assert (status, answer["code"]) == (403, "forbidden")
        assert (await whose.overview("evil"))["claim"]["source"] == "configuration"
        assert await whose.play(ELDER) is None


async def test_a_second_instance_that_a_newcomer_names_leaves_the_plugins_data_as_it_was(
    small: Small,
) -> None:
    elder = described("cart", "elders", small, "second")
    newcomer = described("evil", "newcomers", small, "first")
    write(small, elder)
    async with open_whose(small) as whose:
        await whose.named(elder, newcomer)
        response = await whose.service.post(
            json.dumps({"query": RUN_STATS, "variables": {"projectID": small.project.project_id}}), KEY
        )
        assert "errors" not in await response.json()
        assert (await whose.overview("cart"))["claim"]["problem"] is None
        problem = (await whose.overview("evil"))["claim"]["problem"]
        assert problem.startswith("The plugin shows the project of this id in instance second")
        (sentence,) = (await whose.readiness())["claims"]
        assert "first, second: the plugin, which asks by id alone, gets that of second" in sentence
        await whose.named(newcomer)
        answer = await (
            await whose.service.post(
                json.dumps({"query": RUN_STATS, "variables": {"projectID": small.project.project_id}}), KEY
            )
        ).json()
        assert answer["errors"][0]["extensions"]["code"] == "project_ambiguous"
        assert await whose.play(NEWCOMER) == "project_ambiguous"


async def test_check_names_projects_of_several_owners_without_a_claim(small: Small) -> None:
    write(small, described("cart", "elders", small), described("evil", "newcomers", small))
    found = [one for one in await check(config(small), offline=False) if "claim" in one]
    assert len(found) == 1
    assert "group:default/elders, group:default/newcomers" in found[0]
    assert "litmusSidecar.projects" in found[0]
    assert not [one for one in await check(config(small), offline=True) if "Several owners" in one]
    small.world.environments[0].tags.append("backstage-owner:group:default/elders")
    assert not [one for one in await check(config(small), offline=False) if "claim" in one]
    small.world.environments[0].tags.clear()
    small.project.tags = ["backstage-owner:group:default/elders"]
    assert not [one for one in await check(config(small), offline=False) if "claim" in one]
