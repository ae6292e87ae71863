"""The doors of tokens, sessions and shares: what the store keeps of them, and Litmus's own list.

The store keeps moments to the millisecond.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec


class Locks(Protocol):
    """Rights that one replica has at a time, by name; for work that must not happen twice at once.

    Every method raises :class:`errors.StoreError` while the store is away:
    without it nobody can tell who else is at it.
    """

    async def take(self, name: str, holder: str, hold: timedelta) -> bool:
        """Take the right for so long from now; ``False``: somebody else holds it.

        Who holds it already has it for so long from now, no matter how long
        it had. One who outlives its time may find that another took it.
        """

    async def release(self, name: str, holder: str) -> None:
        """Give the right back, if it is still the holder's."""

    async def prune(self) -> int:
        """Forget rights whose time is over, which are free already; count them."""


class TokenUse(msgspec.Struct, frozen=True, kw_only=True):
    """One replica's word that it asks one instance with a token."""

    instance: str
    replica: str
    token_id: str
    """Fingerprint."""


class TokenUses(Protocol):
    """Which replica uses which token; tokens are named by fingerprint, their values are not kept.

    Every method raises :class:`errors.StoreError` while the store is away.
    """

    async def report(self, instance: str, replica: str, token_id: str) -> None:
        """Say that from now on this replica uses this token of the instance, and no other."""

    async def current(self, since: datetime) -> Collection[TokenUse]:
        """Return what was said since then, of all instances: two of them can have one user, and one token."""

    async def forget(self, replica: str) -> None:
        """Forget a replica that ends, so that nobody waits for it."""

    async def prune(self, before: datetime) -> int:
        """Forget what was last said before then, by replicas that ended without a word; count it."""


class SharedPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that whoever has its signed address may look at."""

    id: str
    entity_ref: str
    picture: str
    """``score``, ``trend``, ``runs`` or ``badge``."""
    created_by: str
    created_at: datetime
    expires_at: datetime


class Shares(Protocol):
    """The shared pictures that are not revoked.

    Every method raises :class:`errors.StoreError` while the store is away.
    """

    async def add(self, share: SharedPicture) -> None:
        """Write a share down; its id is new."""

    async def get(self, share_id: str) -> SharedPicture | None:
        """Return a share, expired or not; ``None`` if there is none of this id, or it was revoked."""

    async def of(self, entity_ref: str) -> Sequence[SharedPicture]:
        """Return an entity's shares, expired ones too until they are pruned, newest first."""

    async def revoke(self, share_id: str) -> bool:
        """Revoke a share for good; ``False``: there is none."""

    async def prune(self, now: datetime) -> int:
        """Forget those that expired; count them."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody signed in with Litmus."""

    id: str
    """Digest of what the cookie holds; the cookie itself is not kept."""
    instance: str
    user_id: str
    username: str
    is_admin: bool
    """Whether the account role is ``admin``."""
    sealed_token: bytes
    """The Litmus session token, encrypted."""
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions(Protocol):
    """The sessions of the pages; ended here, they are ended on every replica.

    Every method raises :class:`errors.StoreError` while the store is away.
    """

    async def add(self, session: Session) -> None:
        """Write a new session down; its id is new."""

    async def get(self, session_id: str) -> Session | None:
        """Return a session as stored, expired or not; ``None``: there is none."""

    async def touch(self, session_id: str, seen_at: datetime) -> None:
        """Note that it was used, unless later use is noted; one that has ended stays ended."""

    async def retire(self, session_id: str, retired_id: str, now: datetime) -> Session | None:
        """Let a session expire now and go by another id, all in one; return what it is then.

        To one caller alone; ``None``: somebody ended it before.
        """

    async def end(self, session_id: str) -> Session | None:
        """Delete a session and return it, to one caller alone; ``None``: somebody ended it before."""

    async def expired(
        self, *, instance: str, seen_before: datetime, now: datetime, after: Session | None, at_most: int
    ) -> Sequence[Session]:
        """Return an instance's sessions last seen before then, or expired by now; the longest unseen first.

        ``after`` is the last one of the page before; ``None``: from the first.
        """

    async def prune(self, before: datetime) -> int:
        """Forget those that expired by then, of whatever instance; count them."""


class OpenedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that Litmus opened for a user name and a password; does not print its token."""

    token: str
    user_id: str
    username: str
    is_admin: bool
    """Whether the account role is ``admin``."""
    expires_at: datetime | None
    """When the token ends by itself; ``None``: never."""

    def __repr__(self) -> str:
        return f"OpenedSession(user_id={self.user_id!r})"


class ServiceSessions(Protocol):
    """The sessions that the sidecar opened at Litmus for itself, stored until they are ended.

    What is not removed within minutes was left by a crash; whichever replica
    runs then revokes it. Every method raises :class:`errors.StoreError` while
    the store is away.
    """

    async def add(self, instance: str, opened: OpenedSession) -> str:
        """Write a session down, its token encrypted; return the id to remove it by."""

    async def remove(self, session_id: str) -> None:
        """Remove a session that was ended."""


class AccountRights(msgspec.Struct, frozen=True, kw_only=True):
    """What Litmus lets an account do, as of now."""

    is_admin: bool
    """Whether the account role is ``admin``; gives no right in any project."""
    roles: Mapping[str, str]
    """Role in each project that has the account as a member, by project id, as Litmus words it."""


class Accounts(Protocol):
    """The accounts of one instance's people, asked with their own passwords and tokens.

    Every method raises :class:`errors.UpstreamError` if Litmus could not be asked.
    """

    async def sign_in(self, username: str, password: str) -> OpenedSession:
        """Open a session. At somebody's first, Litmus may make a project of their own.

        No two of one account get the same token: the second waits a moment, and is refused if that is long.

        Raises:
            CredentialsRejectedError: If Litmus knows no such user with this password, or deactivated them.
            StoreError: If nobody can tell whether others sign in at this moment.
        """

    async def sign_out(self, token: str) -> None:
        """Revoke a session's token for good; one that does not hold any more is left alone."""

    async def rights(self, token: str) -> AccountRights:
        """Return what the token's account may do.

        Raises:
            TokenRejectedError: If the token does not hold, or its account is gone or deactivated.
        """


class Secrets(Protocol):
    """Secrets that the sidecar made for itself; all replicas on one store have the same.

    Every method raises :class:`errors.StoreError` while the store is away.
    """

    async def keep(self, name: str, made: str) -> str:
        """Return the secret of this name; if there is none yet, store ``made`` and return it."""


class TokenState(StrEnum):
    """What is known of the token that an instance is asked with."""

    GOOD = "good"
    """Litmus took it when it was last asked."""
    UNPROVEN = "unproven"
    """Not checked yet."""
    REJECTED = "rejected"
    """Litmus refused it: expired, revoked, or none of its own."""
    MISSING = "missing"
    """There is none: the file is empty, or signing in failed."""


class TokenStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the token of an instance; says nothing of its value."""

    source: str
    """``token``, ``tokenFile`` or ``credentials``."""
    state: TokenState
    token_id: str | None
    """Fingerprint; ``None`` without a token."""
    username: str | None
    user_id: str | None
    account_role: str | None
    """``admin`` or ``user``, as the token claims."""
    expires_at: datetime | None
    """``None``: it never expires, or is no token that says so."""
    problem: str | None
    """One sentence: why it is rejected, or why a new one was not taken; ``None``: all is well."""
    changed_at: datetime | None
    """When the token in use was taken into use; ``None``: at start."""


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """An API token as Litmus lists it, without its value."""

    id: str
    """Fingerprint."""
    name: str
    created_at: datetime | None
    expires_at: datetime | None
    """``None``: it never expires."""
    in_use: bool
    """Whether the sidecar asks Litmus with it."""


class TokenFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the token of one instance and of its user; ``None``: not known."""

    instance: str
    status: TokenStatus
    listed: Sequence[ApiToken] | None = None
    """All API tokens of the user."""
    initial_password: bool | None = None
    """Whether the user still has the password that Litmus's administrator gave it."""
    roles: Mapping[str, str | None] | None = None
    """Role in each project that the user is in, by project id, as Litmus words it."""
    named_projects: frozenset[str] | None = None
    """Projects of the instance that entities name; empty: not all of them are known."""
    takes_display_token: bool | None = None
    """Whether Litmus accepts what is in ``litmus.apiToken``."""


class CreatedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new API token; the only time its value is told."""

    token: ApiToken
    value: str

    def __repr__(self) -> str:
        return f"CreatedToken({self.token!r})"


class Tokens(Protocol):
    """The API tokens of one instance's user, and the one the sidecar uses.

    ``status`` costs nothing; all but ``facts`` ask Litmus and raise
    :class:`errors.UpstreamError`.
    """

    @property
    def status(self) -> TokenStatus:
        """How it stands with the token in use."""

    async def listed(self) -> Sequence[ApiToken]:
        """Return the tokens of the user whose token is used, newest first."""

    async def facts(self) -> TokenFacts:
        """Return what is known of the token and its user, a few minutes old at most; projects are not named.

        Litmus is asked by one caller at a time, and nothing is raised: what it
        did not answer within a few seconds is not known.
        """

    async def create(self, name: str, days: int, *, is_only_one: bool = False) -> CreatedToken:
        """Create token that lives so many days. Two are never made within the same two seconds.

        Litmus lets any number of tokens have one name; with ``is_only_one`` it
        has to be free, also of those that are made at this moment.

        Raises:
            TokenNameReservedError: If the sidecar manages the tokens of this name itself.
            TokenNameTakenError: If it is to be the only one, and one of this name has not expired.
        """

    async def revoke(self, token_id: str) -> None:
        """Revoke a token for good and take it off the list.

        Raises:
            TokenUnknownError: If the user has none of this id.
            TokenInUseError: If the sidecar uses it.
        """

    async def rotate(self) -> TokenStatus:
        """Take a new token into use; the one before is revoked once no replica uses it, by whichever runs.

        Raises:
            TokenNotManagedError: If the source of the token is not ``credentials``.
        """
