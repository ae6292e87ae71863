"""Reads what a schedule's manifest alone tells: suspension, time zone, and what it does about overlaps.

Pure, and never raises: the text is whatever somebody stored. It may hold
secrets, so only these few values leave this module; nothing quotes it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from sidecar.config.yaml_text import TextError, parse_yaml
from sidecar.domain.model import Concurrency
from sidecar.domain.unreadable import UNREADABLE

LARGEST_JSON: Final = 4 * 1024 * 1024
LARGEST_YAML: Final = 32 * 1024
"""Characters. YAML is read by slow code; Litmus stores JSON, so that only foreign data is YAML at all."""
_LONGEST_ZONE: Final = 100
_LONGEST_DEADLINE: Final = 2**63 - 1


class ScheduleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a CronWorkflow that the list of experiments does not have."""

    suspended: bool
    timezone: str | None
    """``None``: the manifest names none."""
    concurrency: Concurrency = Concurrency.ALLOW
    """Argo's default where the manifest says nothing."""
    starting_deadline_seconds: int | None = None
    """How late a run may still start; ``None``: not given."""


def parse_manifest(text: str) -> ScheduleSpec | None:
    """Return what an Argo CronWorkflow says; ``None`` if the text is none that can be read."""
    manifest = _plain(text)
    if not isinstance(manifest, Mapping) or manifest.get("kind", "CronWorkflow") != "CronWorkflow":
        return None
    spec = manifest.get("spec")
    if not isinstance(spec, Mapping):
        return None
    suspend = spec.get("suspend")
    if not isinstance(suspend, bool | None):
        return None
    zone = spec.get("timezone")
    named = isinstance(zone, str) and 0 < len(zone) <= _LONGEST_ZONE
    policy = spec.get("concurrencyPolicy")
    deadline = spec.get("startingDeadlineSeconds")
    is_deadline = type(deadline) is int and 0 <= deadline <= _LONGEST_DEADLINE
    return ScheduleSpec(
        suspended=bool(suspend),
        timezone=zone if named else None,
        concurrency=next((one for one in Concurrency if one == policy), Concurrency.ALLOW),
        starting_deadline_seconds=deadline if is_deadline else None,
    )


def _plain(text: str) -> object:
    if len(text) > LARGEST_JSON:
        return None
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        pass  # Then it may be YAML.
    if len(text) > LARGEST_YAML:
        return None
    try:
        return parse_yaml(text)
    except TextError:
        return None
