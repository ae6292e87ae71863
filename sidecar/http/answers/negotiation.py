"""What a client accepts: media types and encodings with their qualities (RFC 9110, 12)."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

_QUALITY: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


class Offer(NamedTuple):
    """One element of an ``Accept`` header or its kin."""

    name: str
    """Media range or encoding, lower case."""
    parameters: Mapping[str, str]
    """Those beside ``q``, names in lower case."""
    quality: float
    """0 refuses it; what is no quality counts as 1."""


def offers(header: str) -> Iterator[Offer]:
    """Return the elements of the header, in its order."""
    for element in header.split(","):
        name, *rest = (part.strip() for part in element.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        quality = parameters.pop("q", "1")
        if name:
            yield Offer(name.lower(), parameters, float(quality) if _QUALITY.fullmatch(quality) else 1.0)


def accepts_gzip(header: str) -> bool:
    """Tell whether an ``Accept-Encoding`` header lets us compress; naming gzip counts more than ``*``."""
    qualities = {offer.name: offer.quality for offer in offers(header)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def wants_openmetrics(header: str) -> bool:
    """Tell whether an ``Accept`` header prefers OpenMetrics 1.0 to Prometheus's own text.

    Only who names it gets it: to ``*/*`` the text is the answer, as ever.
    """
    openmetrics = text = 0.0
    for offer in offers(header):
        if offer.name == "application/openmetrics-text":
            if offer.parameters.get("version", "1.0.0") in {"1.0.0", "0.0.1"}:
                openmetrics = max(openmetrics, offer.quality)
        elif offer.name in {"text/plain", "text/*", "*/*"}:
            text = max(text, offer.quality)
    return openmetrics > 0 and openmetrics >= text
