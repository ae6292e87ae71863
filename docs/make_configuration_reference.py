"""Write docs/reference/configuration.md from the classes in ``sidecar.config``.

``make reference`` rewrites the page; a test compares, so it cannot fall behind.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.json_schema import GenerateJsonSchema

from sidecar.config import SidecarSection

PAGE: Final = Path(__file__).with_name("reference") / "configuration.md"

INTRODUCTION: Final = """\
# Configuration

<!-- Made by docs/make_configuration_reference.py from the classes in sidecar/config; change it there. -->

The sidecar is configured in Backstage's own `app-config.yaml`, in the section `litmusSidecar`. `--config`
names the files, as often as needed: later files win, mappings merge deeply, lists are replaced, `null` for a
key takes away what earlier files say, and a file or a section with nothing in it says nothing. A whole
example is [`app-config.example.yaml`](../../app-config.example.yaml).

- Outside `litmusSidecar` only `litmus.baseUrl` (what browsers open), `litmus.apiToken` (a display token, see
  `litmus-sidecar display-token`) and `backend.baseUrl` are read, and nothing else is evaluated. `check` looks
  for our keys in the routes of `proxy`, whose own mistakes are left to Backstage.
- `${VAR}`, `${VAR:-fallback}`, `$env`, `$file` and `$include` work as in Backstage; `$${` writes `${`. A
  variable that is not set counts as a key that is not written; a required key then says which one it needs.
- Variables such as `APP_CONFIG_litmusSidecar_listen_port=8081` win over all files, as in Backstage: keys
  joined by `_` in their own case, the value JSON or else text, file names relative to the working directory.
- Unknown keys and wrong types are errors, told together, each with its path and never with its value.
- A **duration** is `{ seconds: 60 }` (milliseconds, seconds, minutes, hours, days, weeks), a text such as
  `60s`, `1 minute` or `PT1M`, or a number of seconds. Months and years have no fixed length and are refused.
- A **file** is relative to the configuration file that names it.
- The files are read at the start and on SIGHUP: [what then takes
  effect](../how-to/reload.md#what-takes-effect).
- `litmus-sidecar check --offline` shows what would be used, secrets masked, and what is probably not meant.
"""


class OpenDefaults(GenerateJsonSchema):
    """Shows every default as it is: what stands in the source is nobody's secret."""

    def encode_default(self, dft: object) -> object:
        """Return a default as JSON has it."""
        return super().encode_default(dft.get_secret_value() if isinstance(dft, SecretStr) else dft)


def page() -> str:
    """Return the text of the page."""
    schema = SidecarSection.model_json_schema(by_alias=True, schema_generator=OpenDefaults)
    return "\n".join([INTRODUCTION, *_section(schema, schema["$defs"], "litmusSidecar")])


def _section(section: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Iterator[str]:
    yield f"## `{path}`\n"
    yield f"{section['description']}\n"
    required = section.get("required", ())
    rows: list[tuple[str, str, str, str]] = []
    below: list[tuple[Mapping[str, Any], str]] = []
    for key, value in section["properties"].items():
        inner, kind, suffix = _kind(value, definitions)
        if inner is not None:
            below.append((inner, f"{path}.{key}{suffix}"))
        meaning = value.get("description") or (inner or {}).get("description", "")
        rows.append((f"`{key}`", kind, _default(key, value, inner, required), " ".join(meaning.split())))
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
    for inner, name in below:
        yield from _section(inner, definitions, name)


def _kind(
    value: Mapping[str, Any], definitions: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, str, str]:
    """Return the section that a key holds, if any, the name of its type, and ``[]`` for a list of them."""
    if "$ref" in value:
        return definitions[value["$ref"].rpartition("/")[2]], "section", ""
    if "anyOf" in value:
        inner, kind, many = _kind(value["anyOf"][0], definitions)
        others = [_kind(v, definitions)[1] for v in value["anyOf"][1:] if v.get("type") != "null"]
        return inner, " or ".join((kind, *others)), many
    if value.get("type") == "array":
        inner, kind, _ = _kind(value["items"], definitions)
        return inner, "list of sections" if inner else f"list of {kind}", "[]"
    if "enum" in value:
        return None, ", ".join(f"`{word}`" for word in value["enum"]), ""
    names = {"uri": "URL", "duration": "duration", "password": "secret", "path": "file"}
    plain = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return None, names.get(value.get("format", "")) or plain[value["type"]], ""


def _default(key: str, value: Mapping[str, Any], inner: object, required: object) -> str:
    if isinstance(required, list) and key in required:
        return "required"
    if value.get("default") is None or (inner and value.get("type") != "array"):
        return ""
    default = value["default"]
    if value.get("format") == "duration":
        return f"`{{ {', '.join(f'{unit}: {amount}' for unit, amount in _duration(default).items())} }}`"
    return f"`{json.dumps(default) if not isinstance(default, str) else default}`"


def _duration(default: object) -> dict[str, int]:
    """Return a default duration in the unit it is written in; the schema has it as ISO 8601."""
    if isinstance(default, dict):
        return default
    match = re.fullmatch(
        r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
        str(default),
    )
    if match is None:
        raise ValueError(f"Not a duration of days, hours, minutes and seconds: {default}")
    parts = {unit: int(amount) for unit, amount in match.groupdict(default="0").items()}
    if parts["days"]:
        return {"days": parts["days"]}
    if parts["hours"]:
        return {"hours": parts["hours"]}
    return {"seconds": 60 * parts["minutes"] + parts["seconds"]}


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} is written\n")
