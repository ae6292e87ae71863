"""A sidecar to which people of a small Litmus can sign in, and what tests of it share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from sidecar.config import Config
from sidecar.simulator.documents import EXECUTOR, OWNER, VIEWER, User
from tests.e2e.conftest import Small
from tests.support.acting import ShiftedClock
from tests.support.service import Service, config_for, open_service
from tests.support.visitor import Seen, Visitor

COOKIE = "litmus-session"
CART = "/litmus/entities/component/default/cart"


@dataclass
class Door:
    """A sidecar to which people of a small Litmus can sign in."""

    small: Small
    service: Service
    clock: ShiftedClock

    def asked(self, path: str) -> int:
        return sum(request.path == path for request in self.small.simulator.requests)

    @property
    def experiment_id(self) -> str:
        return next(iter(self.small.world.experiments))

    def user(self, name: str) -> User:
        user = self.small.world.user_named(name)
        assert user is not None
        return user

    async def visitor(self, name: str) -> Visitor:
        """Return somebody who is signed in."""
        visitor = Visitor(self.service)
        assert (await visitor.sign_in(name)).status == 303
        return visitor

    async def acted(self, visitor: Visitor, what: str, **fields: str) -> Seen:
        """Send a form of the entity page, whether or not the page shows it."""
        path = f"{CART}/experiments/{self.experiment_id}/{what}"
        return await visitor.post(path, {"csrf": await form_token(visitor), **fields})


async def form_token(visitor: Visitor) -> str:
    return (await visitor.get("/litmus")).page.all("input", name="csrf")[0].attributes["value"]


def config_of(small: Small, **sections: Any) -> Config:
    auth = {"signIn": {"enabled": True}, **sections.pop("auth", {})}
    return config_for({"default": (small.simulator, small.token)}, small.catalog, auth=auth, **sections)


def people(small: Small) -> None:
    """Put somebody of every kind into the small Litmus's project, and make one who is in none."""
    for name, role in {"vera": VIEWER, "egon": EXECUTOR, "olga": OWNER}.items():
        small.world.set_role(small.project, small.world.add_user(name), role)
    small.world.add_user("nora")
    small.world.add_user("root", role="admin")


@asynccontextmanager
async def open_door(small: Small) -> AsyncIterator[Door]:
    """Open the sidecar of a Litmus with these people, on a clock that a test moves."""
    people(small)
    clock = ShiftedClock()
    async with open_service(config_of(small), clock=clock) as service:
        await service.ready()
        yield Door(small, service, clock)


async def accepts(small: Small, token: str) -> bool:
    """Tell whether Litmus takes a token."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{small.simulator.url}/auth/list_projects") as response,
    ):
        return response.status == 200
