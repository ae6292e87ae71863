"""People by their Backstage token: is it genuine, whose is it, which groups are theirs.

The token that Backstage's proxy forwards is the person's whole Backstage
credential: it goes to the configured Backstage only, and into no log, error or
cache (digests stand for it). Must not decide what anybody may do.
"""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import jwt
import structlog
from cachetools import TLRUCache
from jwt.exceptions import InvalidSubjectError

from sidecar.backstage.caching import AsyncCache, expiring_cache, token_digest
from sidecar.backstage.jwks import IssuerKeys
from sidecar.backstage.transport import BackstageError, BackstageHttp
from sidecar.domain.errors import ConfigError, UnauthenticatedError
from sidecar.domain.ports import Clock
from sidecar.domain.references import full_ref
from sidecar.domain.unreadable import UNREADABLE
from sidecar.identity.people import Person

JWKS_PATH: Final = "/api/auth/.well-known/jwks.json"
USERINFO_PATH: Final = "/api/auth/v1/userinfo"

USER_TYPE: Final = "vnd.backstage.user"
AUDIENCE: Final = "backstage"
SIGNING_ALGORITHMS: Final = frozenset(
    {"ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"}
)
"""What Backstage can be told to sign with; shared secrets are not among them."""
LEEWAY_SECONDS: Final = 10.0
"""How far Backstage's clock and ours may differ."""
MAX_TOKEN_LENGTH: Final = 16_384
MAX_KEY_ID_LENGTH: Final = 256
VERIFIED_TOKENS: Final = 20_000

OWNERSHIP_SECONDS: Final = 60.0
OWNERSHIP_FAILED_SECONDS: Final = 5.0
"""How long a person is without their groups after Backstage did not tell them."""
MAX_OWNERSHIP_REFS: Final = 10_000

_OTHER_KINDS: Final = {
    "vnd.backstage.limited-user": "It is a limited user token, which is for reading from Backstage alone.",
    "vnd.backstage.plugin": "It is the token of a Backstage plugin, not of a person.",
}
_LAST_SECOND: Final = 253_402_300_799
"""End of the year 9999, in Unix time."""
_JWT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_log = structlog.get_logger(__name__)


class Refusal(StrEnum):
    """Why a token does not hold; few, and stable, for metrics and tests."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    KIND = "kind"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    CLAIM_MISSING = "claim_missing"
    AUDIENCE = "audience"
    ISSUER = "issuer"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    SUBJECT = "subject"


class TokenRefusedError(UnauthenticatedError):
    """A Backstage token does not hold."""

    def __init__(self, reason: Refusal, sentence: str) -> None:
        super().__init__(f"Backstage token not accepted. {sentence}")
        self.reason = reason


class Proof(NamedTuple):
    """That a token was verified, and for how long that counts."""

    version: int
    """Of the keys it was verified with."""
    until: datetime


class BackstageUsers:
    """Verifies people's tokens against one Backstage; made by :func:`open_backstage_users`."""

    def __init__(
        self, http: BackstageHttp, keys: IssuerKeys, *, issuer: str, algorithms: frozenset[str], clock: Clock
    ) -> None:
        self._http = http
        self._keys = keys
        self._issuer = issuer
        self._algorithms = algorithms
        self._clock = clock
        self._verified: TLRUCache[tuple[bytes, int], tuple[Person, float]] = expiring_cache(
            VERIFIED_TOKENS, clock
        )
        self._ownership: AsyncCache[bytes, frozenset[str]] = AsyncCache(entries=VERIFIED_TOKENS, clock=clock)

    async def verify(self, token: str) -> Person:
        """Return whose token it is.

        Raises:
            TokenRefusedError: If it does not hold, or is of a kind that stands for no person.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefusedError(Refusal.TOO_LARGE, f"It is longer than {MAX_TOKEN_LENGTH} characters.")
        digest = token_digest(token)
        kept = self._verified.get((digest, self._keys.version))
        if kept is not None:
            self._keys.keep_fresh()
            return kept[0]
        key, algorithm = await self._key_of(token)
        person = self._person(_claims(token, key, algorithm, self._issuer))
        ends = _unix(person.expires_at) + LEEWAY_SECONDS
        self._verified[digest, self._keys.version] = (person, ends)
        return person

    def proof(self, token: str) -> Proof | None:
        """Return for how long a token that was verified lately is one; ``None``: it was not."""
        kept = self._verified.get((token_digest(token), self._keys.version))
        if kept is None:
            return None
        return Proof(self._keys.version, datetime.fromtimestamp(kept[1], UTC))

    def still_holds(self, proof: Proof) -> bool:
        """Tell whether what was proven counts as long as its time is not over: the keys are the same."""
        self._keys.keep_fresh()
        return proof.version == self._keys.version

    async def ownership(self, token: str) -> frozenset[str]:
        """Return the references a person acts as: their own and their groups', full and lower-case.

        Told by Backstage, kept for a minute. If Backstage does not tell, the
        person acts as themselves alone.

        Raises:
            TokenRefusedError: As :meth:`verify`.
        """
        person = await self.verify(token)

        async def fetch() -> tuple[frozenset[str], float]:
            return await self._fetch_ownership(token, person)

        return await self._ownership.get(token_digest(token), fetch)

    async def _key_of(self, token: str) -> tuple[jwt.PyJWK, str]:
        """Return the key that signed the token, by what its header says, and the algorithm."""
        if not _JWT.fullmatch(token):
            raise TokenRefusedError(
                Refusal.MALFORMED, "It is no signed token; a static token stands for a program, not a person."
            )
        try:
            header: Mapping[str, Any] | None = jwt.get_unverified_header(token)
        except UNREADABLE:
            header = None
        # Extensions that must be understood: Backstage has none, and neither have we.
        if header is None or "crit" in header:
            raise TokenRefusedError(Refusal.MALFORMED, "Its header is not as Backstage writes it.")
        kind = header.get("typ")
        if kind != USER_TYPE:
            why = _OTHER_KINDS.get(kind) if isinstance(kind, str) else None
            raise TokenRefusedError(Refusal.KIND, why or "It is not of the kind that Backstage gives a user.")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise TokenRefusedError(
                Refusal.ALGORITHM, "It is not signed by an algorithm of auth.backstage.algorithms."
            )
        if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID_LENGTH:
            raise TokenRefusedError(Refusal.MALFORMED, "Its header is not as Backstage writes it.")
        key = await self._keys.get(key_id)
        if key is None:
            why = "It is signed with a key that Backstage does not list."
            if self._keys.error is not None:
                why = f"Its signature cannot be checked now: {self._keys.error}"
            raise TokenRefusedError(Refusal.KEY, why)
        if key.algorithm_name != algorithm:
            raise TokenRefusedError(Refusal.ALGORITHM, "Its algorithm is not that of the key it names.")
        return key, algorithm

    def _person(self, claims: Mapping[str, Any]) -> Person:
        now = self._clock().timestamp()
        if _seconds(claims["exp"]) <= now - LEEWAY_SECONDS:
            raise TokenRefusedError(Refusal.EXPIRED, "It has expired; reload the page in Backstage.")
        if max(_seconds(claims["iat"]), _seconds(claims.get("nbf", 0))) > now + LEEWAY_SECONDS:
            raise TokenRefusedError(
                Refusal.NOT_YET, "It is from the future: check the clocks of both servers."
            )
        ref = full_ref(claims["sub"], "user")
        if ref is None:
            raise TokenRefusedError(Refusal.SUBJECT, "It names no user.")
        return Person(ref=ref, expires_at=datetime.fromtimestamp(_seconds(claims["exp"]), UTC))

    async def _fetch_ownership(self, token: str, person: Person) -> tuple[frozenset[str], float]:
        alone = frozenset({person.ref})
        try:
            answer = await self._http.get(USERINFO_PATH, token=token)
        except BackstageError as error:
            _log.warning("person acts without groups", person=person.ref, reason=str(error))
            return alone, OWNERSHIP_FAILED_SECONDS
        claims = answer.get("claims") if isinstance(answer, Mapping) else None
        refs = claims.get("ent") if isinstance(claims, Mapping) else None
        if (
            not isinstance(claims, Mapping)
            or not isinstance(refs, list)
            or len(refs) > MAX_OWNERSHIP_REFS
            or full_ref(claims.get("sub"), "user") != person.ref
        ):
            _log.warning(
                "person acts without groups", person=person.ref, reason="userinfo is of no known shape"
            )
            return alone, OWNERSHIP_FAILED_SECONDS
        return alone | {ref for text in refs if (ref := full_ref(text))}, OWNERSHIP_SECONDS


def _claims(token: str, key: jwt.PyJWK, algorithm: str, issuer: str) -> Mapping[str, Any]:
    """Return the claims of a token that is signed by the key, for us, by our Backstage; times unchecked."""
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            issuer=issuer,
            options={
                "require": ["exp", "iat", "sub", "iss", "aud"],
                "strict_aud": True,
                # Against the clock that was handed in, by _person.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidSignatureError:
        refused = TokenRefusedError(Refusal.SIGNATURE, "Its signature does not match.")
    except jwt.MissingRequiredClaimError:
        refused = TokenRefusedError(
            Refusal.CLAIM_MISSING, "A claim is missing that every token of a user has."
        )
    except jwt.InvalidAudienceError:
        refused = TokenRefusedError(Refusal.AUDIENCE, "It is not meant for Backstage.")
    except jwt.InvalidIssuerError:
        refused = TokenRefusedError(
            Refusal.ISSUER, "Another Backstage issued it; see auth.backstage.issuer and backend.baseUrl."
        )
    except InvalidSubjectError:
        refused = TokenRefusedError(Refusal.SUBJECT, "It names no user.")
    except UNREADABLE:
        refused = _malformed()
    else:
        return claims
    raise refused


def _seconds(claim: object) -> float:
    # The comparison is false for NaN, and safe for integers that no float can hold.
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not 0 <= claim <= _LAST_SECOND:
        raise _malformed()
    return float(claim)


def _unix(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0


def _malformed() -> TokenRefusedError:
    return TokenRefusedError(Refusal.MALFORMED, "Its claims are not as Backstage writes them.")


@asynccontextmanager
async def open_backstage_users(
    http: BackstageHttp, *, issuer: str, algorithms: Collection[str] = ("ES256",), clock: Clock
) -> AsyncIterator[BackstageUsers]:
    """Open the verification of people's tokens.

    ``issuer`` is compared as it is; it is Backstage's public address, which
    need not be the one ``http`` asks (contract: ``auth.backstage.issuer``).

    Raises:
        ConfigError: If an algorithm is unknown or has no public key.
    """
    if unusable := sorted(set(algorithms) - SIGNING_ALGORITHMS):
        raise ConfigError((f"auth.backstage.algorithms: {', '.join(unusable)} cannot be used.",))
    keys = IssuerKeys(lambda: http.get(JWKS_PATH), clock=clock)
    try:
        yield BackstageUsers(http, keys, issuer=issuer, algorithms=frozenset(algorithms), clock=clock)
    finally:
        await keys.close()
