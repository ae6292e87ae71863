"""What ``check`` prints: for people, as JSON, as YAML to copy, and about one code. Pure."""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from sidecar.config import Config, describe, masked
from sidecar.domain.words import counted
from sidecar.insight.finding_codes import EXPLANATIONS, OWN_CODES, Explanation, explanation
from sidecar.insight.token_findings import Finding, FindingSeverity

_FINDINGS: Final = "docs/reference/findings.md"
_ERRORS: Final = "docs/reference/error-codes.md"


def for_people(config: Config, counted: str, found: Sequence[Finding]) -> str:
    """Return what would be used, secrets masked, and each finding with its code and what to do."""
    lines = [describe(config).rstrip(), "", counted]
    for one in found:
        kind = "note" if is_note(one) else "finding"
        lines.append(f"{kind}: {one.sentence} [{one.key}]")
        lines.append(f"  do: {_plain(explanation(one.key).todo)} ({_docs(one.key)})")
    return "\n".join([*lines, _number_of(found)])


def as_document(config: Config, counts: Mapping[str, Any], found: Sequence[Finding]) -> str:
    """Return the same as JSON."""
    told = {"configuration": masked(config), "catalog": counts}
    findings = [_as_json(one) for one in found if not is_note(one)]
    notes = [_as_json(one) for one in found if is_note(one)]
    return json.dumps({**told, "findings": findings, "notes": notes}, indent=2)


def _as_json(one: Finding) -> dict[str, str]:
    return {
        "code": one.key,
        "severity": one.severity.value,
        "sentence": one.sentence,
        "whatToDo": _plain(explanation(one.key).todo),
        "docs": _docs(one.key),
    }


def is_note(one: Finding) -> bool:
    """Tell whether it is no fault, only good to know."""
    return one.severity is FindingSeverity.NOTE


def suggestions(found: Sequence[Finding]) -> str:
    """Return YAML for app-config, one document for each kind of finding that is mended there."""
    by_code = {one.key: one for one in found}
    mended = [(one, fix) for code, one in by_code.items() if (fix := explanation(code).fix) is not None]
    if not mended:
        return "# Nothing to write into app-config.\n"
    return "---\n".join(f"# {_comment(one)}\n{fix}" for one, fix in mended)


def explained(code: str, *, as_json: bool) -> str:
    """Return what a code means.

    Raises:
        click.BadParameter: If there is no such code.
    """
    known = EXPLANATIONS.get(code)
    if known is None:
        near = difflib.get_close_matches(code, EXPLANATIONS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; {_FINDINGS} and {_ERRORS} list them"
        raise click.BadParameter(f"no finding and no error has this code{hint}", param_hint="--explain")
    meaning, todo = _plain(known.meaning), _plain(known.todo)
    if as_json:
        told = {"code": code, "meaning": meaning, "whatToDo": todo, "address": _docs(code)}
        return json.dumps({**told, "docs": _pages(known), "fix": known.fix}, indent=2)
    lines = [f"{code}: {meaning}.", f"To do: {todo}.", f"More: {_docs(code)}, {_pages(known)}"]
    if known.fix is not None:
        lines += ["In app-config:", "", *(f"    {line}" for line in known.fix.splitlines())]
    return "\n".join(lines)


def _pages(known: Explanation) -> str:
    return f"docs/{known.docs}"


def _docs(code: str) -> str:
    return f"{_FINDINGS if code in OWN_CODES else _ERRORS}#{code}"


def _plain(text: str) -> str:
    return text.replace("`", "")


def _comment(finding: Finding) -> str:
    return f"{finding.key}: {' '.join(finding.sentence.split())}"


def _number_of(found: Sequence[Finding]) -> str:
    number = sum(not is_note(one) for one in found)
    return counted(number, "finding") if number else "No findings."
