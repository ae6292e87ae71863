"""Templates filled in without holding the event loop, however long what comes of them."""

from collections.abc import Callable, Mapping
from itertools import islice
from types import CodeType
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import web
from jinja2 import BytecodeCache, ChainableUndefined, PackageLoader, Template
from jinja2.bccache import Bucket

from sidecar.http.services import SERVICES
from sidecar.runtime.turns import Work


class _Compiled(BytecodeCache):
    """What templates were compiled to, kept for the life of the process."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket if its template was compiled before."""
        bucket.code = self._code.get(f"{bucket.key} {bucket.checksum}")

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        if bucket.code is not None:
            self._code[f"{bucket.key} {bucket.checksum}"] = bucket.code


_COMPILED: Final = _Compiled()
PIECES_AT_ONCE: Final = 50
"""What of a template is filled in at once: about a millisecond."""


def add_templates(app: web.Application, filters: Mapping[str, Callable[..., Any]]) -> None:
    """Let the application fill in templates, all compiled before anybody waits for it."""
    environment = aiohttp_jinja2.setup(
        app,
        autoescape=True,
        undefined=ChainableUndefined,
        loader=PackageLoader("sidecar.http", "templates"),
        bytecode_cache=_COMPILED,
        filters=filters,
        # They are part of the package: looked for on the disk once.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in environment.list_templates():
        environment.get_template(name)


def take_templates(app: web.Application, before: web.Application) -> None:
    """Let the application fill in the templates of another one, as they were compiled for that."""
    app[aiohttp_jinja2.APP_KEY] = before[aiohttp_jinja2.APP_KEY]


async def render_template(request: web.Request, template: str, context: Mapping[str, Any]) -> bytes:
    """Return the bytes of a template with this context."""
    found = aiohttp_jinja2.get_env(request.app).get_template(template)
    return await request.app[SERVICES].turns.run(object(), _render(found, context))


def _render(template: Template, context: Mapping[str, Any]) -> Work[bytes]:
    parts: list[bytes] = []
    pieces = template.generate(context)
    while part := list(islice(pieces, PIECES_AT_ONCE)):
        parts.append("".join(part).encode(errors="replace"))
        yield
    return b"".join(parts)
