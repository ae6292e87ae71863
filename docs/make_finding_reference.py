"""Write docs/reference/findings.md from the table of codes.

``make reference`` rewrites the page; a test compares, so it cannot fall behind.
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sidecar.insight.finding_codes import OWN_CODES, UPSTREAM_CODES, Explanation

PAGE: Final = Path(__file__).with_name("reference") / "findings.md"

INTRODUCTION: Final = """\
# Findings

<!-- Made by docs/make_finding_reference.py from sidecar/insight/finding_codes/; change it there. -->

What `litmus-sidecar check` finds has a stable code. The sentence beside it may change; the code does not.
`check --explain CODE` prints what stands here, `check --fix-suggestions` the YAML.
"""
WIDTH: Final = 110
LITMUS: Final = "What Litmus answers has the code that it has [everywhere](error-codes.md)."


def page() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION, *_entries(OWN_CODES), "# Failures of Litmus\n", f"{LITMUS}\n"]
    return "\n".join([*parts, *_entries(UPSTREAM_CODES)])


def _entries(codes: Mapping[str, Explanation]) -> Iterator[str]:
    for code, known in sorted(codes.items()):
        yield f"## {code}\n"
        text = f"{known.meaning}. {known.todo}. See [{Path(known.docs).stem}](../{known.docs})."
        yield textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"
        if known.fix is not None:
            yield f"```yaml\n{known.fix}```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} is written\n")
