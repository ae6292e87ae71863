"""Whether people of Backstage can be known: its signing keys, its issuer, its clock."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sidecar.app.doctor.findings import CLOCK_TOLERANCE, PROBE_SECONDS, failed, noted, warned
from sidecar.app.doctor.reach import Reached, reach
from sidecar.app.people import issuer_of
from sidecar.backstage.transport import BackstageError, BackstageHttp, DatedAnswer, open_backstage_http
from sidecar.backstage.users import JWKS_PATH
from sidecar.config import CatalogBackstage, Config
from sidecar.config.access import AuthBackstage
from sidecar.config.proxies import configured_proxy
from sidecar.domain.ports import Clock
from sidecar.insight.token_findings import Finding

_DISCOVERY_PATH: Final = "/api/auth/.well-known/openid-configuration"
_MAX_ANSWER_BYTES: Final = 1024 * 1024
_LONGEST_SHOWN: Final = 200


async def reach_catalog(config: Config, settings: CatalogBackstage, clock: Clock) -> Reached:
    """Look whether Backstage's catalog can be reached, before it is asked.

    What :func:`backstage_findings` tells of the same address is not told twice.
    """
    way = await _reach("Backstage's catalog", config, settings, clock)
    people = config.auth.backstage
    return replace(way, findings=()) if people and people.base_url == settings.base_url else way


async def _reach(
    who: str, config: Config, settings: AuthBackstage | CatalogBackstage, clock: Clock
) -> Reached:
    proxy = configured_proxy(config, settings.base_url)
    return await reach(who, settings.base_url, ca_file=settings.ca_file, proxy=proxy, clock=clock)


async def backstage_findings(config: Config, clock: Clock) -> tuple[Finding, ...]:
    """Look how the Backstage of ``auth.backstage`` is reached, and ask it for what verifying tokens needs.

    Raises:
        ConfigError: If the CA file cannot be used.
    """
    settings = config.auth.backstage
    if settings is None:
        return ()
    way = await _reach("Backstage", config, settings, clock)
    if not way.is_open:
        return way.findings
    async with open_backstage_http(
        settings.base_url,
        ca_file=settings.ca_file,
        proxy=configured_proxy(config, settings.base_url),
        timeout_seconds=PROBE_SECONDS,
        max_answer_bytes=_MAX_ANSWER_BYTES,
    ) as http:
        before = clock()
        keys, discovery = await asyncio.gather(_asked(http, JWKS_PATH), _asked(http, _DISCOVERY_PATH))
        after = clock()
    if isinstance(keys, BackstageError):
        sentence = f"The signing keys of people's tokens were not read: {keys}"
        return (*way.findings, failed("backstage_keys_unread", sentence))
    found = [*way.findings, *_keys(keys.value), *_clock(keys, before, after)]
    # An older Backstage without this page verifies people all the same.
    if isinstance(discovery, DatedAnswer):
        found += _issuer(discovery.value, issuer_of(config))
    return tuple(found)


async def _asked(http: BackstageHttp, path: str) -> DatedAnswer | BackstageError:
    try:
        return await http.get_dated(path)
    except BackstageError as error:
        return error


def _keys(listed: Any) -> list[Finding]:
    keys = listed.get("keys") if isinstance(listed, Mapping) else None
    if not isinstance(keys, list):
        return [
            failed(
                "backstage_keys_unread",
                "What litmusSidecar.auth.backstage.baseUrl answers is no list of signing keys",
            )
        ]
    if not keys:
        return [
            noted(
                "backstage_lists_no_key",
                "Backstage lists no signing key so far, as before the first sign-in after its start",
            )
        ]
    return []


def _issuer(discovery: Any, expected: str) -> list[Finding]:
    told = discovery.get("issuer") if isinstance(discovery, Mapping) else None
    if not isinstance(told, str) or told == expected:
        return []
    shown = f", but {told}" if told.isprintable() and len(told) <= _LONGEST_SHOWN else ""
    return [
        failed(
            "backstage_issuer_differs",
            f"Backstage does not issue tokens as {expected}{shown}: nobody's token is accepted; set "
            "litmusSidecar.auth.backstage.issuer to what it says",
        )
    ]


def _clock(answer: DatedAnswer, before: datetime, after: datetime) -> list[Finding]:
    """Judge the time that an answer tells, which was made between two moments of ours."""
    if answer.date is None or before - CLOCK_TOLERANCE <= answer.date <= after + CLOCK_TOLERANCE:
        return []
    ahead = answer.date > after
    seconds = (answer.date - after if ahead else before - answer.date).total_seconds()
    return [
        warned(
            "backstage_clock_differs",
            f"The clock of Backstage is {seconds:.0f} s {'ahead of' if ahead else 'behind'} ours, and its "
            "tokens are judged by time",
        )
    ]
