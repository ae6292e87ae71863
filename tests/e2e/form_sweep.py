"""Sends the real forms of the pages, as people do who are signed in, and keeps what they are told."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.e2e.sweeping import PASSWORD, WRONG_KEY, Marked
from tests.support.markup import Element
from tests.support.service import Service
from tests.support.visitor import SIGN_IN, Seen, Visitor

INSTANCE = "managed"
"""Whose tokens can be rotated, too."""
CART = f"/litmus/entities/component/default/cart-{INSTANCE}"
TOKENS = f"/litmus/settings/tokens?instance={INSTANCE}"
ORIGIN = "https://sidecar.example.com"


@dataclass
class Person:
    """Somebody who opened all pages while all was fine, and will send what is on them."""

    visitor: Visitor
    forms: Sequence[tuple[str, Element]]
    """With what each does."""
    sign_out: Element


class FormSweep:
    """Sends every form under each condition; to each condition belong people and experiments of its own."""

    def __init__(self, service: Service, marked: Marked) -> None:
        self._service = service
        self._marked = marked
        self._people: dict[str, Person] = {}
        self.told: list[tuple[str, str]] = []
        """Place and text of every answer."""
        self.statuses: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """By condition, and by what a form does."""

    async def open(self, conditions: Sequence[str]) -> None:
        """Sign people in, and open the pages; their sessions are secrets from now on."""
        for condition in conditions:
            visitor = self._visitor(f"person-{condition}")
            form = (await visitor.get(SIGN_IN)).page.one("form", action=SIGN_IN)
            entered = await visitor.send(
                form, username=f"person-{condition}", password=PASSWORD, instance=INSTANCE
            )
            assert entered.status == 303, entered.text
            for secret in visitor.cookies.values():
                self._marked.leaks.add(f"cookie while Litmus {condition}", secret)
            entity, tokens = (await visitor.get(CART)).page, (await visitor.get(TOKENS)).page
            self._people[condition] = Person(
                visitor,
                [*self._actions(entity, condition), *_token_forms(tokens, condition)],
                entity.one("form", action="/litmus/sign-out"),
            )

    async def all(self, condition: str) -> None:
        """Send everything that belongs to a condition, which is in force; signing out comes last."""
        person = self._people[condition]
        await asyncio.gather(
            *(self._send(condition, what, person.visitor, form) for what, form in person.forms),
            self._enter_twice(condition),
        )
        for path in (CART, TOKENS):
            self._keep(f"{path} while Litmus {condition}", await person.visitor.get(path))
        await self._send(condition, "sign out", person.visitor, person.sign_out)

    def _visitor(self, name: str) -> Visitor:
        """Return a browser with an address of its own, so that nobody is in another's way."""
        number = len(self._people) + 1 if name.startswith("person") else 100 + len(name)
        forwarded = {
            "X-Forwarded-For": f"192.0.2.{number}",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "sidecar.example.com",
        }
        visitor = Visitor(self._service, forwarded)
        visitor.origin = ORIGIN
        return visitor

    def _actions(self, entity: Element, condition: str) -> list[tuple[str, Element]]:
        """Return the forms of the experiments that belong to a condition."""
        experiments = self._marked.simulator.world.experiments.values()
        own = {one.experiment_id for one in experiments if one.name.endswith(f"-{condition}")}
        found = []
        for form in entity.all("form", method="post"):
            path = form.attributes["action"].split("/")
            if path[-2] in own:
                found.append((path[-1], form))
        return found

    async def _enter_twice(self, condition: str) -> None:
        # One after the other: of two attempts at one account at once the later one is not asked about.
        await self._enter(condition, "sign in", PASSWORD)
        await self._enter(condition, "sign in badly", WRONG_KEY)

    async def _enter(self, condition: str, what: str, password: str) -> None:
        visitor = self._visitor(f"guest-{condition}")
        page = await visitor.get(f"{SIGN_IN}?next={CART}")
        form = page.page.one("form", action=SIGN_IN)
        entered = {"username": f"guest-{condition}", "password": password, "instance": "default"}
        await self._send(condition, what, visitor, form, **entered)

    async def _send(self, condition: str, what: str, visitor: Visitor, form: Element, **fields: str) -> None:
        if what == "create":
            fields["name"] = f"made-{condition}"
        seen = await visitor.send(form, **fields)
        self.statuses[condition][what] = seen.status
        place = f"{what} while Litmus {condition}"
        self._keep(place, seen)
        if "Location" in seen.headers:
            self._keep(f"the page after {place}", await visitor.get(seen.location))

    def _keep(self, place: str, seen: Seen) -> None:
        text = seen.text
        if seen.status == 201:
            # The value of a new token is told on purpose, this once.
            text = text.replace(seen.page.by_id("new-token").attributes["value"], "")
        headers = [(name, value) for name, value in seen.headers.items() if name != "Set-Cookie"]
        self.told += [(place, text), (f"headers of {place}", repr(headers))]


def _token_forms(page: Element, condition: str) -> list[tuple[str, Element]]:
    """Return the forms of the page of tokens; of those that revoke the one that belongs to a condition."""
    found = []
    for form in page.all("form", method="post"):
        does = [one.attributes["value"] for one in form.all("input", name="do")]
        if not does or (does == ["revoke"] and f"spare-{condition} " not in form.text):
            continue
        found.append((does[0], form))
    return found
