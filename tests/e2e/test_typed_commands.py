"""What the pages tell to type is typed, page by page, beside a running service, and succeeds.

What is played elsewhere, or by nobody, stands in ``tests/packaging/commands_elsewhere.py``.
Our own commands run in this process, so that none is started for each; what
needs a shell gets one.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from sidecar.cli.main import main
from sidecar.config import display_token, load_config
from sidecar.simulator.documents import VIEWER
from tests.e2e.conftest import Small, open_small
from tests.packaging.commands_elsewhere import NOT_TYPED, PLAYED
from tests.support.service import CEILING_SECONDS, Service, open_service
from tests.support.typed_commands import Typed, typed_commands

pytestmark = pytest.mark.asyncio(loop_scope="session")

TYPED: Final = {
    # What a page repeats is typed once.
    page: list(dict.fromkeys(commands))
    for page, commands in groupby(
        (one for one in typed_commands() if one.line not in PLAYED and one.line not in NOT_TYPED),
        key=lambda one: one.page,
    )
}
KEY: Final = "a-key-for-a-try-out"
"""The one that the page of Compose writes."""
METRICS_KEY: Final = "a-key-for-prometheus"
PASSWORD: Final = "Litmus-1"
SERVICE: Final = "managed"
"""The service's own user in Litmus. Each page has another one, so that what it does is nobody else's."""
Program = Callable[[str, str], str]


class Shell:
    """Types the commands of one page, in a directory that has the configuration of the running service."""

    def __init__(self, directory: Path, places: Mapping[str, str], environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._places = places
        self._environ = dict(environ)
        self.printed = ""

    async def type(self, commands: list[Typed], capsys: pytest.CaptureFixture[str]) -> None:
        filled = [Typed(one.page, self._filled(one.line)) for one in commands]
        for is_plain, lines in groupby(filled, key=lambda one: one.is_plain):
            if is_plain:
                for one in lines:
                    await self._call(one, capsys)
            else:
                await self._give_bash([one.line for one in lines])

    def _filled(self, line: str) -> str:
        for place, value in self._places.items():
            line = line.replace(place, value)
        return line

    def _listed(self) -> str:
        """Return the first id that a command listed, of what is not in use."""
        rows = [line.split() for line in self.printed.splitlines() if not line.endswith("in use")]
        return next(row[0] for row in rows if row and re.fullmatch(r"[\w-]{8,}", row[0]))

    async def _call(self, typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
        words = [self._listed() if word == "ID" else word for word in typed.words[1:]]
        capsys.readouterr()
        with chdir(self._directory):
            code = await asyncio.to_thread(main, words, {**self._environ, **typed.variables})
        printed = capsys.readouterr()
        self.printed += printed.out
        assert code == 0, f"{typed.line}: {printed.out}{printed.err}"

    async def _give_bash(self, lines: list[str]) -> None:
        """Type lines one after the other; the first that fails ends it, and what they export stays."""
        kept = self._directory / "environment"
        script = "\n".join(('curl() { command curl --fail-with-body "$@"; }', *lines, f"env -0 > '{kept}'"))
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euxo", "pipefail", "-c", script),
            cwd=self._directory,
            env=self._environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(CEILING_SECONDS):
            printed = (await process.communicate())[0].decode()
        self.printed += printed
        assert process.returncode == 0, printed
        pairs = (pair.partition("=") for pair in kept.read_text().split("\0") if pair)
        self._environ = {name: value for name, _, value in pairs}


def app_config(small: Small, username: str) -> str:
    """Return the configuration of the service, or of one with another user in Litmus."""
    section = {
        "publicUrl": "https://litmus-sidecar.example.com",
        "instances": [
            {
                "name": "default",
                "baseUrl": small.simulator.url,
                "credentials": {"username": username, "password": PASSWORD},
            }
        ],
        "catalog": {"files": [str(small.catalog)]},
        "store": {"url": f"sqlite:///{small.catalog.parent / 'sidecar.db'}"},
        "auth": {
            "keys": [
                {"name": "backstage", "secret": "${SIDECAR_KEY}", "scopes": ["read"]},
                {"name": "prometheus", "secret": METRICS_KEY, "scopes": ["metrics"]},
            ]
        },
        "sync": {"maxRequestsPerSecond": 200},
    }
    litmus = {"baseUrl": small.simulator.url, "apiToken": display_token(username)}
    return json.dumps({"litmus": litmus, "litmusSidecar": section})


@dataclass(frozen=True)
class Beside:
    """What is typed beside: a Litmus, and a service on it."""

    small: Small
    service: Service

    @property
    def environ(self) -> dict[str, str]:
        token = self.small.token
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SIDECAR_KEY": KEY,
            "LITMUS_AUTH_TOKEN": token,
            "LITMUS_AUTH_TOKEN_STAGING": token,
        }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def beside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Beside]:
    """The small world and its service."""
    folder = tmp_path_factory.mktemp("typed")
    async with open_small(folder) as small:
        for name in (SERVICE, *(page.stem for page in TYPED)):
            user = small.world.add_user(name, password=PASSWORD)
            small.world.set_role(small.project, user, VIEWER)
            if name == "tokens":
                small.world.issue_token(user, days=7, name="the one before")
        path = folder / "app-config.yaml"
        path.write_text(app_config(small, SERVICE))
        async with open_service(load_config([path], {"SIDECAR_KEY": KEY})) as service:
            await service.ready()
            yield Beside(small, service)


@pytest.mark.parametrize("page", TYPED, ids=str)
async def test_what_a_page_tells_to_type_succeeds(
    page: Path, beside: Beside, tmp_path: Path, program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bash", "curl", "jq", "openssl"):
        program(name, name)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/litmus-sidecar-metrics-key").write_text(METRICS_KEY)
    (tmp_path / "app-config.yaml").write_text(app_config(beside.small, page.stem))
    places = {
        "/opt/litmus-sidecar/bin/": "",
        "/run/secrets/": f"{tmp_path}/secrets/",
        "/etc/prometheus/": f"{tmp_path}/secrets/",
        "http://127.0.0.1:8080": beside.service.url("").rstrip("/"),
        "https://litmus.example.com": beside.small.simulator.url,
        "https://litmus.staging.example.com": beside.small.simulator.url,
        "<id of a Litmus user>": "1a2b",
        "<key of scope read>": KEY,
        "TOKEN=…": f"TOKEN={beside.small.token}",
        "TOKEN_STAGING=…": f"TOKEN_STAGING={beside.small.token}",
    }
    await Shell(tmp_path, places, beside.environ).type(TYPED[page], capsys)


def keys_of(document: Any) -> set[str]:
    """Return every key of a JSON document."""
    if isinstance(document, dict):
        return {*document, *(key for value in document.values() for key in keys_of(value))}
    return {key for value in document for key in keys_of(value)} if isinstance(document, list) else set()


def taken_by_jq(line: str) -> set[str]:
    """Return the fields that the filter of a line takes; what it does not find is null, and no error."""
    found = re.search(r"\| jq (?:-\w+ )?(?:'([^']+)'|(\S+))", line)
    text = "" if found is None else re.sub(r'"[^"]*"', "", found[1] or found[2])
    return {*re.findall(r"\.([A-Za-z]\w*)", text), *re.findall(r"[{,] ?([A-Za-z]\w*)(?=[,}])", text)}


async def test_what_jq_takes_from_an_answer_is_in_it(beside: Beside) -> None:
    headers = {"X-Litmus-Sidecar-Key": KEY}
    readyz = await (await beside.service.get("/readyz", headers=headers)).json()
    api = await (await beside.service.get("/api/v1/openapi.json", headers=headers)).json()
    asked = [one.line for lines in TYPED.values() for one in lines if "| jq" in one.line]
    assert {"breaker", "token"} <= {field for line in asked for field in taken_by_jq(line)}
    for line in asked:
        served = keys_of(readyz) if "/readyz" in line else keys_of(api["components"])
        assert taken_by_jq(line) - served == set(), line
