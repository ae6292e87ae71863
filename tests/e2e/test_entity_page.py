"""The page of an entity on the whole service: what it says while something is missing, and its forms."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sidecar.simulator import World, open_simulator
from sidecar.simulator.documents import OWNER, VIEWER
from sidecar.simulator.faults import ScriptedFault
from tests.e2e.conftest import Small, open_small
from tests.support.acting import MUTATIONS
from tests.support.markup import Element, parse_html
from tests.support.service import Service, catalog_text, config_for, eventually, open_service

PATH = "/litmus/entities/component/default/cart"
REFUSED = pytest.mark.asyncio(loop_scope="session")
"""Marks what changes nothing, at the sidecar that is shared for it."""
Idle = tuple[Small, Service, Element]
"""A Litmus with an experiment that never ran, the service, and the form that runs it."""
KEYS = {"one": "key-of-the-first-0123456789", "two": "key-of-the-second-0123456789"}


async def page(service: Service, path: str = PATH, **headers: str) -> Element:
    response = await service.get(
        path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    assert response.status == 200, await response.text()
    return parse_html(await response.text())


async def send(
    service: Service, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
) -> tuple[int, str, Element]:
    """Send a form as a browser does; return the status, where it leads and the page."""
    sent = {"Origin": service.url("/").rstrip("/"), **(headers or {})}
    async with service.session.post(
        service.url(path), data=fields, headers=sent, allow_redirects=False
    ) as response:
        return response.status, response.headers.get("Location", ""), parse_html(await response.text())


def fields_of(form: Element) -> dict[str, str]:
    return {one.attributes["name"]: one.attributes["value"] for one in form.all("input", type="hidden")}


def changes(small: Small) -> int:
    """How many requests to change something reached Litmus."""
    return sum(small.simulator.asked(name) for name in MUTATIONS)


@asynccontextmanager
async def open_idle(small: Small) -> AsyncIterator[Idle]:
    """Add the experiment, start the service and look for the form."""
    infra = next(iter(small.world.infras.values()))
    small.world.add_experiment(small.project, infra, "idle <b>experiment</b>")
    async with open_service(
        config_for({"default": (small.simulator, small.token)}, small.catalog)
    ) as service:
        await service.ready()
        (form,) = [
            one for one in (await page(service)).all("form") if one.attributes["action"].endswith("/run")
        ]
        yield small, service, form


@pytest.fixture
async def idle(small: Small) -> AsyncIterator[Idle]:
    """One for each test."""
    async with open_idle(small) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def never_run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Idle]:
    """One shared by forms that are refused: it is as it was after each."""
    async with open_small(tmp_path_factory.mktemp("never-run")) as small, open_idle(small) as opened:
        yield opened


async def test_running_leads_back_to_the_page_which_says_what_became_of_it(
    idle: Idle,
) -> None:
    small, service, form = idle
    status, location, _ = await send(service, form.attributes["action"], fields_of(form))
    assert status == 303
    assert location.startswith(f"{PATH}?action=")
    assert changes(small) == 1
    said = (await page(service, location)).by_id("said")
    assert "hidden" not in said.attributes
    assert said.text.startswith("Litmus accepted the run of idle <b>experiment</b>.")


async def test_a_form_in_a_frame_leads_back_into_the_frame(
    idle: Idle,
) -> None:
    small, service, _ = idle
    (form,) = [
        one
        for one in (await page(service, f"{PATH}?embed=1")).all("form")
        if one.attributes["action"].partition("?")[0].endswith("/run")
    ]
    status, location, _ = await send(service, form.attributes["action"], fields_of(form))
    assert (status, changes(small)) == (303, 1)
    assert location.startswith(f"{PATH}?action=")
    assert location.endswith("&embed=1")
    after = await page(service, location)
    assert "Litmus accepted the run" in after.by_id("said").text
    assert not after.all("header", class_="top")
    # What is refused says so within the frame, too.
    status, _, refused = await send(service, form.attributes["action"], {"csrf": "x"})
    assert status == 403
    assert not refused.all("header", class_="top")
    assert refused.all("a", href=f"{PATH}?embed=1")


async def test_sending_it_twice_runs_it_once(idle: Idle) -> None:
    small, service, form = idle
    answers = [await send(service, form.attributes["action"], fields_of(form)) for _ in range(2)]
    assert {status for status, _, _ in answers} == {303}
    assert len({location for _, location, _ in answers}) == 1
    assert changes(small) == 1


async def test_the_run_shows_where_the_experiment_was_idle(idle: Idle) -> None:
    _, service, form = idle
    before = len((await page(service)).by_id("now").all("li"))
    await send(service, form.attributes["action"], fields_of(form))

    async def shows() -> bool:
        return len((await page(service)).by_id("now").all("li")) == before + 1

    await eventually(shows)


async def test_what_is_refused_says_why_with_its_status(small: Small, service: Service) -> None:
    experiment = next(iter(small.world.experiments))
    (form, *_) = (await page(service)).by_id("experiment-rows").all("form")
    status, _, document = await send(service, f"{PATH}/experiments/{experiment}/run", fields_of(form))
    assert status == 409
    assert "is already waiting" in document.one(role="alert").text
    assert document.all("a", href=PATH)
    assert changes(small) == 0


async def test_stopping_says_so_once_litmus_could_be_told_which_run(small: Small, service: Service) -> None:
    (form, *_) = (await page(service)).by_id("experiment-rows").all("form")
    assert form.attributes["action"].endswith("/stop")
    status, location, _ = await send(service, form.attributes["action"], fields_of(form))
    assert status == 303
    said = (await page(service, location)).by_id("said").text
    assert "cannot be stopped yet and may still begin" in said
    assert changes(small) == 0

    experiment_id = form.attributes["action"].split("/")[-2]
    queued = small.world.runs_of(small.world.experiments[experiment_id])[-1]
    small.world.report(queued, "Running")

    async def is_said() -> bool:
        text = (await page(service, location)).by_id("said").text
        return text.startswith("Litmus accepted to stop cart-")

    await eventually(is_said)
    assert (queued.phase, changes(small)) == ("Stopped", 1)


async def test_a_stop_of_several_runs_says_of_each_what_came_of_it(small: Small, service: Service) -> None:
    (form, *_) = (await page(service)).by_id("experiment-rows").all("form")
    experiment = small.world.experiments[form.attributes["action"].split("/")[-2]]
    running = small.world.runs_of(experiment)[-1]
    small.world.report(running, "Running")
    small.world.start_run(experiment)

    _, location, _ = await send(service, form.attributes["action"], fields_of(form))

    said = (await page(service, location)).by_id("said").text
    assert "A run without an id: waits for its id." in said
    assert f"Run {running.run_id}: Litmus accepted to stop it." in said


async def test_a_lost_answer_is_told_as_not_known(idle: Idle) -> None:
    small, service, form = idle
    small.simulator.faults.add(ScriptedFault(root_field="runChaosExperiment", drop="after"))
    _, location, _ = await send(service, form.attributes["action"], fields_of(form))
    said = (await page(service, location)).by_id("said")
    assert "no answer arrived" in said.text or "has begun" in said.text


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"csrf": ""}, {}),
        ({"csrf": "x" * 43}, {}),
        ({}, {"Origin": "https://evil.example.com"}),
        ({}, {"Origin": "null"}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
    ],
)
@REFUSED
async def test_a_form_that_is_not_ours_is_refused_before_litmus(
    never_run: Idle, fields: dict[str, str], headers: dict[str, str]
) -> None:
    small, service, form = never_run
    status, _, document = await send(
        service, form.attributes["action"], {**fields_of(form), **fields}, headers
    )
    assert status == 403
    assert "Form not accepted" in document.one(role="alert").text
    assert changes(small) == 0


@REFUSED
async def test_a_form_without_an_origin_is_refused(never_run: Idle) -> None:
    small, service, form = never_run
    async with service.session.post(
        service.url(form.attributes["action"]), data=fields_of(form), allow_redirects=False
    ) as response:
        assert response.status == 403
    assert changes(small) == 0


@REFUSED
async def test_json_is_no_form(never_run: Idle) -> None:
    small, service, form = never_run
    headers = {"Origin": service.url("/").rstrip("/")}
    async with service.session.post(
        service.url(form.attributes["action"]), json=fields_of(form), headers=headers
    ) as response:
        assert response.status == 415
    assert changes(small) == 0


async def test_the_form_of_one_caller_is_worth_nothing_to_another(small: Small) -> None:
    infra = next(iter(small.world.infras.values()))
    small.world.add_experiment(small.project, infra, "idle")
    keys = [{"name": name, "secret": key, "scopes": ["read", "run"]} for name, key in KEYS.items()]
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, auth={"keys": keys})
    async with open_service(config) as service:
        headers = {name: {"X-Litmus-Sidecar-Key": key} for name, key in KEYS.items()}
        document = await page(service, X_Litmus_Sidecar_Key=KEYS["one"])
        (form,) = [one for one in document.all("form") if one.attributes["action"].endswith("/run")]
        sent = form.attributes["action"], fields_of(form)
        assert (await send(service, *sent, headers["two"]))[0] == 403
        assert changes(small) == 0
        assert (await send(service, *sent, headers["one"]))[0] == 303


async def test_a_reader_sees_the_reason_instead_of_buttons(small: Small) -> None:
    keys = [{"name": "reader", "secret": KEYS["one"], "scopes": ["read"]}]
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, auth={"keys": keys})
    async with open_service(config) as service:
        table = (await page(service, X_Litmus_Sidecar_Key=KEYS["one"])).by_id("experiment-rows")
    assert not table.all("form")
    assert table.text.count("Scope 'run' is needed to act, and key:reader does not have it.") == 1


async def empty_page(tmp_path: Path, world: World, *, project_id: str, token: str, **fault: Any) -> Element:
    """Return the page of an entity on this world, once the service is ready."""
    catalog = tmp_path / "catalog-info.yaml"
    catalog.write_text(catalog_text({"cart": project_id}))
    async with open_simulator(world) as simulator:
        if fault:
            simulator.faults.add(ScriptedFault(times=None, **fault))
        async with open_service(
            config_for({"default": (simulator, token)}, catalog), wait_seconds=0.2
        ) as service:
            if not fault.get("never_answer"):
                await service.ready()
            return await page(service)


async def test_a_project_unknown_to_litmus_says_what_to_look_at(tmp_path: Path) -> None:
    world = World(name="empty")
    token = world.issue_token(world.add_user("backstage"))
    document = await empty_page(tmp_path, world, project_id="nowhere", token=token)
    state = document.by_id("state").text
    assert state.count("litmuschaos.io/project-id") == 1
    assert "Viewer is enough" in state
    assert "never read yet" in state
    assert "stands at the top of the page" in document.by_id("experiments").text


async def test_a_project_that_may_not_be_read_is_not_said_to_be_under_way_for_good(
    small: Small, tmp_path: Path
) -> None:
    catalog = tmp_path / "two.yaml"
    catalog.write_text(catalog_text({"cart": small.project.project_id, "ghost": "nowhere"}))
    async with open_service(config_for({"default": (small.simulator, small.token)}, catalog)) as service:
        await service.ready()
        ghost = await page(service, PATH.replace("cart", "ghost"))
        portfolio = await page(service, "/litmus")
    assert "run history" not in ghost.by_id("state").text
    said = portfolio.by_id("state").text
    assert said.startswith("1 project of the catalog was never read from Litmus")
    assert "run history" not in said
    assert "is old" not in said


@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        (["read", "admin"], "names none of the instances (default)"),
        (["read"], "administrators of the sidecar see"),
    ],
)
async def test_an_entity_that_was_left_out_is_told_why_to_administrators(
    small: Small, tmp_path: Path, scopes: list[str], told: str
) -> None:
    catalog = tmp_path / "wrong.yaml"
    text = catalog_text({"cart": small.project.project_id})
    annotation = '"annotations": {'
    catalog.write_text(text.replace(annotation, f'{annotation}"litmuschaos.io/instance": "nowhere", '))
    keys = [{"name": "reader", "secret": KEYS["one"], "scopes": scopes}]
    config = config_for({"default": (small.simulator, small.token)}, catalog, auth={"keys": keys})
    async with open_service(config) as service:
        response = await service.get(PATH, headers={"X-Litmus-Sidecar-Key": KEYS["one"]})
        assert response.status == 404
        main = parse_html(await response.text()).by_id("main")
    assert "litmuschaos.io/instance" in main.text
    assert told in main.text
    assert ("wrong.yaml" in main.text) is ("admin" in scopes)


async def test_a_rejected_token_says_who_has_to_act(tmp_path: Path) -> None:
    world = World(name="empty")
    project = world.add_project("shop", owner=world.add_user("alice"))
    document = await empty_page(tmp_path, world, project_id=project.project_id, token="not-a-token")
    assert "An administrator of the sidecar" in document.by_id("state").text


async def test_a_dead_litmus_says_that_it_is_tried_again(tmp_path: Path) -> None:
    world = World(name="empty")
    project = world.add_project("shop", owner=world.add_user("alice"))
    token = world.issue_token(world.user_named("alice") or world.add_user("x"))
    document = await empty_page(
        tmp_path, world, project_id=project.project_id, token=token, status=502, body="<html>"
    )
    assert "The sidecar retries by itself." in document.by_id("state").text
    assert re.search("unknown", document.by_id("stock").text)


async def test_a_project_that_was_never_synchronised_says_that_it_is_under_way(tmp_path: Path) -> None:
    world = World(name="empty")
    project = world.add_project("shop", owner=world.add_user("alice"))
    token = world.issue_token(world.user_named("alice") or world.add_user("x"))
    document = await empty_page(
        tmp_path, world, project_id=project.project_id, token=token, never_answer=True
    )
    assert "Not synchronised yet" in document.by_id("state").text
    assert "No data yet" in document.by_id("facts").text


async def test_an_empty_project_leads_to_its_first_experiment(tmp_path: Path) -> None:
    world = World(name="empty")
    user = world.add_user("backstage")
    project = world.add_project("shop", owner=world.add_user("alice"), members={user.user_id: VIEWER})
    document = await empty_page(tmp_path, world, project_id=project.project_id, token=world.issue_token(user))
    experiments = document.by_id("experiments")
    assert "Create the first one in Litmus" in experiments.text
    assert project.project_id in experiments.all("a")[0].attributes["href"]


async def test_experiments_that_never_ran_lead_to_a_first_run(tmp_path: Path) -> None:
    world = World(name="empty")
    user = world.add_user("backstage")
    project = world.add_project("shop", owner=world.add_user("alice"), members={user.user_id: OWNER})
    infra = world.add_infra(project, world.add_environment(project, "staging"), "cluster")
    world.add_experiment(project, infra, "pod-delete")
    document = await empty_page(tmp_path, world, project_id=project.project_id, token=world.issue_token(user))
    assert "Run one above" in document.by_id("latest").text
    assert "never run" in document.by_id("experiment-rows").text
    assert "0 %" not in document.by_id("main").text


async def test_data_that_cannot_be_refreshed_keeps_showing_with_its_age(small: Small) -> None:
    quick = {"interval": {"milliseconds": 300}, "activeInterval": {"milliseconds": 300}}
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync=quick)
    async with open_service(config) as service:
        await service.ready()
        rows = len((await page(service)).by_id("experiment-rows").rows())
        await small.simulator.stop()

        async def tells() -> bool:
            return "the last reading failed, shown as of" in (await page(service)).by_id("state").text

        await eventually(tells)
        assert len((await page(service)).by_id("experiment-rows").rows()) == rows == 3
