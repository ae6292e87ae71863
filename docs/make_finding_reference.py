"""Write docs/reference/findings.md and docs/reference/error-codes.md from the tables of codes.

``make reference`` rewrites the pages; a test compares, so they cannot fall behind.
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sidecar.insight.finding_codes import ERROR_CODES, OWN_CODES, Explanation

_REFERENCE: Final = Path(__file__).with_name("reference")
FINDINGS_PAGE: Final = _REFERENCE / "findings.md"
ERRORS_PAGE: Final = _REFERENCE / "error-codes.md"

FINDINGS: Final = """\
# Findings

<!-- Made by docs/make_finding_reference.py from sidecar/insight/finding_codes/; change it there. -->

What `litmus-sidecar check` finds has a stable code. The sentence beside it may change; the code does not.
`check --explain CODE` prints what stands here, `check --fix-suggestions` the YAML.
"""
ERRORS: Final = """\
# Error codes

<!-- Made by docs/make_finding_reference.py from sidecar/insight/finding_codes/; change it there. -->

Every error has a stable code. It is `code` in problem documents (RFC 9457, with `requestID`),
`extensions.code` in GraphQL, the code of a section in `/readyz`, and the label `outcome` in metrics. The
sentence beside it may change; the code does not. `check --explain CODE` prints what stands here.

Under `/api/query` errors are GraphQL `errors`, with status 200 where the plugin is to show the sentence.

| about | codes |
| --- | --- |
"""
OTHERS: Final = """\
What Litmus answers, and any other failure that is met elsewhere too, has the code that it has
[everywhere](error-codes.md).
"""
WIDTH: Final = 110


def findings_page() -> str:
    """Return the text of the page of findings."""
    return "\n".join([FINDINGS, OTHERS, *_entries(OWN_CODES, "##")])


def errors_page() -> str:
    """Return the text of the page of errors, which begins with an index by subject."""
    index = [
        f"| [{subject}](#{subject.lower().replace(' ', '-')}) "
        f"| {', '.join(f'[`{code}`](#{code})' for code in sorted(codes))} |\n"
        for subject, codes in ERROR_CODES.items()
    ]
    parts = [ERRORS + "".join(index)]
    for subject, codes in ERROR_CODES.items():
        parts += [f"## {subject}\n", *_entries(codes, "###")]
    return "\n".join(parts)


def _entries(codes: Mapping[str, Explanation], heading: str) -> Iterator[str]:
    for code, known in sorted(codes.items()):
        yield f"{heading} {code}\n"
        text = f"{known.meaning}. {known.todo}. See [{Path(known.docs).stem}](../{known.docs})."
        yield textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"
        if known.fix is not None:
            yield f"```yaml\n{known.fix}```\n"


PAGES: Final = {FINDINGS_PAGE: findings_page, ERRORS_PAGE: errors_page}

if __name__ == "__main__":
    for path, text in PAGES.items():
        path.write_text(text())
        sys.stdout.write(f"{path} is written\n")
