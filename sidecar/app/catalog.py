"""Ties the sources of the catalog together: opens them, reads them once, and says what has to follow them.

The part of the composition root that is about the catalog; also the way in for
commands that read Backstage's catalog without a running service.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from sidecar.backstage.catalog import BackstageCatalog
from sidecar.backstage.signing import CatalogSigner
from sidecar.backstage.transport import open_backstage_http
from sidecar.catalog import CombinedCatalog, FileCatalog
from sidecar.config import CatalogBackstage, CatalogSettings, Config
from sidecar.config.proxies import configured_proxy
from sidecar.domain.catalog import Catalog
from sidecar.domain.errors import StoreError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Catalogue, Clock
from sidecar.runtime.supervision import RootTasks, UnitErrors

Plan = Callable[[Collection[ProjectRef]], Awaitable[None]]
"""Keeps exactly these projects synchronised, and forgets all others."""
Learn = Callable[[Catalog], Awaitable[None]]
"""Remembers who names what; called with the whole catalog, one call at a time."""
Refresh = Callable[[], Awaitable[bool]]
"""Reads a source again; tells whether that changed anything."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class OpenedCatalog:
    """The catalog, read once."""

    catalogue: Catalogue
    public_keys: Mapping[str, Any]
    """JWKS with which Backstage verifies the tokens we sign for its catalog; empty without a signing key."""
    tasks: RootTasks
    """What has to run as long as the service, by name."""
    configure: Callable[[CatalogSettings], None]
    """Follows other files, and other intervals, from the next reading on."""


class _Settings:
    """How the sources are read at present; the mutable part."""

    def __init__(self, settings: CatalogSettings, files: FileCatalog) -> None:
        self._settings = settings
        self._files = files

    def configure(self, settings: CatalogSettings) -> None:
        self._settings = settings
        self._files.look_for(settings.files)

    def files_interval(self) -> timedelta:
        return self._settings.interval

    def backstage_interval(self) -> timedelta:
        backstage = self._settings.backstage
        return backstage.interval if backstage is not None else self._settings.interval


@asynccontextmanager
async def open_catalogue(
    config: Config, plan: Plan, clock: Clock, learn: Learn
) -> AsyncIterator[OpenedCatalog]:
    """Open the catalog and read it before anybody is served.

    Raises:
        ConfigError: If the key for Backstage's catalog cannot be used.
    """
    settings = config.catalog
    names = [instance.name for instance in config.instances]
    files = FileCatalog(settings.files, names)
    present = _Settings(settings, files)
    if settings.backstage is None:
        reader = CatalogReader(files, plan, learn)
        await reader.read(files.refresh)
        follow = partial(reader.follow, files.refresh, present.files_interval)
        yield OpenedCatalog(
            catalogue=files,
            public_keys={"keys": []},
            tasks={"catalog": follow},
            configure=present.configure,
        )
        return
    signer = None if settings.backstage.token is not None else catalog_signer(settings.backstage, clock)
    async with open_backstage_catalog(config, settings.backstage, names, clock, signer) as backstage:
        both = CombinedCatalog(files, backstage)
        # What only Backstage knows must not be forgotten because it is away when we start.
        reader = CatalogReader(both, plan, learn, may_plan=lambda: backstage.read_at is not None)
        await reader.read(files.refresh)
        await reader.read(backstage.refresh)
        yield OpenedCatalog(
            catalogue=both,
            public_keys=signer.public_keys() if signer is not None else {"keys": []},
            tasks={
                "catalog files": partial(reader.follow, files.refresh, present.files_interval),
                "catalog of Backstage": partial(reader.follow, backstage.refresh, present.backstage_interval),
            },
            configure=present.configure,
        )


class CatalogReader:
    """Reads sources of the catalog, and has planned what the whole names."""

    def __init__(
        self, catalogue: Catalogue, plan: Plan, learn: Learn, *, may_plan: Callable[[], bool] = lambda: True
    ) -> None:
        """Take the whole; ``may_plan`` tells whether all its sources were read once."""
        self._catalogue = catalogue
        self._plan = plan
        self._learn = learn
        self._may_plan = may_plan
        self._planning = asyncio.Lock()
        self._planned: frozenset[ProjectRef] | None = None
        """What was planned last; ``None`` before the first time."""
        self._told: tuple[str, ...] = ()
        self._unit_errors = UnitErrors("catalog")

    async def read(self, refresh: Refresh) -> None:
        """Read one source, and plan what the whole names, unless just that is planned."""
        with self._unit_errors.contained("catalog"):
            try:
                changed = await refresh()
                if await self._plan_whole() or changed:
                    self._tell(self._catalogue.current)
            except StoreError as exc:
                # What was not planned is planned at the next reading.
                _log.warning("catalog not planned", reason=str(exc))

    async def _plan_whole(self) -> bool:
        """Tell whether there was anything to plan: also what a plan that failed left to do."""
        # The whole is taken in turn too: else who took an older one could plan it last.
        async with self._planning:
            current = self._catalogue.current
            wanted = frozenset(entity.project for entity in current.entities)
            if not self._may_plan():
                return False
            # Before anything can be done about it: who came first must not depend on how a plan goes.
            await self._learn(current)
            if wanted == self._planned:
                return False
            self._planned = None  # of a plan that fails part may be done
            await self._plan(wanted)
            self._planned = wanted
            return True

    def _tell(self, current: Catalog) -> None:
        _log.info("catalog read", entities=len(current.entities), problems=len(current.problems))
        for problem in current.problems:
            if problem not in self._told:
                _log.warning("catalog problem", problem=problem)
        self._told = current.problems

    async def follow(self, refresh: Refresh, interval: Callable[[], timedelta]) -> None:
        """Read one source on its interval of then, until cancelled."""
        while True:
            await asyncio.sleep(interval().total_seconds())
            await self.read(refresh)


def configured_claims(config: Config) -> Mapping[ProjectRef, frozenset[str]]:
    """Return whose projects are by ``litmusSidecar.projects``."""
    first = config.instances[0].name if config.instances else ""
    return {
        ProjectRef(instance=one.instance or first, project_id=one.id): one.owners for one in config.projects
    }


@asynccontextmanager
async def open_backstage_catalog(
    config: Config,
    settings: CatalogBackstage,
    instances: Sequence[str],
    clock: Clock,
    signer: CatalogSigner | None,
) -> AsyncIterator[BackstageCatalog]:
    """Open Backstage's catalog, not read yet; without a ``signer`` the static token is sent."""
    async with open_backstage_http(
        settings.base_url, ca_file=settings.ca_file, proxy=configured_proxy(config, settings.base_url)
    ) as http:
        token = signer.token if signer is not None else partial(_static_token, settings)
        yield BackstageCatalog(http, instances, token=token, clock=clock)


def _static_token(settings: CatalogBackstage) -> str:
    return settings.token.get_secret_value() if settings.token is not None else ""


def catalog_signer(settings: CatalogBackstage, clock: Clock) -> CatalogSigner:
    """Return what signs the tokens that Backstage's catalog is read with.

    Raises:
        ConfigError: If the key cannot be used.
    """
    key = settings.signing_key
    return CatalogSigner(
        key.get_secret_value() if key is not None else "",
        issuer=settings.issuer,
        audience=settings.audience,
        clock=clock,
    )
