"""A Backstage backend on a real port: signing keys, tokens, userinfo and catalog, as recorded of a real one.

Its keys rotate, its failures are scripted, and it keeps what it was asked. It
checks signatures itself and trusts no code of the product.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from uuid import uuid4

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER: Final = "https://backstage.example.com/api/auth"
CATALOG_TOKEN: Final = "catalog-reader-0123456789"
ANNOTATION: Final = "litmuschaos.io/project-id"


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class StoppableClock(FixedClock):
    """The real time until it is stopped; from then on it stands until it is moved."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self._is_running = True

    def __call__(self) -> datetime:
        if self._is_running:
            self.now = datetime.now(UTC)
        return self.now

    def stop(self) -> None:
        self._is_running = False


class SigningKey:
    """A private key with an id, as Backstage makes one per token lifetime."""

    def __init__(self) -> None:
        self.key_id = str(uuid4())
        self.private: EllipticCurvePrivateKey = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, Any]:
        public = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.key_id, "alg": "ES256"}

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        headers = {"typ": "vnd.backstage.user", "kid": self.key_id, **header}
        return jwt.encode(dict(claims), self.private, algorithm="ES256", headers=headers)


def user_claims(sub: str = "user:default/alice", *, now: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """Return the claims of a user token; a change to ``None`` takes the claim out."""
    issued = int(now.timestamp())
    claims = {
        "iss": ISSUER,
        "sub": sub,
        "aud": "backstage",
        "iat": issued,
        "exp": issued + 3600,
        "uip": "c2lnbmF0dXJl",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def hand_made(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """Return a token with any header and signature, as no library would make it."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def unlisted_token() -> str:
    """Return a user token that is good but for its key, which nobody listed."""
    return SigningKey().sign(user_claims())


def limited_user_token(key: SigningKey) -> str:
    """Return what Backstage makes for cookies: anybody can rebuild it from a token's ``uip``."""
    issued = int(NOW.timestamp())
    claims = {"sub": "user:default/alice", "iat": issued, "exp": issued + 3600}
    return key.sign(claims, typ="vnd.backstage.limited-user")


def component(name: str, project_id: str | None = "p-1", **changes: Any) -> dict[str, Any]:
    """Return an entity as the catalog has it, owned by team-a."""
    annotations = {"backstage.io/managed-by-location": "file:/entities.yaml"}
    if project_id is not None:
        annotations[ANNOTATION] = project_id
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name, "namespace": "default", "uid": str(uuid4()), "annotations": annotations},
        "spec": {"type": "service", "owner": "team-a"},
        "relations": [{"type": "ownedBy", "targetRef": "group:default/team-a"}],
        **changes,
    }


@dataclass
class Backstage:
    """The running backend; tests change its state between requests."""

    url: str = ""
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey()])
    """Listed keys; the last one signs."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Ownership references by user, besides their own."""
    entities: list[dict[str, Any]] = field(default_factory=list)
    visible: dict[str, set[str]] = field(default_factory=dict)
    """Entities a user may see, by user; who is not here sees all."""
    service_keys: list[Mapping[str, Any]] = field(default_factory=list)
    """Public keys of external access of type ``jwks``; issuer ``sidecar``, audience ``backstage-catalog``."""
    failing: dict[str, int | bytes | None] = field(default_factory=dict)
    """By path: a status to answer with, bytes for a broken 200, or ``None`` to close the connection."""
    issuer: str = ISSUER
    """Who it says that it is."""
    date: datetime | None = None
    """What its clock shows, UTC; ``None``: what ours does."""
    circling: bool = False
    """Whether the cursor of a page leads to the same page."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by path."""
    tokens: list[str | None] = field(default_factory=list)
    """What came as ``Authorization``, in order."""
    queries: list[dict[str, str]] = field(default_factory=list)
    """The query parameters of each catalog page."""
    refs_asked: list[list[str]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    """Answers wait for it; set at the start."""

    def token(self, sub: str = "user:default/alice", **changes: Any) -> str:
        return self.keys[-1].sign(user_claims(sub, **changes))

    def rotate(self) -> None:
        self.keys.append(SigningKey())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked[path] += 1
        self.tokens.append(request.headers.get("Authorization"))
        await self.hold.wait()
        if path in self.failing:
            return self._fail(request, self.failing[path])
        match path:
            case "/api/auth/.well-known/jwks.json" | "/api/auth/.well-known/openid-configuration":
                return self._well_known(path)
            case "/api/auth/v1/userinfo":
                return self._userinfo(request)
            case "/api/catalog/entities/by-query":
                return self._by_query(request)
            case "/api/catalog/entities/by-refs":
                return await self._by_refs(request)
            case _:
                return _error(404, "NotFoundError")

    def _well_known(self, path: str) -> web.StreamResponse:
        # Without one of ours the server writes the time of its clock.
        headers = {} if self.date is None else {"Date": format_datetime(self.date, usegmt=True)}
        if path.endswith("jwks.json"):
            return web.json_response({"keys": [key.jwk for key in self.keys]}, headers=headers)
        told = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/.well-known/jwks.json"}
        return web.json_response(told, headers=headers)

    def _fail(self, request: web.Request, how: int | bytes | None) -> web.StreamResponse:
        if how is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if isinstance(how, bytes):
            return web.Response(body=how, content_type="application/json")
        return _error(how, "Error")

    def user_of(self, request: web.Request) -> str | None:
        """Return whose token came, by signature and kind alone: expiry is the product's to check."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        for key in self.keys:
            try:
                claims = jwt.decode(
                    token,
                    key.private.public_key(),
                    algorithms=["ES256"],
                    options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
                )
            except jwt.PyJWTError:
                continue
            return str(claims["sub"])
        return None

    def _is_service(self, request: web.Request) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == CATALOG_TOKEN:
            return True
        for key in self.service_keys:
            try:
                jwt.decode(
                    token,
                    jwt.PyJWK(dict(key)),
                    issuer="sidecar",
                    audience="backstage-catalog",
                    options={"verify_exp": False, "verify_iat": False},
                )
            except jwt.PyJWTError:
                continue
            return True
        return False

    def _userinfo(self, request: web.Request) -> web.StreamResponse:
        user = self.user_of(request)
        if user is None:
            return _error(401, "AuthenticationError")
        return web.json_response({"claims": {"sub": user, "ent": [user, *self.groups.get(user, [])]}})

    def _by_query(self, request: web.Request) -> web.StreamResponse:
        if not self._is_service(request):
            return _error(401, "AuthenticationError")
        query = dict(request.query)
        self.queries.append(query)
        first = 0
        if "cursor" in query:
            first = int(base64.b64decode(query["cursor"]))
        elif query.get("filter") != f"metadata.annotations.{ANNOTATION}":
            return _error(400, "InputError")
        # The catalog compares keys and values without regard to case.
        found = [
            entity
            for entity in self.entities
            if any(name.lower() == ANNOTATION for name in entity["metadata"].get("annotations", {}))
        ]
        limit = int(query.get("limit", "200"))
        page = [
            _selected(entity, query.get("fields", "").split(",")) for entity in found[first : first + limit]
        ]
        info: dict[str, str] = {}
        if first + limit < len(found):
            following = first if self.circling else first + limit
            info["nextCursor"] = base64.b64encode(str(following).encode()).decode()
        return web.json_response({"items": page, "totalItems": len(found), "pageInfo": info})

    async def _by_refs(self, request: web.Request) -> web.StreamResponse:
        user = self.user_of(request)
        if user is None and not self._is_service(request):
            return _error(401, "AuthenticationError")
        body = await request.json()
        self.refs_asked.append(body["entityRefs"])
        known = {_ref(entity): entity for entity in self.entities}
        seen = self.visible.get(user, set(known)) if user is not None else set(known)
        items = [
            _selected(known[ref], body["fields"]) if ref in known and ref in seen else None
            for ref in body["entityRefs"]
        ]
        return web.json_response({"items": items})


def _ref(entity: Mapping[str, Any]) -> str:
    metadata = entity["metadata"]
    return f"{entity['kind']}:{metadata.get('namespace', 'default')}/{metadata['name']}".lower()


def _selected(entity: Mapping[str, Any], fields: list[str]) -> dict[str, Any]:
    """Return the parts that ``fields`` name; a name that a key with dots begins matches it, too."""
    selected: dict[str, Any] = {}
    for name in fields:
        head, _, rest = name.partition(".")
        if head not in entity:
            continue
        if not rest:
            selected[head] = entity[head]
            continue
        inner = selected.setdefault(head, {})
        if rest in entity[head]:
            inner[rest] = entity[head][rest]
        elif "." in rest:
            outer, _, key = rest.partition(".")
            for found, value in entity[head].get(outer, {}).items():
                if found.lower() == key.lower():
                    inner.setdefault(outer, {})[found] = value
    return selected


def _error(status: int, name: str) -> web.Response:
    return web.json_response({"error": {"name": name, "message": "as recorded"}}, status=status)


@asynccontextmanager
async def open_backstage() -> AsyncIterator[Backstage]:
    """Serve on a free port of loopback."""
    backstage = Backstage()
    backstage.hold.set()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", backstage.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        backstage.url = f"http://{host}:{port}"
        yield backstage
    finally:
        await runner.cleanup()
