"""A browser without script: it keeps cookies, and sends the forms of the pages it looks at."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from typing import Any

from multidict import CIMultiDictProxy

from tests.support.markup import Element, parse_html
from tests.support.service import Service

PASSWORD = "Litmus-1"
SIGN_IN = "/litmus/sign-in"


@dataclass
class Seen:
    """An answer, as far as a browser cares."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str
    cookies: Mapping[str, "Morsel[str]"]

    @property
    def page(self) -> Element:
        return parse_html(self.text)

    @property
    def location(self) -> str:
        return self.headers["Location"]


class Visitor:
    """Somebody with a browser; redirects are not followed."""

    def __init__(self, service: Service, headers: Mapping[str, str] | None = None) -> None:
        self.service = service
        self.headers = dict(headers or {})
        self.cookies: dict[str, str] = {}
        self.origin = service.url("/").rstrip("/")

    def at(self, service: Service) -> "Visitor":
        """Return the same browser, with the same cookies, at another replica."""
        other = Visitor(service, self.headers)
        other.cookies = dict(self.cookies)
        return other

    async def get(self, path: str, **headers: str) -> Seen:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Seen:
        sent = {"Origin": self.origin, **{name.replace("_", "-"): text for name, text in headers.items()}}
        return await self._ask("POST", path, sent, fields)

    async def sign_in(self, username: str, password: str = PASSWORD, **fields: str) -> Seen:
        return await self.post(SIGN_IN, {"username": username, "password": password, **fields})

    async def send(self, form: Element, **fields: str) -> Seen:
        """Send a form with what it holds, and these fields changed."""
        held = {one.attributes["name"]: one.attributes.get("value", "") for one in form.all("input")}
        for choice in form.all("select"):
            chosen = [one for one in choice.all("option") if "selected" in one.attributes]
            held[choice.attributes["name"]] = (chosen or choice.all("option"))[0].attributes["value"]
        return await self.post(form.attributes["action"], {**held, **fields})

    async def sign_out(self) -> Seen:
        page = (await self.get("/litmus")).page
        return await self.send(page.one("form", action="/litmus/sign-out"))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], fields: Mapping[str, str] | None = None
    ) -> Seen:
        sent: dict[str, str] = {**self.headers, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        options: dict[str, Any] = {"headers": sent, "data": fields, "allow_redirects": False}
        async with self.service.session.request(method, self.service.url(path), **options) as response:
            text = await response.text()
            jar: SimpleCookie = SimpleCookie()
            for line in response.headers.getall("Set-Cookie", []):
                jar.load(line)
            for name, morsel in jar.items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
            return Seen(response.status, response.headers, text, jar)
