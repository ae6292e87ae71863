"""From what the files say to a valid ``Config``, or every problem at once.

Fills in what needs the environment or a file (tokens, the default instance) and
lets the models judge.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sidecar.config.access import Listen
from sidecar.config.backstage_proxy import proxy_routes
from sidecar.config.files import check_certificates, read_secret_files
from sidecar.config.merging import OTHER_KEYS, SECTION, MergedFiles, read_files, read_mapping, unset_sentence
from sidecar.config.model import Config, OtherSections, SidecarSection
from sidecar.config.problems import Problems
from sidecar.domain.errors import ConfigError

TOKEN_VARIABLE: Final = "LITMUS_AUTH_TOKEN"  # noqa: S105  # the name of a variable, not a token
DEFAULT_INSTANCE: Final = "default"
_INSTANCES: Final = (SECTION, "instances")
_NO_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({})


def load_config(paths: Sequence[Path], environ: Mapping[str, str]) -> Config:
    """Read app-config files as Backstage does: later ones win, mappings merge, lists are replaced.

    Raises:
        ConfigError: With every problem of our keys together.
    """
    return _config(read_files(paths, environ), environ)


def parse_config(
    mapping: Mapping[str, Any], *, directory: Path, environ: Mapping[str, str] = _NO_ENVIRONMENT
) -> Config:
    """Do the same with the content of one app-config file that lies in ``directory``.

    Raises:
        ConfigError: With every problem of our keys together.
    """
    return _config(read_mapping(mapping, directory, environ), environ)


def load_listen(paths: Sequence[Path], environ: Mapping[str, str]) -> Listen:
    """Read where the sidecar listens and judge nothing else: what is wrong elsewhere ends no living service.

    Raises:
        ConfigError: If a file cannot be read, or ``listen`` cannot be used.
    """
    source = read_files(paths, environ)
    section = source.section if isinstance(source.section, dict) else {}
    problems = Problems(source._replace(problems=()))
    valid = problems.validated(SidecarSection, {"listen": section["listen"]} if "listen" in section else {})
    if valid is None:
        raise ConfigError(tuple(problems.sentences))
    return valid.listen


def _config(source: MergedFiles, environ: Mapping[str, str]) -> Config:
    problems = Problems(source)
    outside = problems.validated(OtherSections, source.outside)
    section: object = source.section
    missing_tokens: list[str] = []
    if isinstance(section, dict):
        missing_tokens = read_secret_files(section, problems)
        if not section.get("instances"):
            section["instances"] = _default_instance(outside, environ, problems)
        else:
            _set_external_urls(section["instances"], outside)
    valid = problems.validated(SidecarSection, section)
    if valid is not None:
        check_certificates(valid, problems)
        _check_issuer(valid, outside, problems)
    if valid is None or outside is None or problems.sentences:
        raise ConfigError(tuple(dict.fromkeys(problems.sentences)))
    names = {key.secret.get_secret_value(): key.name for key in valid.auth.keys}
    unset = (unset_sentence(path, variable) for path, variable in source.unset.items())
    return Config.model_validate(
        {
            **vars(valid),
            **vars(outside),
            "proxy_routes": proxy_routes(source.proxy, names),
            "notices": (*unset, *missing_tokens),
        }
    )


def _set_external_urls(instances: object, outside: OtherSections | None) -> None:
    """Let browsers open ``litmus.baseUrl`` for the first instance, if it names no address of its own.

    It is one Litmus alone; links of any other instance would lead into the wrong one.
    """
    if outside is None or outside.litmus_base_url is None or not isinstance(instances, tuple):
        return
    if instances and isinstance(instances[0], dict):
        instances[0].setdefault("externalBaseUrl", outside.litmus_base_url)


def _default_instance(
    outside: OtherSections | None, environ: Mapping[str, str], problems: Problems
) -> tuple[object, ...]:
    """Return the instance that is meant when none is configured; nothing without its address or token."""
    token = environ.get(TOKEN_VARIABLE, "").strip()
    if outside is None:
        return ()
    if outside.litmus_base_url is None:
        base_url = OTHER_KEYS["litmusBaseUrl"]
        why = f"needs {problems.unset[base_url]}" if base_url in problems.unset else "is not given"
        problems.note(
            _INSTANCES, f"names no instance, and litmus.baseUrl, the address of the default one, {why}"
        )
    if not token:
        problems.note(
            _INSTANCES, f"names no instance, and the token of the default one, ${TOKEN_VARIABLE}, is not set"
        )
    if outside.litmus_base_url is None or not token:
        return ()
    where = f"{TOKEN_VARIABLE} (token of the default instance when {SECTION}.instances names none)"
    problems.rename(_INSTANCES, where)
    return ({"name": DEFAULT_INSTANCE, "baseUrl": outside.litmus_base_url, "token": token},)


def _check_issuer(section: SidecarSection, outside: OtherSections | None, problems: Problems) -> None:
    """Note that nothing says who issues the tokens of Backstage's people."""
    settings = section.auth.backstage
    if settings is None or settings.issuer is not None or outside is None or outside.backend_base_url:
        return
    problems.note((SECTION, "auth", "backstage", "issuer"), "is required, or backend.baseUrl beside it")
