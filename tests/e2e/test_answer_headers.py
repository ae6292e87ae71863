"""The headers that every answer has, whether it is made whole, streamed or an error."""

from tests.e2e.conftest import Small
from tests.e2e.test_head import READ, filled
from tests.support.service import Service, config_for, open_service

ENTITY = "component/default/cart"
CSV = f"/api/v1/entities/{ENTITY}/runs?format=csv"
PORTAL = "https://portal.example.com"


async def test_every_answer_has_its_id_and_tells_browsers_to_be_careful(service: Service) -> None:
    for path in (*READ, CSV, "/nope", "/litmus/nope"):
        headers = {"X-Request-ID": "asked-by-a-test"}
        async with service.session.get(
            service.url(filled(path)), headers=headers, allow_redirects=False
        ) as response:
            given = response.headers
            await response.read()
        assert (path, given.get("X-Request-ID")) == (path, "asked-by-a-test")
        assert (path, given.get("X-Content-Type-Options")) == (path, "nosniff")
        assert (path, given.get("Referrer-Policy") in {"no-referrer", "same-origin"}) == (path, True)
        policy = given.get("Content-Security-Policy", "")
        assert (path, policy.startswith("default-src 'none'"), "frame-ancestors" in policy) == (
            path,
            True,
            True,
        )


async def test_what_is_streamed_can_be_read_from_an_allowed_origin_too(small: Small) -> None:
    config = config_for(
        {"default": (small.simulator, small.token)}, small.catalog, listen={"allowedOrigins": [PORTAL]}
    )
    async with open_service(config) as running:
        await running.ready()
        async with running.session.get(running.url(CSV), headers={"Origin": PORTAL}) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == PORTAL


async def test_an_answer_tells_all_that_it_varies_by(small: Small) -> None:
    """Else a cache gives somebody the compressed form who cannot read it, or another origin's."""
    config = config_for(
        {"default": (small.simulator, small.token)}, small.catalog, listen={"allowedOrigins": [PORTAL]}
    )
    async with open_service(config) as running:
        await running.ready()
        async with running.session.get(running.url(f"/api/v1/entities/{ENTITY}/overview")) as response:
            varies = {name.strip() for name in response.headers["Vary"].split(",")}
    assert varies >= {"Origin", "Accept-Encoding"}
