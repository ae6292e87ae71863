"""Become another Python module: ``{"core": 0, "nice": 0, "descriptors": null}``, its name, its arguments."""

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def come(nice: int) -> None:
    """Come before or after others on the machine; before them only root may."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    # Where Linux groups processes by session, it is the group's priority that counts.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


def main() -> None:
    limits = json.loads(sys.argv[1])
    # Whatever ends the benchmark ends what it started.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {limits["core"]})
    come(limits["nice"])
    if limits["descriptors"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits["descriptors"],) * 2)
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])  # noqa: S606 - itself


if __name__ == "__main__":
    main()
