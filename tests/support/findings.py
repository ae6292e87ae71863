"""What `check` finds, as the sentences that people read."""

from collections.abc import Callable

from sidecar.cli.check import Found, examine
from sidecar.cli.check_report import is_note
from sidecar.config import Config
from sidecar.config.report import remarks


def findings(config: Config) -> tuple[str, ...]:
    """Return one sentence per thing in the configuration that is allowed and probably not meant."""
    return tuple(remark.sentence for remark in remarks(config))


async def check(
    config: Config, *, offline: bool, tell: Callable[[Found], None] = lambda _found: None
) -> tuple[str, ...]:
    """Return one sentence per thing that the command finds; empty when all is fine."""
    found = await examine(config, offline=offline, tell=tell)
    return tuple(finding.sentence for finding in found if not is_note(finding))
