"""Addresses that keep what the address at hand asks for, so that no link or form loses it; pure."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from sidecar.http.reading.paging import single
from sidecar.insight.windows import WINDOWS, Window

WINDOW_PARAMETERS: Final = ("window", "since", "until", "tz")


def kept_parameters(request: web.Request, names: Sequence[str] = WINDOW_PARAMETERS) -> dict[str, str]:
    """Return these parameters of the address, as far as it gives them."""
    return {name: value for name in names if (value := single(request, name))}


def query_string(parameters: Mapping[str, str]) -> str:
    """Return the parameters as the end of an address, with its question mark; ``""`` without any."""
    return f"?{urlencode(parameters, errors='replace')}" if parameters else ""


def window_links(
    request: web.Request, window: Window, beside: Sequence[str] = ()
) -> list[tuple[str, str, bool]]:
    """Return each window's word, its address, and whether it is the one shown.

    ``beside`` are the parameters to keep with the zone.
    """
    others = kept_parameters(request, ("tz", *beside))
    return [
        (
            named.words,
            request.path + query_string({"window": name} | others),
            name == window.name,
        )
        for name, named in WINDOWS.items()
    ]
