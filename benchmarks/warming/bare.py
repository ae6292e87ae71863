"""The least that aiohttp does: a handler that reads the body and gives back bytes of a file.

Says its port on the first line. ``python -m benchmarks.warming.bare FOLDER [MILLISECONDS]``:
``/N`` answers with ``FOLDER/N``, whatever the method, with the content type that stands in
``FOLDER/N.type``, late by so many milliseconds.
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import web


def read(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Return body and content type by path."""
    return {
        f"/{path.stem}": (path.with_suffix("").read_bytes(), path.read_text(encoding="ascii"))
        for path in folder.glob("*.type")
    }


async def main(files: dict[str, tuple[bytes, str]], late_seconds: float) -> None:
    async def answer(request: web.Request) -> web.Response:
        body, content_type = files[request.path]
        await request.read()
        if late_seconds:
            await asyncio.sleep(late_seconds)
        return web.Response(body=body, content_type=content_type)

    app = web.Application()
    for path in files:
        app.router.add_route("*", path, answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(read(Path(sys.argv[1])), float(*sys.argv[2:]) / 1000))
