"""What a reader waits for: a warm answer of the service beside the way to an upstream that takes its time."""

import tempfile
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.abusing.process import OTHER_CORE, child
from benchmarks.abusing.target import Needs, open_target
from benchmarks.abusing.wire import request
from benchmarks.parts.sizes import Sizes
from benchmarks.parts.tables import Row
from benchmarks.warm import cases, first, settle
from benchmarks.warming.load import load

ANSWER: Final = "query 20 kB"


async def _median_ms(port: int, sent: bytes, seconds: float) -> float:
    counts = await load(port, sent, seconds, connections=1)
    if counts.wrong:
        raise RuntimeError(f"{counts.wrong} of {counts.answers} answers had another status than 200.")
    return median(counts.seconds) * 1000


async def measure(sizes: Sizes) -> list[Row]:
    """Return a row for each upstream; the service is asked beside each anew."""
    rows: list[Row] = []
    async with open_target(Needs(experiments=300, sync_seconds=60)) as target:
        await settle(target.process)
        case = next(one for one in cases(target.large) if one.name == ANSWER)
        body, content_type, _ = await first(target.port, case)
        with tempfile.TemporaryDirectory(prefix="litmus-sidecar-direct-") as folder:
            (Path(folder) / "0").write_bytes(body)
            (Path(folder) / "0.type").write_text(content_type, encoding="ascii")
            for late_ms in sizes.upstreams_ms:
                late = (folder, str(late_ms))
                async with child("benchmarks.warming.bare", *late, core=OTHER_CORE) as upstream:
                    port = int(await upstream.line())
                    sent = request("POST", "/0", case.headers, case.body, keep=True)
                    seconds = max(sizes.round_seconds, 5 * late_ms / 1000)
                    direct = await _median_ms(port, sent, seconds)
                ours = await _median_ms(target.port, case.sent, sizes.round_seconds)
                rows.append({"late_ms": late_ms, "direct_ms": round(direct, 3), "sidecar_ms": round(ours, 3)})
    return rows
