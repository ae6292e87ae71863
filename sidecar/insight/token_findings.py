"""What is unwise about tokens: facts in, findings out. Pure; nothing here asks anybody.

Used by ``check`` and by the page of tokens. A sentence never holds a value,
nor a text that somebody else could choose freely.
"""

import hmac
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sidecar.config import LONGEST_TOKEN_DAYS, Config
from sidecar.config.display_token import bare_token, is_signed
from sidecar.config.loopback import is_loopback
from sidecar.domain.ports import ApiToken, TokenFacts, TokenState, TokenStatus
from sidecar.domain.words import counted

SOON: Final = timedelta(days=14)
"""Less life than this is little, for a token that nobody renews by itself."""

_LONGEST_LIFE: Final = timedelta(days=LONGEST_TOKEN_DAYS + 1)
"""Litmus counts calendar days; a day of grace keeps 365 of them from being too long."""
_PRESSING: Final = frozenset({"token_expired", "expires_soon"})
_MANAGED: Final = "credentials"
_OWNER: Final = "Owner"
_ABOVE_VIEWER: Final = frozenset({_OWNER, "Executor"})
_ADMIN: Final = "admin"
_REVOKE_IT: Final = (
    "Backstage shows it to every visitor, signed in or not: revoke it in Litmus and put a display token "
    "there (litmus-sidecar display-token creates one)"
)


class FindingSeverity(StrEnum):
    """How soon somebody should act; in the order of what comes first."""

    ERROR = "error"
    """A token is exposed, or the sidecar does not work."""
    WARNING = "warning"
    """More power, or a longer life, than is needed."""
    NOTICE = "notice"
    """Worth tidying up."""
    NOTE = "note"
    """No fault, but good to know where one is looked for; ``check`` does not count it."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is unwise."""

    key: str
    """Stable name."""
    severity: FindingSeverity
    sentence: str


def ordered(findings: Collection[Finding]) -> tuple[Finding, ...]:
    """Return the gravest first, each kind in the order in which they were found."""
    ranks = list(FindingSeverity)
    return tuple(sorted(findings, key=lambda finding: ranks.index(finding.severity)))


def config_findings(config: Config, *, accepted_by: Collection[str] = ()) -> Iterator[Finding]:
    """Find what the configuration shows.

    ``accepted_by`` names the instances that took ``litmus.apiToken`` when they were asked with it.
    """
    tokens = {i.name: i.token.get_secret_value() for i in config.instances if i.token is not None}
    yield from _shown(config, accepted_by, tokens.values())
    for instance in config.instances:
        address = urlsplit(instance.base_url)
        if address.scheme == "http" and not _is_internal(address.hostname or ""):
            yield _warning(
                "plain_http",
                f"The instance {instance.name} is asked over plain HTTP, which shows its token; use https",
            )
    yield from _shared(config)
    for name, token in tokens.items():
        for key in config.auth.keys:
            if _same(key.secret.get_secret_value(), token):
                yield _warning(
                    "key_is_token",
                    f"The key {key.name} is the token of the instance {name}; create a secret of its own",
                )


def _shared(config: Config) -> Iterator[Finding]:
    """Find instances with one token, or with one user, whose token they then share."""
    by_token: defaultdict[str, list[str]] = defaultdict(list)
    by_user: defaultdict[tuple[str, str | None, str], list[str]] = defaultdict(list)
    for instance in config.instances:
        if instance.token is not None:
            by_token[instance.token.get_secret_value()].append(instance.name)
        elif instance.credentials is not None:
            user = (instance.address, instance.host_header, instance.credentials.username)
            by_user[user].append(instance.name)
    for names in by_token.values():
        if len(names) > 1:
            yield _warning(
                "shared_token",
                f"The instances {', '.join(names)} share one token; a token is good for one Litmus only",
            )
    for names in by_user.values():
        if len(names) > 1:
            yield _warning(
                "shared_token",
                f"The instances {', '.join(names)} are one user of one Litmus, so they share its token; "
                "make one instance of them, or give each a user of its own",
            )


def _shown(config: Config, accepted_by: Collection[str], tokens: Collection[str]) -> Iterator[Finding]:
    display = config.display_token.get_secret_value() if config.display_token is not None else ""
    if accepted_by:
        why = f"is accepted by {', '.join(accepted_by)}"
    elif is_signed(display):
        why = "is a signed token"
    elif any(_same(display, token) for token in tokens):
        why = "is a token that is in use"
    else:
        return
    yield Finding(
        key="real_token_shown",
        severity=FindingSeverity.ERROR,
        sentence=f"litmus.apiToken {why}, and {_REVOKE_IT}",
    )


def pressing(instance: str, status: TokenStatus, now: datetime) -> str | None:
    """Return what an administrator has to know of a token wherever they look; ``None``: nothing."""
    if status.problem is not None:
        return f"The token of the instance {instance}: {status.problem}"
    if status.state is TokenState.REJECTED:
        return f"Litmus does not accept the token of the instance {instance}."
    if status.state is TokenState.MISSING:
        return f"The instance {instance} has no token."
    life = _life(TokenFacts(instance=instance, status=status), now)
    return next((f"{one.sentence}." for one in life if one.key in _PRESSING), None)


def token_findings(facts: TokenFacts, *, actions_enabled: bool, now: datetime) -> Iterator[Finding]:
    """Find what is unwise about one instance's token; what is not known is not judged."""
    yield from _life(facts, now)
    yield from _power(facts, actions_enabled=actions_enabled)
    yield from _user(facts, now)


def unknowns(facts: TokenFacts) -> tuple[str, ...]:
    """Return what is not known, for which nothing can be found; in words."""
    known = {
        "account and password of the token's user": facts.initial_password,
        "the user's API tokens": facts.listed,
        "the user's projects": facts.roles,
        "whether Litmus accepts litmus.apiToken": facts.takes_display_token,
    }
    return tuple(words for words, value in known.items() if value is None)


def _life(facts: TokenFacts, now: datetime) -> Iterator[Finding]:
    status, token = facts.status, f"The token of the instance {facts.instance}"
    if status.token_id is None or status.user_id is None:
        return
    if status.expires_at is None:
        yield _warning("never_expires", f"{token} never expires; make one that does")
        return
    left = status.expires_at - now
    if left <= timedelta(0):
        yield Finding(
            key="token_expired",
            severity=FindingSeverity.ERROR,
            sentence=f"{token} expired on {status.expires_at:%Y-%m-%d}; put a new one in its place",
        )
    elif left <= SOON and status.source != _MANAGED:
        yield _warning(
            "expires_soon",
            f"{token} expires on {status.expires_at:%Y-%m-%d}; put a new one in its place before",
        )
    row = next((one for one in facts.listed or () if one.in_use), None)
    made_at = row.created_at if row is not None and row.created_at is not None else now
    if status.expires_at - made_at > _LONGEST_LIFE:
        yield _warning(
            "lives_too_long",
            f"{token} lives until {status.expires_at:%Y-%m-%d}; make one that lives at most "
            f"{LONGEST_TOKEN_DAYS} days",
        )


def _power(facts: TokenFacts, *, actions_enabled: bool) -> Iterator[Finding]:
    if facts.status.account_role == _ADMIN:
        yield _warning(
            "account_admin",
            f"The user of the instance {facts.instance} is an administrator of Litmus, which the sidecar "
            "never needs; give it the account role user",
        )
    if actions_enabled:
        return
    named, roles = facts.named_projects or frozenset(), facts.roles or {}
    above = [project for project in named if roles.get(project) in _ABOVE_VIEWER]
    if above:
        yield _warning(
            "role_above_need",
            f"The user of the instance {facts.instance} is more than Viewer in "
            f"{counted(len(above), 'project')}, and actions are disabled; Viewer is enough",
        )


def _user(facts: TokenFacts, now: datetime) -> Iterator[Finding]:
    status, user = facts.status, f"The user of the instance {facts.instance}"
    if facts.initial_password:
        yield _warning(
            "initial_password",
            f"{user} still has its initial password; sign in to Litmus as that user once and set another",
        )
    listed = facts.listed
    if listed is not None:
        in_use = next((token for token in listed if token.in_use), None)
        if in_use is None and status.state is TokenState.GOOD and status.source != _MANAGED:
            yield _warning(
                "session_token",
                f"The token of the instance {facts.instance} is none of its user's API tokens, probably "
                "one of a session, which ends with it; create an API token",
            )
        expired = [token for token in listed if token.expires_at is not None and token.expires_at <= now]
        if expired:
            yield Finding(
                key="expired_left",
                severity=FindingSeverity.NOTICE,
                sentence=f"{user} has {counted(len(expired), 'expired API token')} in its list, which "
                "Litmus never removes; revoke them (litmus-sidecar tokens revoke)",
            )
        others = [token for token in listed if token not in expired and _is_other(token, in_use)]
        if others:
            yield _warning(
                "user_not_dedicated",
                f"{user} has {counted(len(others), 'API token')} of other names, so others seem to use it "
                "too; give each use a user of its own, with its own token",
            )
    if (beyond := _beyond_need(facts)) > 0:
        yield _warning(
            "projects_above_need",
            f"{user} is in {counted(beyond, 'project')} that no entity names, and its token reaches them "
            "all; take it out of them",
        )


def _is_other(token: ApiToken, in_use: ApiToken | None) -> bool:
    """Tell whether a token seems to be somebody else's: ours have the name of the one in use."""
    return not token.in_use and (in_use is None or token.name != in_use.name)


def _beyond_need(facts: TokenFacts) -> int:
    """Count the projects that no entity names; one of its own is what Litmus gives each user at sign-in."""
    if not facts.roles or not facts.named_projects:
        return 0
    beyond = [role for project, role in facts.roles.items() if project not in facts.named_projects and role]
    return len(beyond) - (_OWNER in beyond)


def _warning(key: str, sentence: str) -> Finding:
    return Finding(key=key, severity=FindingSeverity.WARNING, sentence=sentence)


def _same(one: str, other: str) -> bool:
    one, other = bare_token(one), bare_token(other)
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))


def _is_internal(host: str) -> bool:
    """Whether a host is this machine or a name that only a cluster or a local network knows."""
    if is_loopback(host):
        return True
    if ":" in host:
        return False
    return "." not in host or host.endswith((".svc", ".svc.cluster.local", ".local"))
