"""``init`` and ``projects``: from an address and a token to files with which both sides work."""

import asyncio
import json
import os
import pty
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from sidecar.cli.main import main
from sidecar.config import display_uid, load_config
from sidecar.simulator import ScriptedFault
from sidecar.simulator.documents import VIEWER
from tests.e2e.conftest import Small
from tests.support.backstage import CATALOG_TOKEN, component, open_backstage
from tests.support.findings import check
from tests.support.service import CEILING_SECONDS

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process and return its exit code and what it printed."""

    async def run(*line: str, **environ: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, line, environ)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


async def test_with_backstages_catalog_check_finds_nothing_either(
    small: Small, tmp_path: Path, run: Run
) -> None:
    fragment = tmp_path / "app-config.litmus.yaml"
    environ = {"LITMUS_AUTH_TOKEN": small.token, "SIDECAR_CATALOG_TOKEN": CATALOG_TOKEN}
    async with open_backstage() as backstage:
        backstage.issuer = f"{backstage.url}/api/auth"
        backstage.entities.append(component("cart", small.project.project_id))
        code, out, err = await run(
            *("init", "--litmus", small.simulator.url, "--backstage", backstage.url),
            *("--write", str(fragment)),
            **environ,
        )
        assert code == 0, err
        key = next(line.split("=")[1] for line in out.splitlines() if line.startswith("export SIDECAR_KEY="))
        config = load_config([fragment], {**environ, "SIDECAR_KEY": key})
        assert await check(config, offline=False) == ()
    assert f"litmuschaos.io/project-id: {small.project.project_id}" in out.replace('"', "")
    for secret in environ.values():
        assert secret not in out + err


async def test_the_display_token_is_of_the_user_whose_token_it_is(
    small: Small, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "token").write_text(f"{small.token}\n")
    code, _, _ = await run(
        *("init", "--litmus", small.simulator.url, "--token-file", str(tmp_path / "token")),
        *("--write", str(tmp_path / "fragment.yaml")),
    )
    assert code == 0
    secrets = {"SIDECAR_KEY": "0123456789abcdef", "SIDECAR_CATALOG_TOKEN": "abc"}
    config = load_config([tmp_path / "fragment.yaml"], secrets)
    assert config.display_token is not None
    user = small.world.user_named("backstage")
    assert user is not None
    assert display_uid(config.display_token.get_secret_value()) == user.user_id
    assert config.instances[0].token_file == tmp_path / "token"


async def test_with_a_user_and_a_password_nobody_stays_signed_in_and_no_token_is_made(
    small: Small, tmp_path: Path, run: Run
) -> None:
    user = small.world.add_user("managed", password="it's a-password-1")
    small.world.set_role(small.project, user, VIEWER)
    line = ("--litmus", small.simulator.url, "--username", "managed")
    code, out, err = await run(
        *("init", *line, "--write-env", str(tmp_path / "env")), LITMUS_PASSWORD="it's a-password-1"
    )
    assert code == 0, err
    assert "password: ${LITMUS_PASSWORD}" in out
    assert "a-password-1" not in out + err
    assert "LITMUS_PASSWORD='it'\"'\"'s a-password-1'" in (tmp_path / "env").read_text()
    asked = [request.path for request in small.simulator.requests]
    assert asked.count("/auth/login") == asked.count("/auth/logout") == 1
    assert "/auth/create_token" not in asked


@pytest.mark.parametrize("option", ["--write", "--write-env"])
async def test_a_file_that_is_there_is_left_alone_and_nobody_is_asked(
    small: Small, tmp_path: Path, run: Run, option: str
) -> None:
    path = tmp_path / "mine"
    path.write_text("mine")
    code, out, err = await run(
        "init", "--litmus", small.simulator.url, option, str(path), LITMUS_AUTH_TOKEN=small.token
    )
    assert (code, out, path.read_text()) == (1, "", "mine")
    assert err == f"Error: {path} exists; init never overwrites.\n"
    assert small.simulator.requests == []


async def test_a_rejected_token_is_one_sentence_and_nothing_is_written(
    small: Small, tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "fragment.yaml"
    line = ("--litmus", small.simulator.url)
    code, out, err = await run("init", *line, "--write", str(path), LITMUS_AUTH_TOKEN="e30.e30.e30")
    assert (code, out, path.exists()) == (1, "", False)
    assert err.startswith("error: Instance default: ")
    assert err.count("\n") == 1
    assert "e30.e30" not in err


async def test_without_a_terminal_what_is_missing_is_told(run: Run) -> None:
    code, _, err = await run("init")
    assert (code, "Needs --litmus" in err) == (2, True)
    code, _, err = await run("init", "--litmus", "http://127.0.0.1:9")
    assert code == 2
    assert "needs --token-file, --username, or the token in $LITMUS_AUTH_TOKEN" in err


async def test_projects_are_listed_of_all_instances_though_one_is_away(small: Small, run: Run) -> None:
    small.simulator.faults.add(ScriptedFault(path="/auth/list_projects", status=502, times=1))
    lines = ("--litmus", small.simulator.url, "--litmus", f"second={small.simulator.url}")
    tokens = {"LITMUS_AUTH_TOKEN": small.token, "LITMUS_AUTH_TOKEN_SECOND": small.token}
    code, out, err = await run("projects", *lines, "--json", **tokens)
    assert code == 1
    assert err.startswith("error: Instance default: ")
    expected = {"instance": "second", "id": small.project.project_id, "name": small.project.name}
    (listed,) = json.loads(out)["projects"]
    assert {**listed, **expected} == listed
    code, out, _ = await run("projects", *lines, "--instance", "second", **tokens)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["INSTANCE", "second"]


async def test_on_a_terminal_init_asks_shows_progress_and_echoes_no_secret(
    small: Small, tmp_path: Path
) -> None:
    answers: Mapping[str, str] = {
        "Address of Litmus": small.simulator.url,
        "API token": small.token,
        "Address of Backstage": "",
        "Address of the sidecar": "",
    }
    leader, follower = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LITMUS_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sidecar", "init"),
        stdin=follower,
        stdout=PIPE,
        stderr=follower,
        cwd=tmp_path,
        env=kept,
        start_new_session=True,
    )
    os.close(follower)

    def converse() -> str:
        shown, waiting = b"", dict(answers)
        with suppress(OSError):  # what reading gives when the other end is closed
            while read := os.read(leader, 4096):
                shown += read
                for question, answer in list(waiting.items()):
                    if question in shown.decode(errors="replace") and shown.rstrip().endswith(b":"):
                        os.write(leader, f"{answer}\n".encode())
                        del waiting[question]
        return shown.decode()

    async with asyncio.timeout(CEILING_SECONDS):
        shown, (out, _) = await asyncio.gather(asyncio.to_thread(converse), process.communicate())
    os.close(leader)
    assert process.returncode == 0, shown
    assert all(question in shown for question in answers)
    assert f"Asking default at {small.simulator.url} …" in shown
    assert small.token not in shown
    assert small.token not in out.decode()
