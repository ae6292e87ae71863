"""No secret shows anywhere, whatever is asked and however Litmus, Backstage and the store behave.

Walks the table of routes and the group of commands, so what is added there is
swept without being named here.
"""

import asyncio
import io
import json
import os
import re
import signal
import sys
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import click
import pytest
from aiohttp import web

from sidecar.app.compose import utc_now
from sidecar.cli.main import commands, main
from sidecar.config import Config, describe, load_config
from sidecar.domain.errors import ConfigError, UpstreamError
from sidecar.domain.model import Lane, ProjectRef
from sidecar.http.routes import ROUTES
from sidecar.http.services import SERVICES
from sidecar.litmus.reading.source import LitmusSource
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import open_litmus_client
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import ScriptedFault
from sidecar.telemetry.logs import configure_logging
from tests.e2e.form_sweep import FormSweep
from tests.e2e.sweep import CALLERS, KEY_HEADER, Sweep
from tests.e2e.sweeping import (
    ADMIN_KEY,
    CONDITIONS,
    DEAD_URL,
    HANGS,
    OPAQUE_TOKEN,
    PASSWORD,
    READER_KEY,
    STORE_PASSWORD,
    SWEPT,
    Marked,
    open_marked,
)
from tests.support.service import eventually, open_service

SUCCEEDS: Final = {
    *("healthz", "readyz", "jwks", "metrics", "query", "entities", "overview", "content", "runs"),
    *("portfolio", "attention", "now", "audit", "openapi", "docs", "action_run"),
    *("tokens", "token_create", "token_revoke", "token_rotate", "display_token"),
}
"""Routes that must have answered well at least once, or the sweep would prove little."""
FORMS: Final = {
    **dict.fromkeys(("sign in", "run", "stop", "schedule", "create", "revoke", "rotate", "sign out"), True),
    "sign in badly": False,
}
"""What the forms of the pages do, and whether that works out while Litmus is fine."""
ADDRESS: Final = re.compile(r"on (http://[^\s\"]+)")
RUNS_FOR_EVER: Final = {"serve", "demo", "simulator"}


@pytest.fixture
def log() -> io.StringIO:
    """Everything that is logged, debug lines included."""
    stream = io.StringIO()
    configure_logging(level="debug", stream=stream, as_json=True)
    return stream


async def crash(request: web.Request) -> web.Response:
    """A mistake of ours, with all that is secret at hand."""
    services = request.app[SERVICES]
    secret = services.config.auth.keys[0].secret.get_secret_value()
    try:
        int(repr(services))
    except ValueError as exc:
        raise RuntimeError(f"{services.config!r} {services.config.instances} {len(secret)}") from exc
    raise AssertionError("no number")


async def sweep(
    marked: Marked, config: Config, conditions: tuple[str, ...], *, signed_in: bool = False
) -> Sweep:
    """Ask everything under each condition, crash, and return what was told.

    If ``signed_in``, people send the forms of the pages, too.
    """
    crashing = [web.get("/api/v1/crash", crash)]
    async with open_service(config, wait_seconds=0.5, extra_routes=crashing) as service:
        await service.attempted()
        swept = Sweep(service, marked)
        forms = FormSweep(service, marked)
        if signed_in:
            await swept.sign_in()
            await service.ready()
            await forms.open(conditions)
        for condition in conditions:
            marked.misbehave(condition)
            if signed_in:
                await forms.all(condition)
            await swept.all(condition)
        swept.told += forms.told
        swept.forms = forms.statuses
        marked.misbehave("fine")
        response = await service.get("/api/v1/crash", headers={KEY_HEADER: ADMIN_KEY})
        assert response.status == 500
        swept.told.append(("the answer to a crash", await response.text()))
        scraped = await service.get("/metrics", headers={KEY_HEADER: ADMIN_KEY})
        swept.told.append(("metrics", await scraped.text()))
        services = service.services
        swept.told.append(("repr of the services", repr(services)))
        swept.told.append(("repr of the tokens", repr(services.tokens)))
        swept.told += [
            (f"repr of the token of {name}", f"{held!r} {held.status!r}")
            for name, held in services.tokens.items()
        ]
    return swept


async def test_no_route_tells_a_secret_whatever_litmus_answers(
    tmp_path: Path, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_marked(tmp_path) as marked:
        config = load_config([marked.config], marked.environ)
        swept = await sweep(marked, config, SWEPT, signed_in=True)
        assert {what: swept.forms["fine"][what] < 400 for what in swept.forms["fine"]} == FORMS
        for condition in SWEPT[1:]:
            assert swept.forms[condition].keys() == FORMS.keys()
            assert sum(status >= 400 for status in swept.forms[condition].values()) >= len(FORMS) // 2
        assert [place for place, text in swept.told if "upstream_timeout" in text]
        assert swept.told_to("signed in") >= {200, 403}
        assert swept.statuses.keys() == {route.name for route in ROUTES}
        succeeded = {name for name, seen in swept.statuses.items() if any(status < 400 for status in seen)}
        assert succeeded >= SUCCEEDS
        seen = set().union(*swept.statuses.values())
        assert seen >= {401, 403, 404, 409, 415, 502}
        assert swept.created
        swept.refuse_leaks()
        marked.leaks.refuse("the log", log.getvalue())
        assert "unhandled error" in log.getvalue()
        for place, text in zip(("standard output", "standard error"), capfd.readouterr(), strict=True):
            marked.leaks.refuse(place, text)
        for place, text in {"repr": repr(config), "text": str(config), "check": describe(config)}.items():
            marked.leaks.refuse(f"{place} of the configuration", text)


async def test_no_route_tells_the_password_of_a_database_that_is_away(tmp_path: Path) -> None:
    log = io.StringIO()
    configure_logging(level="debug", stream=log, as_json=False)  # as on a terminal
    quoted = "storePw4Gt%3A%40%2F%25marker-8"
    url = f"postgresql://sidecar:{quoted}@127.0.0.1:1/sidecar"
    async with open_marked(tmp_path, store_url=url) as marked:
        marked.leaks.add("quoted store password", quoted)
        config = load_config([marked.config], marked.environ)
        swept = await sweep(marked, config, ("fine",))
        assert 503 in set().union(*swept.statuses.values())
        swept.refuse_leaks()
        marked.leaks.refuse("the log", log.getvalue())
        marked.leaks.refuse("the configuration", f"{config!r} {describe(config)}")
        assert STORE_PASSWORD not in log.getvalue()


def arguments(command: click.Command, config: Path, instance: str) -> list[str]:
    """Return a full command line for a command: each option that it must or can have."""
    given = {"config_paths": str(config), "instance_name": instance, "days": "30", "name": "ci"}
    line: list[str] = []
    for parameter in command.params:
        # Files belong beside the test's own, not where the tests were started.
        free = str(config.with_name("swept")) if isinstance(parameter.type, click.Path) else "swept"
        value = given.get(parameter.name or "", free if parameter.required else None)
        if value is None:
            continue
        line += [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], value]
    return line


def leaves(group: click.Group, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that does something, with its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *names, name)
        elif name not in RUNS_FOR_EVER:
            yield (*names, name), command


@pytest.mark.parametrize("condition", ["fine", "fails", "errors", "drops", HANGS])
async def test_no_command_prints_a_secret_whatever_litmus_answers(
    tmp_path: Path, log: io.StringIO, capfd: pytest.CaptureFixture[str], condition: str
) -> None:
    patience = timedelta(milliseconds=300) if condition == HANGS else timedelta(seconds=10)
    async with open_marked(tmp_path, patience=patience) as marked:
        codes = defaultdict(set)
        printed: list[tuple[str, str]] = []
        marked.misbehave(condition)
        for words, command in leaves(commands):
            flags = [["--json"], ["--offline"]] if condition == "fine" else []
            known = {name for parameter in command.params for name in parameter.opts}
            # Where nobody can sign in, only a token that is given gets as far as Litmus.
            instances = ["managed", *(["default"] if condition == HANGS and "--instance" in known else [])]
            lines = [
                [*arguments(command, marked.config, instance), *more]
                for instance in instances
                for more in [[], *(flag for flag in flags if flag[0] in known)]
            ]
            for options in lines:
                line = [*words, *options]
                code = await asyncio.to_thread(main, line, marked.environ)
                out, err = capfd.readouterr()
                codes[words].add(code)
                if words == ("tokens", "create") and code == 0:
                    value = json.loads(out)["token"] if "--json" in options else out.strip()
                    assert value in [row.token for row in marked.simulator.world.api_tokens]
                    out = out.replace(value, "")
                printed.append((f"{' '.join(line)} while Litmus is {condition}", out + err))
        if condition == HANGS:
            assert [place for place, text in printed if "did not answer within 0.3 s" in text]
        marked.learn()
        for place, text in printed:
            marked.leaks.refuse(place, text)
        marked.leaks.refuse("the log", log.getvalue())
        if condition == "fine":
            assert {words for words, seen in codes.items() if 0 in seen} >= {
                ("tokens", "list"),
                ("tokens", "create"),
                ("display-token",),
            }


@pytest.mark.parametrize("condition", ["fine", "refuses"])
async def test_the_token_that_needs_no_instances_is_told_nowhere(
    tmp_path: Path, log: io.StringIO, capfd: pytest.CaptureFixture[str], condition: str
) -> None:
    async with open_marked(tmp_path) as marked:
        section = {"store": {"url": "memory:"}, "catalog": {"files": ["catalog-info.yaml"]}}
        plain = {"litmus": {"baseUrl": marked.simulator.url}, "litmusSidecar": section}
        marked.config.write_text(json.dumps(plain))
        environ = {"LITMUS_AUTH_TOKEN": f"{marked.extra.token}\n"}
        config = load_config([marked.config], environ)
        marked.leaks.refuse("the configuration", f"{config!r} {describe(config)}")
        marked.misbehave(condition)
        for words in (["check"], ["check", "--offline"], ["tokens", "list"]):
            code = await asyncio.to_thread(main, [*words, "--config", str(marked.config)], environ)
            assert words[0] == "check" or (code == 0) == (condition == "fine")
            marked.leaks.refuse(" ".join(words), "".join(capfd.readouterr()))
        broken = {"LITMUS_AUTH_TOKEN": f"spaces in {OPAQUE_TOKEN}"}
        assert await asyncio.to_thread(main, ["check", "--config", str(marked.config)], broken) == 2
        marked.leaks.refuse("a refusal", "".join(capfd.readouterr()))
        marked.leaks.refuse("the log", log.getvalue())


async def test_the_process_writes_no_secret_with_all_that_it_can_log(tmp_path: Path) -> None:
    written = tmp_path / "written.log"
    asked = ("/api/v1/entities", "/api/v1/instances/managed/tokens", "/metrics", "/litmus")
    async with open_marked(tmp_path) as marked, aiohttp.ClientSession() as session:
        line = ("-m", "sidecar", "serve", "--config", str(marked.config), "--log-level", "debug")
        with written.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *line, stdout=file, stderr=file, env={**os.environ, **marked.environ}
            )
        try:
            await eventually(lambda: ADDRESS.search(written.read_text()) is not None)
            address = ADDRESS.search(written.read_text())
            assert address is not None
            for condition in ("fine", "errors", "drops"):
                marked.misbehave(condition)
                for path in asked:
                    for headers in CALLERS.values():
                        async with session.get(f"{address[1]}{path}", headers=headers) as response:
                            await response.read()
        finally:
            process.send_signal(signal.SIGTERM)
            code = await process.wait()
        assert code == 0
        text = written.read_text()
        assert '"level": "debug"' in text
        marked.learn()
        marked.leaks.refuse("what the process wrote", text)


Breaking = Callable[[dict[str, Any]], object]


async def test_no_refused_configuration_repeats_a_secret(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_marked(tmp_path) as marked:
        good = json.loads(marked.config.read_text())
        breakings: list[Breaking] = [
            lambda c: c["litmusSidecar"]["instances"][0].update(token=f"spaces in {OPAQUE_TOKEN}"),
            lambda c: c["litmusSidecar"]["instances"][0].update(token={"value": OPAQUE_TOKEN}),
            lambda c: c["litmusSidecar"]["instances"][0].update(credentials={"password": PASSWORD}),
            lambda c: c["litmusSidecar"]["instances"][2]["credentials"].update(tokenDays=PASSWORD),
            lambda c: c["litmusSidecar"]["store"].update(url=f"mysql://root:{STORE_PASSWORD}@db/x"),
            lambda c: c["litmusSidecar"]["auth"]["keys"][0].update(secret=ADMIN_KEY),
            lambda c: c["litmusSidecar"]["auth"].update(signingKeys=[ADMIN_KEY]),
            lambda c: c["litmusSidecar"].update({ADMIN_KEY: READER_KEY}),
            lambda c: c["litmus"].update(apiToken=[OPAQUE_TOKEN]),
            lambda c: c["litmusSidecar"]["instances"][0].update(token="${SWEPT_BROKEN}"),
            lambda c: c["litmusSidecar"]["instances"][0].update(baseUrl="${SWEPT_BROKEN}"),
            lambda c: c.update(litmusSidecar="${SWEPT_BROKEN}"),
        ]
        environ = {**marked.environ, "SWEPT_BROKEN": f"spaces in {OPAQUE_TOKEN}"}
        for breaking in breakings:
            broken = json.loads(json.dumps(good))
            breaking(broken)
            marked.config.write_text(json.dumps(broken))
            line = ["check", "--config", str(marked.config)]
            assert await asyncio.to_thread(main, line, environ) == 2
            marked.leaks.refuse("a refusal", "".join(capfd.readouterr()))
            with pytest.raises(ConfigError) as caught:
                load_config([marked.config], environ)
            marked.leaks.refuse("its exception", "".join(traceback.format_exception(caught.value)))
        marked.config.write_text(json.dumps(good)[:-40] + f"\n  token: {OPAQUE_TOKEN}\n ]")
        assert await asyncio.to_thread(main, ["check", "--config", str(marked.config)], {}) == 2
        marked.leaks.refuse("a refusal of broken YAML", "".join(capfd.readouterr()))


@pytest.mark.parametrize("condition", [*CONDITIONS[1:], "hangs", "is away"])
async def test_no_error_on_the_way_to_litmus_carries_a_secret(tmp_path: Path, condition: str) -> None:
    async with open_marked(tmp_path) as marked:
        user = marked.simulator.world.user_named("backstage")
        assert user is not None
        token, uid = LitmusToken(marked.extra.token), user.user_id
        if condition == "hangs":
            marked.simulator.faults.add(ScriptedFault(never_answer=True, times=None))
        elif condition != "is away":
            marked.misbehave(condition)
        url = DEAD_URL if condition == "is away" else marked.simulator.url
        async with open_litmus_client(
            base_url=url, token=lambda: token, max_requests_per_second=500
        ) as client:
            auth = LitmusAuth(client, timeout_seconds=0.2 if condition == "hangs" else 5)
            source = LitmusSource(client, utc_now)
            asked: list[Callable[[], Awaitable[object]]] = [
                lambda: auth.login("managed", PASSWORD),
                lambda: auth.logout(token),
                lambda: auth.list_tokens(token, uid),
                lambda: auth.create_token(token, uid, "swept", 1),
                lambda: auth.remove_token(token, uid, token),
                lambda: auth.get_user(token, uid),
                lambda: auth.list_projects(token),
                lambda: auth.project_role(token, "project"),
            ]
            failed = 0
            for ask in asked:
                try:
                    answer = await ask()
                except UpstreamError as exc:
                    failed += 1
                    told = "".join(traceback.format_exception(exc)) + repr(exc.__dict__)
                    marked.leaks.refuse(f"an error while Litmus {condition}", told)
                else:
                    marked.leaks.refuse("the repr of an answer", repr(answer))
            assert failed > len(asked) // 2
            if condition != "hangs":
                project = ProjectRef(instance="default", project_id=marked.projects["default"].project_id)
                sections = await source.collect(project, Lane.FAST, None)
                marked.leaks.refuse("the results of a synchronisation", repr(sections))
