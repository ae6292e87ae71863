"""A token in a file: every way to replace it, and every way for the new one to be bad."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.domain.errors import TokenRejectedError
from sidecar.domain.ports import TokenState
from sidecar.litmus.tokens.file import TokenFile
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import ScriptedFault
from tests.litmus.tokens import Setting, open_setting


class Followed:
    """A file whose token is in use, looked at when told."""

    def __init__(self, setting: Setting, path: Path, holder: TokenHolder, auth: LitmusAuth) -> None:
        self.setting = setting
        self.path = path
        self.holder = holder
        self.outcomes: list[str] = []

        async def note(outcome: str) -> None:
            self.outcomes.append(outcome)

        self.file = TokenFile(path, holder, auth, on_switch=note, poll_interval=timedelta(seconds=2))

    @property
    def problem(self) -> str | None:
        return self.holder.status.problem

    def tried(self) -> int:
        return self.setting.asked(f"/auth/get_user/{self.setting.user.user_id}")


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[Followed]:
    async with open_setting() as setting:
        token = setting.issue()
        path = tmp_path / "token"
        path.write_text(token.reveal())
        holder = TokenHolder("default", "tokenFile", setting.clock.now, token)
        async with setting.client(holder) as client:
            yield Followed(setting, path, holder, LitmusAuth(client))


async def test_an_unchanged_file_costs_litmus_nothing(followed: Followed) -> None:
    for _ in range(5):
        await followed.file.look()
    assert followed.setting.simulator.requests == []
    assert followed.problem is None


@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n\r\n", "\ufeff{}\n"])
async def test_a_new_token_is_used_once_it_is_proven(followed: Followed, around: str) -> None:
    new = followed.setting.issue()
    followed.path.write_text(around.format(new.reveal()), encoding="utf-8")

    await followed.file.look()

    assert followed.holder.token == new
    assert followed.holder.state is TokenState.GOOD
    assert followed.outcomes == ["read"]
    assert followed.holder.status.changed_at == followed.setting.clock.now()


async def test_an_atomically_replaced_file_is_read(followed: Followed) -> None:
    new = followed.setting.issue()
    beside = followed.path.with_suffix(".new")
    beside.write_text(new.reveal())
    beside.rename(followed.path)

    await followed.file.look()

    assert followed.holder.token == new


async def test_the_swapped_symlinks_of_kubernetes_are_followed(followed: Followed, tmp_path: Path) -> None:
    old = followed.holder.token
    assert old is not None
    new = followed.setting.issue()
    for name, token in (("..first", old), ("..second", new)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(token.reveal())
    (tmp_path / "..data").symlink_to("..first")
    followed.path.unlink()
    followed.path.symlink_to("..data/token")
    await followed.file.look()
    assert followed.holder.token == old

    (tmp_path / "..data_tmp").symlink_to("..second")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    await followed.file.look()

    assert followed.holder.token == new


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no token"),
        (b"\n", "holds no token"),
        (b"\xff\xfe\x00", "holds no token"),
        (b"x" * 100_000, "holds no token"),
        (b"two words", "no token of a Litmus user"),
        (b"eyJhbGciOiJub25lIn0.e30.", "no token of a Litmus user"),
    ],
)
async def test_what_is_no_token_keeps_the_old_one_and_is_told(
    followed: Followed, content: bytes, said: str
) -> None:
    old = followed.holder.token
    followed.path.write_bytes(content)

    await followed.file.look()

    assert followed.holder.token == old
    assert followed.holder.state is not TokenState.REJECTED
    assert said in (followed.problem or "")
    assert followed.setting.simulator.requests == []


async def test_a_file_that_is_gone_keeps_the_token_and_is_told_until_it_is_back(followed: Followed) -> None:
    text = followed.path.read_text()
    followed.path.unlink()
    await followed.file.look()
    assert "cannot be read" in (followed.problem or "")

    followed.path.write_text(text)
    await followed.file.look()
    assert followed.problem is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "tokenFile cannot be read (No such file or directory); there is none."),
        ("", "tokenFile holds no token; there is none."),
        (
            "two words",
            "The new token in tokenFile is not used; there is none: This is no token of a Litmus user.",
        ),
    ],
)
async def test_without_a_first_token_readers_are_told_of_the_file_until_it_holds_one(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    async with open_setting() as setting:
        holder = TokenHolder("default", "tokenFile", setting.clock.now)
        async with setting.client(holder) as client:
            first = Followed(setting, path, holder, LitmusAuth(client))
            await first.file.look()
            assert (holder.state, first.problem) == (TokenState.MISSING, said)
            with pytest.raises(TokenRejectedError, match="tokenFile"):
                holder.current()

            token = setting.issue()
            path.write_text(token.reveal())
            await first.file.look()

            assert (holder.token, holder.state, first.problem) == (token, TokenState.GOOD, None)


@pytest.mark.parametrize("kind", ["revoked", "expired", "deactivated", "foreign"])
async def test_a_token_that_litmus_refuses_never_replaces_one_that_works(
    followed: Followed, kind: str
) -> None:
    old, world = followed.holder.token, followed.setting.world
    bad = followed.setting.issue(days=0 if kind == "expired" else 10)
    if kind == "revoked":
        world.revoke_token(bad.reveal())
    if kind == "deactivated":
        other = world.add_user("other")
        bad = LitmusToken(world.issue_token(other))
        world.deactivate(other)
    if kind == "foreign":
        head, claims, _ = bad.reveal().split(".")
        bad = LitmusToken(f"{head}.{claims}.AAAA")
    followed.path.write_text(bad.reveal())

    await followed.file.look()

    assert followed.holder.token == old
    assert "the one before is kept" in (followed.problem or "")
    assert followed.outcomes == ["token_rejected"]


async def test_a_refused_token_is_tried_again_ever_less_often(followed: Followed) -> None:
    bad = followed.setting.issue(days=0)
    followed.path.write_text(bad.reveal())
    for _ in range(300):  # ten minutes
        await followed.file.look()
    assert 10 <= followed.tried() <= 20


async def test_while_litmus_is_away_a_new_token_waits_for_its_proof(followed: Followed) -> None:
    new = followed.setting.issue()
    followed.setting.simulator.faults.add(ScriptedFault(status=502, times=2))
    followed.path.write_text(new.reveal())
    await followed.file.look()
    assert followed.holder.token != new
    assert "could not be proven yet" in (followed.problem or "")

    for _ in range(10):
        await followed.file.look()

    assert followed.holder.token == new
    assert followed.problem is None
    assert followed.outcomes == ["upstream_unavailable", "upstream_unavailable", "read"]


async def test_going_back_to_the_token_in_use_ends_the_problem(followed: Followed) -> None:
    old = followed.path.read_text()
    followed.path.write_text(followed.setting.issue(days=0).reveal())
    await followed.file.look()
    assert followed.problem is not None
    followed.path.write_text(old)
    await followed.file.look()
    assert followed.problem is None
