"""How figures and times are worded on pages; filters of the templates."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup

from sidecar.web.charts.words import clean

NO_SCORE: Final = "no score"


def percent(score: float | None) -> str:
    """Return a score in words: ``87.5 %``; without one, that there is none."""
    return NO_SCORE if score is None else f"{score:g} %"


def points(change: float | None) -> str:
    """Return a change of a score: ``+2.5 points``; ``""`` where there is nothing to compare."""
    if change is None:
        return ""
    return "unchanged" if not change else f"{change:+g} points".replace("-", "\N{MINUS SIGN}")


def number(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 run``, ``2 runs``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def when(instant: str | datetime | None, relative: bool = False) -> Markup | str:  # noqa: FBT001, FBT002 - a filter's argument
    """Return an instant as an element that the script turns into the viewer's time zone.

    ``relative``: the script adds how long ago it is. ``never`` for ``None``.
    """
    if instant is None:
        return "never"
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    moment = moment.astimezone(UTC)
    return Markup('<time datetime="{}"{}>{}</time>').format(
        moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        Markup(" data-relative") if relative else "",
        f"{moment:%d %b %Y, %H:%M} UTC",
    )


def foreign(text: str) -> Markup:
    """Return a text of Litmus or the catalog, kept apart so that its direction does not turn ours.

    A ``bdi`` finds its direction by itself; no attribute has to say so.
    """
    return Markup("<bdi>{}</bdi>").format(clean(text))


def entity_path(ref: str) -> str:
    """Return the address of an entity's page, from its full reference."""
    kind, _, rest = ref.partition(":")
    namespace, _, name = rest.partition("/")
    return f"/litmus/entities/{kind}/{namespace}/{name}"


def entity_name(ref: str) -> str:
    """Return the short name of a reference, as Backstage shows it: without kind and the default namespace."""
    rest = ref.partition(":")[2] or ref
    return rest.removeprefix("default/")


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "percent": percent,
    "points": points,
    "number": number,
    "when": when,
    "clean": clean,
    "foreign": foreign,
    "entity_path": entity_path,
    "entity_name": entity_name,
}
