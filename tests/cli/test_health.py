"""``health``: one sentence and 0 or 1, whatever the configuration and whoever answers."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli.health import addresses
from sidecar.cli.main import main


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Answer ``/healthz`` with a status; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep standard error quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def unused_port() -> Iterator[int]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


def configured(directory: Path, **section: object) -> str:
    path = directory / "app-config.json"
    path.write_text(json.dumps({"litmusSidecar": section}))
    return str(path)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 - what is configured
@pytest.mark.parametrize(("status", "code", "told"), [(200, 0, "is well."), (503, 1, "/healthz answers 503")])
def test_health_follows_healthz_of_the_configured_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, host: str, status: int, code: int, told: str
) -> None:
    with answering(status) as port:
        path = configured(tmp_path, listen={"host": host, "port": port})
        assert main(["health", "--config", path], {}) == code
    printed = "".join(capsys.readouterr())
    assert told in printed
    assert printed.count("\n") == 1


def test_where_nothing_listens_every_address_that_was_tried_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with unused_port() as port:
        assert (
            main(["health", "--config", configured(tmp_path, listen={"host": "::", "port": port})], {}) == 1
        )
    printed = capsys.readouterr().err
    assert printed.startswith(f"No sidecar answers at 127.0.0.1:{port} (Connection refused), [::1]:{port} (")
    assert printed.count("\n") == 1


def test_what_speaks_no_http_is_no_sidecar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def garble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=garble)
        thread.start()
        path = configured(tmp_path, listen={"port": server.getsockname()[1]})
        assert main(["health", "--config", path], {}) == 1
        thread.join()
    assert "the answer is no HTTP" in capsys.readouterr().err


def test_a_mistake_elsewhere_in_the_configuration_ends_no_living_service(tmp_path: Path) -> None:
    with answering(200) as port:
        path = configured(tmp_path, listen={"port": port}, sync={"interval": "soon"}, instances="none")
        assert main(["health", "--config", path], {}) == 0


@pytest.mark.parametrize(
    ("listen", "told"),
    [({"port": "ninety"}, "litmusSidecar.listen.port: must be a whole number"), ({"port": 0}, "port is 0")],
)
def test_a_port_that_cannot_be_known_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], listen: dict[str, object], told: str
) -> None:
    assert main(["health", "--config", configured(tmp_path, listen=listen)], {}) == 1
    printed = capsys.readouterr().err
    assert told in printed
    assert printed.count("\n") == 1


def test_a_configuration_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", "--config", str(tmp_path / "gone.yaml")], {}) == 1
    assert "gone.yaml" in capsys.readouterr().err


def test_the_environment_counts_as_for_the_service(tmp_path: Path) -> None:
    with answering(200) as port:
        environ = {"APP_CONFIG_litmusSidecar_listen_port": str(port)}
        assert main(["health", "--config", configured(tmp_path)], environ) == 0


def test_both_families_are_tried_where_both_are_served() -> None:
    assert [*addresses("::")][:2] == ["127.0.0.1", "::1"]
    assert [*addresses("192.0.2.1")] == ["192.0.2.1"]


@pytest.mark.service
def test_what_serves_is_not_imported_for_it(tmp_path: Path) -> None:
    with answering(200) as port:
        path = configured(tmp_path, listen={"port": port})
        script = (
            "import sys\n"
            "from sidecar.cli.main import entry_point\n"
            f"sys.argv = ['litmus-sidecar', 'health', '--config', {path!r}]\n"
            "try:\n    entry_point()\n"
            "finally:\n    print(sorted({name.partition('.')[0] for name in sys.modules}))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    imported = done.stdout.splitlines()[-1]
    assert "'click'" in imported
    for heavy in (
        "aiohttp",
        "sqlalchemy",
        "alembic",
        "jinja2",
        "graphql",
        "prometheus_client",
        "cryptography",
    ):
        assert f"'{heavy}'" not in imported
