"""HEAD tells of everything that GET gives what GET would, without the content (RFC 9110, 9.3.2)."""

import pytest

from sidecar.web.routes import ROUTES
from tests.support.service import Service

NAMES = {
    "{kind}": "component",
    "{namespace}": "default",
    "{name}": "cart",
    "{id}": "none",
    "{file}": "style.css",
    "{instance}": "default",
}
READ = sorted({route.path for route in ROUTES if route.method == "GET"})


def filled(path: str) -> str:
    for name, text in NAMES.items():
        path = path.replace(name, text)
    return path


@pytest.mark.parametrize("path", [*READ, "/api/v1/entities/component/default/cart/runs?format=csv"])
async def test_head_answers_as_get_does_without_content(service: Service, path: str) -> None:
    url = service.url(filled(path))
    assert "{" not in url
    async with service.session.get(url, allow_redirects=False) as whole:
        assert await whole.read() is not None
    async with service.session.head(url) as head:
        assert (head.status, head.content_type) == (whole.status, whole.content_type)
        assert set(head.headers) | {"Transfer-Encoding"} == set(whole.headers) | {"Transfer-Encoding"}
        assert await head.read() == b""
    # The connection is still good: nothing was sent that was not announced.
    async with service.session.get(service.url("/healthz")) as after:
        assert after.status == 200


async def test_what_only_takes_has_no_head(service: Service) -> None:
    async with service.session.head(service.url("/api/query")) as response:
        assert response.status == 405
