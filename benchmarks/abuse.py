"""Attacks on a service of its own, and what others wait for meanwhile.

Each attack gets its own ``litmus-sidecar serve`` as a child process, with a
simulated ChaosCenter, on loopback and in a temporary directory; it lasts a few
seconds and ends with everything it started. Two callers who do nothing wrong
measure from a process of their own: one asks ``/healthz``, the other a warm
``POST /api/query``. The server has one core, everybody else another.

``python -m benchmarks.abuse [NAME…] [--seconds N] [--quiet-seconds N] [--json FILE]``
from the root of the repository prints a Markdown table. The goal, on a machine
with nothing else to do: the worst health answer below 100 ms, the other
caller's median below three times its quiet one, and a process that lives.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.abusing.attacks import ATTACKS, Attack
from benchmarks.abusing.measuring import Finding, measure
from benchmarks.abusing.process import LAST

HEALTH_MS: Final = 100.0
QUERY_RATIO: Final = 3.0
_COLUMNS: Final = (
    "attack",
    "health, median ms: quiet → attacked",
    "health, worst ms: quiet → attacked",
    "query, median ms: quiet → attacked",
    "ratio",
    "failed",
    "RSS MB: before → peak → after",
    "alive",
    "machine: probe late ms, server kept waiting",
    "goal",
)


def is_reached(finding: Finding) -> bool:
    """Tell whether nobody suffered more than they may."""
    worst, ratio = finding.attacked.health.worst_ms, finding.query_ratio
    return (
        finding.alive
        and worst is not None
        and worst < HEALTH_MS
        and ratio is not None
        and ratio < QUERY_RATIO
        and finding.attacked.health.failed == finding.attacked.query.failed == 0
    )


def row(finding: Finding) -> str:
    """Return a line of the table."""
    quiet, attacked = finding.quiet, finding.attacked
    cells = (
        f"{finding.name}",
        f"{_figure(quiet.health.median_ms)} → {_figure(attacked.health.median_ms)}",
        f"{_figure(quiet.health.worst_ms)} → {_figure(attacked.health.worst_ms)}",
        f"{_figure(quiet.query.median_ms)} → {_figure(attacked.query.median_ms)}",
        _figure(finding.query_ratio),
        f"{attacked.health.failed + attacked.query.failed}",
        " → ".join(_figure(size, 0) for size in (finding.before_mb, finding.peak_mb, finding.after_mb)),
        "yes" if finding.alive else "**no**",
        f"{_figure(attacked.probe_late_ms, 0)}, {_share(attacked.kept_waiting)}",
        "reached" if is_reached(finding) else "**missed**",
    )
    return "| " + " | ".join(cells) + " |"


def _figure(value: float | None, digits: int = 1) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


async def run(attacks: Sequence[Attack], quiet_seconds: float, seconds: float) -> list[Finding]:
    """Run the attacks one after the other; print each line of the table once it is known."""
    print("| " + " | ".join(_COLUMNS) + " |\n" + "| --- " * len(_COLUMNS) + "|", flush=True)
    findings = []
    for attack in attacks:
        try:
            finding = await measure(attack, quiet_seconds=quiet_seconds, seconds=seconds)
        except (RuntimeError, TimeoutError, OSError, EOFError, ValueError, ExceptionGroup) as exc:
            print(f"| {attack.name} | not measured: {type(exc).__name__} {exc} |", flush=True)
            continue
        findings.append(finding)
        print(row(finding), flush=True)
    return findings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 if something could not be measured, whatever the findings."""
    known = {attack.name: attack for attack in ATTACKS}
    listing = "\n".join(f"  {attack.name:20}{attack.what}" for attack in ATTACKS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.abuse",
        description="Attack a service of its own; measure what others wait for.",
        epilog=f"attacks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="attacks to run; all if absent")
    parser.add_argument("--seconds", type=float, default=2.5, help="how long each lasts (2.5)")
    parser.add_argument("--quiet-seconds", type=float, default=1.0, help="how long is measured before (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all figures are written")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"No such attack: {', '.join(unknown)}. There are: {', '.join(known)}.")
    # Those who measure come first.
    os.nice(LAST)
    chosen = [known[name] for name in given.names] or list(ATTACKS)
    load = os.getloadavg()[0]
    findings = uvloop.run(run(chosen, given.quiet_seconds, given.seconds))
    if given.json is not None:
        figures = [asdict(finding) | {"reached": is_reached(finding)} for finding in findings]
        given.json.write_text(json.dumps({"load_before": load, "attacks": figures}, indent=2) + "\n")
    reached = sum(is_reached(finding) for finding in findings)
    print(f"\n{reached} of {len(chosen)} within the goal; load of the machine before: {load:.1f}")
    return 0 if len(findings) == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
