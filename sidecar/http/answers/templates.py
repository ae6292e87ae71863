"""Templates compiled and filled in without holding the event loop, however long what comes of them."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import islice
from types import CodeType
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import web
from jinja2 import BytecodeCache, ChainableUndefined, Environment, PackageLoader, Template
from jinja2.bccache import Bucket

from sidecar.http.services import SERVICES
from sidecar.runtime.shared_tasks import SharedTasks
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


class Templates:
    """All templates of the package. They are compiled in a thread, once the first is wanted or before."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._compiling: SharedTasks[None, None] = SharedTasks()
        self._are_compiled = False

    async def get(self, name: str) -> Template:
        """Return a template when all are compiled: those that it includes are needed before its end."""
        if not self._are_compiled:
            await self._compiling.result(None, self._compile_all)
        return self._environment.get_template(name)

    def begin(self) -> None:
        """Begin to compile them, unless that was done; what fails is tried again for who needs it."""
        if not self._are_compiled:
            self._compiling.begin(None, self._compile_all)

    async def close(self) -> None:
        """Give up what is left to compile."""
        await self._compiling.close()

    async def _compile_all(self) -> None:
        # One takes up to 30 ms; in a thread it lets the event loop go on every few of them.
        for name in self._environment.list_templates():
            await asyncio.to_thread(self._environment.get_template, name)
        self._are_compiled = True


TEMPLATES: Final = web.AppKey("templates", Templates)


def add_templates(app: web.Application, filters: Mapping[str, Callable[..., Any]]) -> None:
    """Let the application fill in templates."""
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
    app[TEMPLATES] = Templates(environment)
    app.on_cleanup.append(_close_templates)


async def _close_templates(app: web.Application) -> None:
    await app[TEMPLATES].close()


async def render_template(request: web.Request, template: str, context: Mapping[str, Any]) -> bytes:
    """Return the bytes of a template with this context."""
    found = await request.app[TEMPLATES].get(template)
    turns = request.app[SERVICES].turns
    return await turns.join(await turns.run(object(), _render(found, context)))


def _render(template: Template, context: Mapping[str, Any]) -> Work[list[bytes]]:
    parts: list[bytes] = []
    pieces = template.generate(context)
    while part := list(islice(pieces, PIECES_AT_ONCE)):
        parts.append("".join(part).encode(errors="replace"))
        yield
    return parts
