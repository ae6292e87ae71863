"""``check`` and ``tokens``: what they say of tokens, what they print, what Litmus has afterwards."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli.main import main
from sidecar.cli.tokens import relative, table
from sidecar.config import Config, display_token, parse_config
from sidecar.domain.ports import ApiToken
from sidecar.litmus.wire.token import fingerprint
from sidecar.simulator import ScriptedFault
from sidecar.simulator.documents import VIEWER
from tests.e2e.conftest import Small
from tests.support.findings import check

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
Run = Callable[..., Awaitable[tuple[int, str, str]]]


def settings(small: Small, shown: str = "", **instance: Any) -> dict[str, Any]:
    """The content of an app-config for the small world; ``instance`` replaces the token."""
    source = instance or {"token": small.token}
    return {
        "litmus": {"baseUrl": "https://litmus.example.com", "apiToken": shown or display_token("backstage")},
        "litmusSidecar": {
            "instances": [{"name": "default", "baseUrl": small.simulator.url, **source}],
            "catalog": {"files": [str(small.catalog)]},
            "store": {"url": f"sqlite:///{small.catalog.parent / 'sidecar.db'}"},
        },
    }


def config(small: Small, shown: str = "", **instance: Any) -> Config:
    return parse_config(settings(small, shown, **instance), directory=small.catalog.parent)


def credentials(small: Small) -> dict[str, Any]:
    """A user of its own, whose token is managed."""
    user = small.world.add_user("managed", password="a-password-1")
    small.world.set_role(small.project, user, VIEWER)
    return {"credentials": {"username": "managed", "password": "a-password-1", "tokenName": "ours"}}


@pytest.fixture
def run(small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line with a configuration and return its exit code and what it printed."""

    async def run(*line: str, **instance: Any) -> tuple[int, str, str]:
        path = tmp_path / "app-config.yaml"
        path.write_text(json.dumps(settings(small, **instance)))
        code = await asyncio.to_thread(main, [*line, "--config", str(path)], {})
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


async def test_a_token_as_it_should_be_gives_no_finding(small: Small) -> None:
    assert await check(config(small), offline=False) == ()


async def test_a_token_shown_to_everybody_that_litmus_accepts_comes_first(small: Small) -> None:
    found = await check(config(small, shown=small.token), offline=False)
    assert found[0].startswith("litmus.apiToken is accepted by default, and")
    assert "revoke it in Litmus and put a display token there" in found[0]
    assert small.token not in "".join(found)


async def test_bearer_before_it_hides_no_shown_token_that_litmus_accepts(small: Small) -> None:
    shown = config(small, shown=f"Bearer {small.token}")
    (online,) = await check(shown, offline=False)
    assert online.startswith("litmus.apiToken is accepted by default, and")
    (offline,) = await check(shown, offline=True)
    assert offline.startswith("litmus.apiToken is a signed token")


async def test_a_shown_token_that_was_revoked_is_still_one_that_must_go(small: Small) -> None:
    user = small.world.user_named("alice")
    assert user is not None
    shown = small.world.issue_token(user)
    small.world.revoke_token(shown)
    (found,) = await check(config(small, shown=shown), offline=False)
    assert found.startswith("litmus.apiToken is a signed token")
    assert await check(config(small, shown=shown), offline=True) == (found,)


async def test_check_tells_what_litmus_knows_of_the_tokens_user(small: Small) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    user.initial_login = True
    user.role = "admin"
    small.world.issue_token(user, days=8, name="somebody else's")
    small.world.issue_token(user, days=-1, name="forgotten")
    small.world.add_project("other", owner=small.world.user_named("alice"), members={user.user_id: VIEWER})
    session = small.world.token_factory.issue(user, int(datetime.now(UTC).timestamp()) + 86_000)
    told = " ".join(await check(config(small, token=session), offline=False))
    for words in (
        "is an administrator of Litmus",
        "still has its initial password",
        "is none of its user's API tokens",
        "has 1 expired API token",
        "of other names",
        "is in 1 project that no entity names",
        "expires on",
    ):
        assert words in told


async def test_one_cause_is_told_once_per_project_with_all_that_it_keeps_away(small: Small) -> None:
    stranger = small.world.issue_token(small.world.add_user("stranger"))
    (found,) = await check(config(small, token=stranger), offline=False)
    assert found.startswith(f"Project default/{small.project.project_id} (experiments, ")
    assert "infrastructures" in found.partition(")")[0]
    assert "has no sufficient role" in found


async def test_two_causes_are_told_apart(small: Small) -> None:
    html = {"Content-Type": "text/html"}
    small.simulator.faults.add(
        ScriptedFault(root_field="listChaosHub", status=200, headers=html, body="<p>", times=None)
    )
    small.simulator.faults.add(ScriptedFault(root_field="listExperiment", status=502, times=None))
    lost, odd = await check(config(small), offline=False)
    assert "(experiments, " in lost
    assert "HTTP 502" in lost
    assert "ubs" in odd.partition(")")[0]
    assert "a web page" in odd


@pytest.mark.parametrize("content", ["", None], ids=["empty", "missing"])
async def test_a_token_file_without_a_token_is_one_sentence_of_check_that_names_it(
    small: Small, tmp_path: Path, content: str | None, run: Run
) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    for line in (["check"], ["check", "--offline"]):
        code, out, _ = await run(*line, "--json", tokenFile=str(tmp_path / "token"))
        (found,) = json.loads(out)["findings"]
        assert code == 1
        assert found["code"] == "setting_absent"
        assert found["sentence"].startswith("litmusSidecar.instances[0].tokenFile: ")
    code, _, err = await run("tokens", "list", tokenFile=str(tmp_path / "token"))
    assert code == 1
    assert "tokenFile" in err
    assert small.simulator.asked("listExperiment") == 0


async def test_check_says_offline_what_the_token_itself_says(small: Small) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    eternal = small.world.token_factory.sign({"uid": user.user_id, "role": "admin", "username": "backstage"})
    told = await check(config(small, token=eternal), offline=True)
    assert [sentence.partition(";")[0] for sentence in told] == [
        "The token of the instance default never expires",
        "The user of the instance default is an administrator of Litmus, which the sidecar never needs",
    ]
    assert small.simulator.requests == []


async def test_check_signs_a_managed_user_in_and_leaves_nothing_behind(small: Small) -> None:
    before = list(small.world.api_tokens)
    source = credentials(small)
    assert await check(config(small, **source), offline=False) == ()
    assert small.world.api_tokens == before
    assert len(small.world.revoked_tokens) == 1


async def test_what_is_called_right_after_another_has_a_session_of_its_own(run: Run, small: Small) -> None:
    """Two sessions of one second are one string, and the end of the first would be that of the second."""
    source = credentials(small)
    for _ in range(3):
        assert await check(config(small, **source), offline=False) == ()
    assert (await run("tokens", "list", **source))[0] == 0
    assert len(small.world.revoked_tokens) == 4


async def test_the_list_shows_ids_and_expiry_and_which_is_in_use(run: Run, small: Small) -> None:
    code, out, _ = await run("tokens", "list")
    heading, row = out.splitlines()
    assert code == 0
    assert heading.split() == ["ID", "NAME", "CREATED", "EXPIRES"]
    assert row.startswith(fingerprint(small.token))
    assert row.endswith("in use")
    assert "in 29 days" in row
    assert small.token not in out


async def test_the_list_in_json_is_that_of_the_api(run: Run, small: Small) -> None:
    code, out, _ = await run("tokens", "list", "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["tokens"][0]["id"] == answer["status"]["id"] == fingerprint(small.token)


async def test_create_prints_the_value_and_nothing_else(run: Run, small: Small) -> None:
    code, out, _ = await run("tokens", "create", "--name", "ci", "--days", "90")
    assert code == 0
    assert out == small.world.api_tokens[-1].token + "\n"
    assert small.world.api_tokens[-1].name == "ci"


async def test_what_create_refuses_is_bad_usage(run: Run, small: Small) -> None:
    for line in (
        ["--name", "ci", "--days", "0"],
        ["--name", "ci", "--days", "366"],
        ["--name", " ci", "--days", "1"],
        ["--name", "ci"],
    ):
        code, out, _ = await run("tokens", "create", *line)
        assert (code, out) == (2, "")
    assert len(small.world.api_tokens) == 1


async def test_create_leaves_the_name_of_the_managed_token_alone(run: Run, small: Small) -> None:
    source = credentials(small)
    assert (await run("tokens", "rotate", **source))[0] == 0
    before = [row.token for row in small.world.api_tokens]
    code, out, err = await run("tokens", "create", "--name", "ours", "--days", "7", **source)
    assert (code, out) == (1, "")
    assert "credentials.tokenName" in err
    assert [row.token for row in small.world.api_tokens] == before


async def test_a_token_is_revoked_by_its_id_and_the_one_in_use_is_not(run: Run, small: Small) -> None:
    user = small.world.user_named("backstage")
    assert user is not None
    doomed = small.world.issue_token(user, days=7, name="doomed")
    assert (await run("tokens", "revoke", fingerprint(doomed)))[0] == 0
    assert small.world.revoked_tokens == {doomed}
    code, _, err = await run("tokens", "revoke", fingerprint(small.token))
    assert code == 1
    assert err.startswith("error: The sidecar itself")
    assert [row.token for row in small.world.api_tokens] == [small.token]


async def test_a_value_in_place_of_the_id_is_not_repeated(run: Run, small: Small) -> None:
    code, out, err = await run("tokens", "revoke", small.token)
    assert code == 1
    assert small.token not in out + err


async def test_the_list_makes_no_managed_token_and_leaves_no_session(run: Run, small: Small) -> None:
    source = credentials(small)
    before = list(small.world.api_tokens)
    code, out, _ = await run("tokens", "list", "--json", **source)
    answer = json.loads(out)
    assert code == 0
    assert answer["tokens"] == []
    assert (answer["status"]["state"], answer["status"]["id"]) == ("missing", None)
    assert small.world.api_tokens == before
    assert len(small.world.revoked_tokens) == 1  # the session


async def test_the_list_names_the_managed_token_that_the_next_start_takes(run: Run, small: Small) -> None:
    source = credentials(small)
    user = small.world.user_named("managed")
    assert user is not None
    small.world.issue_token(user, days=-1, name="ours")
    ours = small.world.issue_token(user, days=9, name="ours")
    small.world.issue_token(user, days=8, name="another")
    code, out, _ = await run("tokens", "list", "--json", **source)
    answer = json.loads(out)
    assert code == 0
    assert answer["status"]["id"] == fingerprint(ours)
    assert [row["id"] for row in answer["tokens"] if row["inUse"]] == [fingerprint(ours)]


async def test_rotate_replaces_a_managed_token_and_leaves_the_one_before_to_the_service(
    run: Run, small: Small
) -> None:
    source = credentials(small)
    code, _, err = await run("tokens", "rotate", **source)
    assert code == 0
    assert "The service revokes the one before after 2 to 10 minutes" in err
    first = small.world.api_tokens[-1]
    code, out, _ = await run("tokens", "rotate", "--json", **source)
    assert code == 0
    assert [row.name for row in small.world.api_tokens if row.user_id == first.user_id][-1] == "ours"
    newest = small.world.api_tokens[-1]
    assert newest.token != first.token
    assert first.token not in small.world.revoked_tokens
    assert json.loads(out)["id"] == fingerprint(newest.token)


async def test_a_token_from_outside_is_not_rotated(run: Run) -> None:
    code, _, err = await run("tokens", "rotate")
    assert code == 1
    assert "comes from token" in err


async def test_a_litmus_that_is_away_is_one_sentence_and_exit_code_1(run: Run, small: Small) -> None:
    await small.simulator.stop()
    code, out, err = await run("tokens", "list")
    assert (code, out) == (1, "")
    assert err.startswith("error: No connection to Litmus")
    assert len(err.splitlines()) == 1


async def test_an_instance_must_be_one_of_those_configured(run: Run) -> None:
    code, _, err = await run("tokens", "list", "--instance", "elsewhere")
    assert code == 2
    assert "there are: default" in err


def test_the_table_says_how_long_ago_and_never_steers_the_terminal() -> None:
    def row(name: str, expires_at: datetime | None) -> ApiToken:
        return ApiToken(id="f00d", name=name, created_at=NOW, expires_at=expires_at, in_use=False)

    lines = table(
        [
            row("ci", NOW + timedelta(hours=5)),
            row("old", NOW - timedelta(days=2)),
            row("\x1b[2Jname", None),
        ],
        NOW,
    ).splitlines()
    assert lines[1] == "f00d  ci        2030-01-01 12:00Z  2030-01-01 17:00Z (in 5 hours)"
    assert lines[2] == "f00d  old       2030-01-01 12:00Z  2029-12-30 12:00Z (expired 2 days ago)"
    assert lines[3].split() == ["f00d", "\N{REPLACEMENT CHARACTER}[2Jname", "2030-01-01", "12:00Z", "never"]


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (timedelta(days=1), "in 1 day"),
        (timedelta(days=-3), "3 days ago"),
        (timedelta(minutes=59), "in 59 minutes"),
        (timedelta(seconds=59), "now"),
    ],
)
def test_distances_are_told_in_their_largest_unit(distance: timedelta, expected: str) -> None:
    assert relative(NOW + distance, NOW) == expected
