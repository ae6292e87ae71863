"""The list of entities and what Prometheus is told."""

import json
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from tests.e2e.conftest import ReadOnly, Small
from tests.replica.documents import RUN_STATS
from tests.support.exposition import by_label, parsed
from tests.support.service import Service, catalog_text, config_for, eventually, open_service

READING = pytest.mark.asyncio(loop_scope="session")
"""Marks what only reads, from the sidecar that is shared for it."""


@READING
async def test_an_entity_is_listed_with_its_project_and_its_age(read_only: ReadOnly) -> None:
    small, service = read_only.small, read_only.service
    answer = await (await service.get("/api/v1/entities")).json()
    (row,) = answer["entities"]
    as_of = row.pop("asOf")
    assert row == {
        "entityRef": "component:default/cart",
        "title": None,
        "owner": "group:default/team-a",
        "system": None,
        "domain": None,
        "projectID": small.project.project_id,
        "instance": "default",
        "stale": False,
    }
    assert as_of.endswith("Z")
    assert answer["nextCursor"] is None


async def test_figures_know_how_far_back_runs_are_kept(small: Small) -> None:
    instances = {"default": (small.simulator, small.token)}
    config = config_for(instances, small.catalog, history={"retentionDays": 30})
    async with open_service(config) as service:
        (entity,) = service.services.catalogue.current.entities
        assert (await service.services.digests.of(entity.project)).retention == timedelta(days=30)


async def test_pages_hold_every_entity_once(small: Small) -> None:
    names = [f"service-{number:02}" for number in range(25)]
    small.catalog.write_text(catalog_text(dict.fromkeys(names, small.project.project_id)))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        found: list[str] = []
        path = "/api/v1/entities?limit=10"
        while True:
            answer = await (await service.get(path)).json()
            found += [row["entityRef"] for row in answer["entities"]]
            if answer["nextCursor"] is None:
                break
            path = f"/api/v1/entities?limit=10&cursor={answer['nextCursor']}"
        assert found == [f"component:default/{name}" for name in names]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=%C2%B2", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=!!", "cursor"),
        ("cursor=_w==", "cursor"),
        ("owner=me", "owner"),
    ],
)
@READING
async def test_a_bad_parameter_is_named(read_only: ReadOnly, query: str, parameter: str) -> None:
    service = read_only.service
    response = await service.get(f"/api/v1/entities?{query}")
    document = await response.json()
    assert response.status == 400
    assert document["parameter"] == parameter
    assert parameter in document["detail"]


@READING
async def test_entities_are_filtered_by_owner(read_only: ReadOnly) -> None:
    service = read_only.service
    own = await (await service.get("/api/v1/entities?owner=group:default/team-a")).json()
    others = await (await service.get("/api/v1/entities?owner=group:default/team-b")).json()
    assert len(own["entities"]) == 1
    assert others["entities"] == []


@READING
async def test_an_unchanged_list_is_not_sent_again(read_only: ReadOnly) -> None:
    service = read_only.service
    first = await service.get("/api/v1/entities")
    again = await service.get("/api/v1/entities", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert again.headers["ETag"] == first.headers["ETag"]
    other = await service.get("/api/v1/entities", headers={"If-None-Match": '"another"'})
    assert other.status == 200


async def test_a_long_list_is_compressed_when_asked(small: Small) -> None:
    names = {f"service-{number}": small.project.project_id for number in range(50)}
    small.catalog.write_text(catalog_text(names))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        plain = await service.get("/api/v1/entities", headers={"Accept-Encoding": "identity"})
        packed = await service.get("/api/v1/entities", headers={"Accept-Encoding": "gzip"})
        refused = await service.get("/api/v1/entities", headers={"Accept-Encoding": "gzip;q=0"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert await packed.json() == await plain.json()
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert "Content-Encoding" not in refused.headers


async def test_prometheus_text_and_openmetrics_both_parse_and_tell_requests_and_synchronisation(
    service: Service, small: Small
) -> None:
    await service.query(RUN_STATS, small.project.project_id)
    text = await (await service.get("/metrics")).text()
    families = {family.name: family for family in prometheus(text)}
    asked = {
        (sample.labels["route"], sample.labels["outcome"]): sample.value
        for sample in families["litmus_sidecar_requests"].samples
        if sample.name.endswith("_total")
    }
    assert asked["/api/query", "ok"] == 1
    assert families["litmus_sidecar_sync_attempts"].samples[0].labels["outcome"] == "ok"
    assert "process_cpu_seconds" in families
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = await service.get("/metrics", headers=accept)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    families_asked_for = openmetrics(await response.text())  # type: ignore[no-untyped-call]  # half typed library
    assert "litmus_sidecar_build_info" in {family.name for family in families_asked_for}


@READING
async def test_labels_come_from_us_not_from_the_client(read_only: ReadOnly) -> None:
    service = read_only.service
    await service.get("/made-up/path")
    async with service.session.request("PROPFIND", service.url("/made-up")) as response:
        assert response.status == 404
    async with service.session.request("PROPFIND", service.url("/api/query")) as response:
        assert response.status == 405
    text = await (await service.get("/metrics")).text()
    assert "made-up" not in text
    assert "PROPFIND" not in text


async def test_a_broken_catalog_document_is_named_and_the_others_count(small: Small) -> None:
    good = catalog_text({"cart": small.project.project_id})
    small.catalog.write_text(f"{good}\n---\nkind: [broken\n---\nkind: Component\n")
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        detail = await (await service.get("/readyz")).json()
        assert detail["catalog"]["entities"] == 1
        assert any("document 2" in problem for problem in detail["catalog"]["problems"])
        assert detail["status"] == "degraded"
        small.catalog.write_text(good)
        await eventually(lambda: no_problems(service))


async def no_problems(service: Service) -> bool:
    detail = json.loads(await (await service.get("/readyz")).text())
    return bool(detail["catalog"]["problems"] == [])


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@READING
async def test_the_domain_is_told_in_every_format(read_only: ReadOnly, accept: str, encoding: str) -> None:
    service, small = read_only.service, read_only.small
    headers = {"Accept": accept, "Accept-Encoding": encoding}

    async def told() -> bool:
        response = await service.get("/metrics", headers=headers)
        assert response.headers.get("Content-Encoding", "identity") == encoding
        assert response.headers["X-Request-ID"]
        samples = parsed(await response.text(), openmetrics=accept.startswith("application"))
        return (
            by_label(samples, "backstage_litmus_entity_info", "entity", project=small.project.project_id)
            == {"component:default/cart": 1}
            and "backstage_litmus_section_success_timestamp_seconds" in samples
            and "litmus_sidecar_build_info" in samples
            and "litmus_sidecar_domain_render_seconds_count" in samples
        )

    await eventually(told)
