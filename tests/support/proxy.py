"""A small real proxy: CONNECT tunnels and plain requests, to servers that only it knows by name."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Proxied:
    """A running proxy, and what it was asked for."""

    port: int = 0
    heads: list[str] = field(default_factory=list)
    """Head of each request."""

    @property
    def asked(self) -> list[str]:
        """Method and target of each request."""
        return [head.partition(" HTTP/")[0] for head in self.heads]


@asynccontextmanager
async def open_proxy(servers: Mapping[str, int]) -> AsyncIterator[Proxied]:
    """Serve on a free port; ``servers`` are ports on this machine by the host that is asked for."""
    proxied = Proxied()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await _serve(proxied, servers, reader, writer)
        finally:
            await _close(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxied.port = server.sockets[0].getsockname()[1]
    try:
        yield proxied
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    proxied: Proxied,
    servers: Mapping[str, int],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    proxied.heads.append(head)
    method, target, _ = head.split(" ", 2)
    host, _, path = target.removeprefix("http://").partition("/")
    port = servers.get(host.partition(":")[0])
    if port is None:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return
    to_us, to_server = await asyncio.open_connection("127.0.0.1", port)
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        # One request for a connection is enough here.
        plain = head.replace(target, f"/{path}", 1).replace("\r\n", "\r\nConnection: close\r\n", 1)
        to_server.write(plain.encode())
    try:
        await asyncio.gather(_pour(reader, to_server), _pour(to_us, writer))
    finally:
        await _close(to_server)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(65536):
        target.write(piece)
        await target.drain()
    target.close()
