"""Filters of the templates: how figures, times and names are written on pages."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from sidecar.domain.references import split_ref
from sidecar.domain.words import counted
from sidecar.http.pictures.charts.words import clean, moment

NO_SCORE: Final = "no score"
PAPER_ZONE: Final = "paper_zone"
"""The context of a page made to be printed: the zone of all its instants, none of which is relative."""
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
"""An instant as the sentences of what needs attention write it."""


def percent(score: float | None) -> str:
    """Return a score in words: ``87.5 %``; without one, that there is none."""
    return NO_SCORE if score is None else f"{score:g} %"


def points(change: float | None) -> str:
    """Return a change of a score: ``+2.5 points``; ``""`` where there is nothing to compare."""
    if change is None:
        return ""
    return "unchanged" if not change else f"{change:+g} points".replace("-", "\N{MINUS SIGN}")


@pass_context
def when(context: Context, instant: str | datetime | None, relative: bool = False) -> Markup | str:  # noqa: FBT001, FBT002 - a filter's argument
    """Return an instant as an element that the script turns into the viewer's time zone.

    ``relative``: the script says how long ago it is instead. ``never`` for ``None``.
    On paper both would mislead: there it stays in the page's zone.
    """
    if instant is None:
        return "never"
    known = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return _time(context, known, f"{known.astimezone(UTC):%d %b %Y, %H:%M} UTC", is_relative=relative)


def _time(context: Context, instant: datetime, text: str, *, is_relative: bool = False) -> Markup:
    iso = instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    zone = context.get(PAPER_ZONE)
    if zone is not None:
        return Markup('<time datetime="{}" data-fixed>{}</time>').format(iso, moment(iso, zone))
    relative = Markup(" data-relative") if is_relative else ""
    return Markup('<time datetime="{}"{}>{}</time>').format(iso, relative, text)


@pass_context
def attention_sentence(context: Context, sentence: str, name: str) -> Markup:
    """Return a sentence of what needs attention: the name in it as :func:`isolate`, instants as elements."""
    if not name:
        return _with_times(context, sentence)
    before, found, after = sentence.partition(name)
    if not found:
        return isolate(sentence)
    return Markup("{}{}{}").format(_with_times(context, before), isolate(name), _with_times(context, after))


def _with_times(context: Context, text: str) -> Markup:
    """Return our own words with their instants as elements; those are split out at every second place."""
    parts = _INSTANT.split(text)
    return Markup("").join(
        _time(context, datetime.fromisoformat(part).replace(tzinfo=UTC), f"{part} UTC") if place % 2 else part
        for place, part in enumerate(parts)
    )


def isolate(text: str) -> Markup:
    """Return a text of Litmus or the catalog, kept apart so that its direction does not turn ours.

    A ``bdi`` finds its direction by itself; no attribute has to say so.
    """
    return Markup("<bdi>{}</bdi>").format(clean(text))


def external_link(url: str) -> Markup:
    """Return the attributes of a link to another origin, which opens in a tab of its own.

    In a frame it would take our place. The style sheet marks such links, in words for screen readers.
    """
    return Markup('href="{}" target="_blank" rel="noopener noreferrer"').format(url)


def entity_path(ref: str) -> str:
    """Return the address of an entity's page, from its full reference."""
    return "/".join(("/litmus/entities", *split_ref(ref)))


def entity_name(ref: str) -> str:
    """Return the short name of a reference, as Backstage shows it: without kind and the default namespace."""
    rest = ref.partition(":")[2] or ref
    return rest.removeprefix("default/")


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "percent": percent,
    "points": points,
    "number": counted,
    "when": when,
    "attention_sentence": attention_sentence,
    "clean": clean,
    "isolate": isolate,
    "external_link": external_link,
    "entity_path": entity_path,
    "entity_name": entity_name,
}
