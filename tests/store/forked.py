"""Processes that run a module of the tests, forked from one that has imported what all of them need.

A start costs milliseconds in place of the second of CPU that the imports take.
"""

import asyncio
import multiprocessing
import os
import runpy
import socket
import sys
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Final

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.store.material", "sidecar.store.store", "psycopg", "aiosqlite"])


class Forked:
    """A process under way; what it prints is to be read to its end."""

    def __init__(
        self,
        process: ForkServerProcess,
        stdin: Connection,
        stdout: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.stdout, self._connection = stdout
        self._process = process
        self._stdin = stdin

    def say(self, line: bytes) -> None:
        """Send it a line."""
        os.write(self._stdin.fileno(), line)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()

    async def wait(self) -> int | None:
        """Return how it ended: its exit code, or the number of a signal, negative."""
        await asyncio.to_thread(self._process.join)
        code = self._process.exitcode
        self._process.close()
        self._stdin.close()
        self._connection.close()
        return code


async def start(module: str, *arguments: str) -> Forked:
    """Run a module as ``python -m`` would, with a pipe to it and a socket from it."""
    their_stdin, stdin = _FORKS.Pipe(duplex=False)
    stdout, their_stdout = socket.socketpair()
    process = _FORKS.Process(target=_run, args=(module, arguments, their_stdin, their_stdout))
    await asyncio.to_thread(process.start)
    for theirs in (their_stdin, their_stdout):
        theirs.close()
    return Forked(process, stdin, await asyncio.open_connection(sock=stdout))


def _run(module: str, arguments: tuple[str, ...], stdin: Connection, stdout: socket.socket) -> None:
    os.dup2(stdin.fileno(), 0)
    os.dup2(stdout.fileno(), 1)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a descriptor, for as long as the process lives
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
