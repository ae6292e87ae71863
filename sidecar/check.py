"""``litmus-sidecar check``: what an operator should know before people find out.

Looks at the configuration and, unless offline, asks every Litmus once: its
version, and each project of the catalog. Changes nothing anywhere.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from sidecar.assembly import catalog_signer, open_backstage_catalog, utc_now
from sidecar.catalog import FileCatalog
from sidecar.config import CatalogBackstage, Config, findings
from sidecar.errors import UpstreamError
from sidecar.hygiene import config_findings, ordered
from sidecar.litmus.client import LitmusClient
from sidecar.litmus.documents import SERVER_VERSION
from sidecar.litmus.source import LitmusSource
from sidecar.metrics import Metrics
from sidecar.model import Catalog, Lane, ProjectRef
from sidecar.stewardship import open_client
from sidecar.tracing import tracing_problems

_TIMEOUT_SECONDS = 15.0


async def check(config: Config, *, offline: bool) -> tuple[str, ...]:
    """Return one sentence per thing that is wrong or probably not meant; empty when all is fine."""
    catalogue = FileCatalog(config.catalog.files, [instance.name for instance in config.instances])
    await catalogue.refresh()
    unwise = [finding.sentence for finding in ordered(list(config_findings(config)))]
    found = [*unwise, *findings(config), *tracing_problems(config.tracing), *catalogue.current.problems]
    if not offline:
        entities = {entity.ref: entity for entity in catalogue.current.entities}
        if config.catalog.backstage is not None:
            read = await _read_backstage(config, config.catalog.backstage)
            found += read.problems
            entities |= {entity.ref: entity for entity in read.entities}
        projects = sorted({entity.project for entity in entities.values()})
        found += await _ask(config, projects)
    return tuple(found)


async def _read_backstage(config: Config, settings: CatalogBackstage) -> Catalog:
    """Read Backstage's catalog once; what keeps it from being read is among the problems."""
    names = [instance.name for instance in config.instances]
    signer = None if settings.token is not None else catalog_signer(settings, utc_now)
    async with open_backstage_catalog(settings, names, utc_now, signer) as catalogue:
        await catalogue.refresh()
        return catalogue.current


async def _ask(config: Config, projects: Sequence[ProjectRef]) -> list[str]:
    """Ask all instances; each is limited by its own pace, so all may be asked at once."""
    async with AsyncExitStack() as stack:
        checks = []
        for instance in config.instances:
            client = await stack.enter_async_context(open_client(config, instance, Metrics("check")))
            own = [project for project in projects if project.instance == instance.name]
            checks.append(_check_instance(instance.name, client, own))
        return [sentence for sentences in await asyncio.gather(*checks) for sentence in sentences]


async def _check_instance(name: str, client: LitmusClient, projects: Sequence[ProjectRef]) -> list[str]:
    try:
        await client.run(SERVER_VERSION, {}, _TIMEOUT_SECONDS)
    except UpstreamError as error:
        return [f"Instance {name}: {error}"]
    source = LitmusSource(client, utc_now)
    found = []
    for project in projects:
        for lane in (Lane.FAST, Lane.SLOW):
            results = await source.collect(project, lane, None)
            # The sections of a lane mostly fail for one reason; it is told once.
            reasons = {result.error.message: None for result in results if result.error is not None}
            found += [f"Project {project}: {reason}" for reason in reasons]
    return found
