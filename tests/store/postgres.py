"""A real PostgreSQL server of the tests' own, on a socket in a directory of its own."""

import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sidecar.config.store_url import parse_url
from sidecar.store.engine.migration import migrate
from tests.support.databases import new_file

CEILING_SECONDS = 60.0
MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
"""A file system in memory, on Linux."""
ROOM_BYTES = 4 * 2**30
"""More than all databases of a run take."""


def find_programs() -> Path:
    """Return the directory of Debian's newest PostgreSQL, or skip; in CI a lack of it fails."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).parent
    message = "initdb is missing; install the package postgresql"
    if os.environ.get("LITMUS_SIDECAR_CI"):
        pytest.fail(message)
    pytest.skip(message)


def data_folder() -> str:
    """Return where servers keep their data: in memory, where there is room.

    A database is three hundred files, and some disks take a quarter of a second of CPU to make them.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        return str(MEMORY)
    # Short, for a socket's path is; not below pytest's directories, which the server's user may not enter.
    return "/tmp"  # noqa: S108


def unprivileged() -> pwd.struct_passwd | None:
    """Return who runs the server: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class PostgresServer:
    """Started and stopped by tests; its data last as long as the object."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        self._data = directory / "data"
        self._user = unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in itertools.count())
        if self._user is not None:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)
        with self._spawn(
            "initdb",
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "-D",
            self._data,
        ) as initdb:
            assert initdb.wait() == 0

    def _spawn(self, program: str, *arguments: object) -> "subprocess.Popen[bytes]":
        user = self._user
        return subprocess.Popen(  # noqa: S603 - the program is found above, the arguments are ours
            [self._programs / program, *map(str, arguments)],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=user and [],
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = self._spawn(
            "postgres",
            *("-D", self._data, "-k", self._directory, "-c", "listen_addresses=", "-F"),
            *("-c", "max_connections=60", "-c", "shared_buffers=16MB"),
            # A worker for each of hundreds of databases costs more than what there is to tidy up.
            *("-c", "autovacuum=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0"),
        )
        deadline = time.monotonic() + CEILING_SECONDS
        while True:
            assert self._process.poll() is None, "the server ended at once"
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(CEILING_SECONDS)
            self._process = None

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as superuser."""
        with self._connect(database) as connection:
            connection.execute(statement.encode())

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(host=str(self._directory), user="postgres", dbname=database, autocommit=True)

    def disconnect_all(self, database: str) -> None:
        """End all connections to a database, as a failover does."""
        self.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"  # noqa: S608
        )

    def new_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def new_migrated_database(self) -> str:
        """Return the URL of a new database without rows, whose schema is there already."""
        name, template = next(self._names), self._template
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {self._copied}")
        return self._url(name)

    @functools.cached_property
    def _template(self) -> str:
        name = "migrated"
        self.execute(f"CREATE DATABASE {name}")
        migrate(parse_url(self._url(name)))
        return name

    @functools.cached_property
    def _copied(self) -> str:
        """How a template gets copied: as files, where the server (from 15 on) would log each page of them."""
        with self._connect() as connection:
            return "STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._directory}"


@contextlib.contextmanager
def running_server() -> Iterator[PostgresServer]:
    programs = find_programs()
    with tempfile.TemporaryDirectory(prefix="pg-", dir=data_folder()) as directory:
        server = PostgresServer(programs, Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def new_address(request: pytest.FixtureRequest, directory: Path, kind: str) -> str:
    """Return the address of a new, migrated database, ``sqlite`` or ``postgresql``."""
    if kind == "sqlite":
        new_file(directory / "store.db")
        return f"sqlite:///{directory}/store.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_migrated_database()
