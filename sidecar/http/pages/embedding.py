"""Pages in a frame, such as one of Backstage: without header and footer, and nothing leads out of that; pure.

``?embed=1`` asks for it. Templates write addresses as ever; all that lead to
pages of ours get the parameter in one place, as they get the prefix of
``publicUrl``.
"""

import re
from html import escape, unescape
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from sidecar.http.route import PAGES, Parameter

NAME: Final = "embed"
_ASKED: Final = f"{NAME}=1"
EMBED: Final = Parameter(
    name=NAME,
    description="`1`: for a frame, without header and footer; links keep it.",
    schema={"type": "string", "enum": ["1"]},
)
_ADDRESS: Final = re.compile(rf'\b(href|action)="({PAGES}(?!/assets/)(?:[/?#][^"]*)?)"')
"""An attribute of our templates that leads to a page; in texts of others a quote is escaped."""
_FORM: Final = re.compile(r"<form\b[^<>]*>")
_FIELD: Final = f'<input type="hidden" name="{NAME}" value="1">'
"""For a form whose fields replace the query of its address."""


def is_embedded(request: web.Request) -> bool:
    """Tell whether the page is for a frame."""
    return request.query.get(NAME) == "1"


def embedded(address: str) -> str:
    """Return an address of a page as one for a frame."""
    parts = urlsplit(address)
    if _ASKED in parts.query.split("&"):
        return address
    return parts._replace(query="&".join(filter(None, (parts.query, _ASKED)))).geturl()


def same_embedding(request: web.Request, address: str) -> str:
    """Return where a request leads to: a page for a frame, if it came from one."""
    return embedded(address) if is_embedded(request) else address


def embedded_markup(markup: str) -> str:
    """Return a page whose links and forms lead to pages for a frame."""
    markup = _ADDRESS.sub(lambda found: f'{found[1]}="{_in_markup(found[2])}"', markup)
    return _FORM.sub(lambda found: found[0] + (_FIELD if 'method="get"' in found[0] else ""), markup)


def _in_markup(address: str) -> str:
    """Return the address in an attribute as one for a frame."""
    return escape(embedded(unescape(address)))
