"""``litmus-sidecar check``: what an operator should know before people find out.

Looks at the configuration and, unless offline, asks every Litmus once: its
version, what its token is worth, and each project of the catalog. Changes
nothing anywhere; with ``credentials`` it signs in for that time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import click
import msgspec

from sidecar.app.catalog import catalog_signer, configured_claims, open_backstage_catalog
from sidecar.app.clients import configured_token, managed_name, open_client, shown_token, source_of
from sidecar.app.compose import require_usable, utc_now
from sidecar.app.doctor.backstage import backstage_findings, reach_catalog
from sidecar.app.doctor.findings import failed, warned
from sidecar.app.doctor.litmus import auth_path_findings, reach_instance, unanswered
from sidecar.app.doctor.plugin_side import plugin_findings
from sidecar.app.doctor.store import store_findings
from sidecar.app.sync import unfitting
from sidecar.catalog import FileCatalog, StaticCatalog
from sidecar.catalog.claims import Claims, NamingMemory
from sidecar.cli.check_report import as_document, explained, for_people, is_note, suggestions
from sidecar.cli.options import FINDINGS, FINE, config_option, json_option, progress, run
from sidecar.config import CatalogBackstage, Config, Instance, load_config, remarks
from sidecar.config.store_url import MEMORY_URL
from sidecar.domain.catalog import PROJECT_ANNOTATION, Catalog, Entity
from sidecar.domain.errors import UpstreamError, UpstreamProtocolError
from sidecar.domain.model import Content, Environment, Lane, ProjectRef, Section, SectionResult, Snapshot
from sidecar.domain.ports import TokenFacts
from sidecar.domain.words import counted
from sidecar.insight.token_findings import Finding, config_findings, ordered, token_findings
from sidecar.litmus.reading.source import LitmusSource
from sidecar.litmus.tokens.facts import facts_from_claims, fetch_facts
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import LitmusAuth, Membership
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.wire.documents import SERVER_VERSION
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.turns import run_whole
from sidecar.store.store import open_store
from sidecar.telemetry.logs import configure_logging
from sidecar.telemetry.metrics import Metrics

_TIMEOUT_SECONDS = 15.0
_NOTHING = (
    f"No entity of the catalog names a Litmus project (annotation {PROJECT_ANNOTATION}), "
    "so no project is synchronised or served"
)
Environments = tuple[Environment, ...] | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the catalog holds for us."""

    entities: int
    """How many name a project of Litmus."""
    projects: int
    """How many projects they name."""
    is_whole: bool
    """Whether every source of the catalog was read; Backstage is not asked offline."""


def _ignore(_found: Found) -> None:
    pass


async def examine(
    config: Config, *, offline: bool, tell: Callable[[Found], None] = _ignore
) -> tuple[Finding, ...]:
    """Return what is wrong or probably not meant, and notes, which are no faults.

    What is unwise about tokens comes first, the gravest at the top. ``tell``
    gets what was found in the catalog.

    Raises:
        ConfigError: For what ``serve`` would end with, in the same words.
    """
    require_usable(config)
    found = [warned(remark.code, remark.sentence) for remark in remarks(config)]
    found += plugin_findings(config)
    found += await store_findings(config, offline=offline)
    entities, is_whole, of_catalog = await _read_catalog(config, offline=offline)
    found += of_catalog
    unwise: list[Finding] = []
    accepted_by: list[str] = []
    tagged: dict[ProjectRef, Content] = {}
    project_tags: dict[ProjectRef, Sequence[str]] = {}
    projects = sorted({entity.project for entity in entities})
    if offline:
        for instance in config.instances:
            claimed = facts_from_claims(_holder(instance, configured_token(instance)))
            unwise += _judged(config, claimed)
    else:
        answers, of_backstage = await asyncio.gather(
            ask_instances(config, projects, is_whole=is_whole), backstage_findings(config, utc_now)
        )
        found += of_backstage
        for answer in answers:
            accepted_by += [answer.instance] if answer.takes_display_token else []
            unwise += answer.unwise
            found += [*answer.way, *answer.failures]
            tagged |= answer.tagged
            project_tags |= answer.project_tags
    tell(Found(entities=len(entities), projects=len(projects), is_whole=is_whole))
    if not entities and is_whole and (config.catalog.files or config.catalog.backstage is not None):
        found.append(warned("catalog_names_no_project", _NOTHING))
    found += [warned("projects_do_not_fit", sentence) for sentence in unfitting(config, projects)]
    unclaimed = await _unclaimed(config, entities, tagged, project_tags)
    found += [warned("project_claim", sentence) for sentence in unclaimed]
    judged = ordered([*config_findings(config, accepted_by=accepted_by), *unwise])
    return (*judged, *found)


async def _read_catalog(config: Config, *, offline: bool) -> tuple[Sequence[Entity], bool, Sequence[Finding]]:
    """Return the entities of files and, unless offline, of Backstage; whether they are all; what is wrong."""
    files = FileCatalog(config.catalog.files, [instance.name for instance in config.instances])
    await files.refresh()
    found = [warned("catalog_problem", problem) for problem in files.current.problems]
    backstage = config.catalog.backstage
    if backstage is None or offline:
        return files.current.entities, backstage is None, found
    way = await reach_catalog(config, backstage, utc_now)
    found += way.findings
    if not way.is_open:
        return files.current.entities, False, found
    read = await _read_backstage(config, backstage)
    found += [warned("catalog_away", problem) for problem in read.problems]
    entities = {entity.ref: entity for entity in (*files.current.entities, *read.entities)}
    return tuple(entities.values()), not read.problems, found


async def _read_backstage(config: Config, settings: CatalogBackstage) -> Catalog:
    """Read Backstage's catalog once; what keeps it from being read is among the problems."""
    names = [instance.name for instance in config.instances]
    signer = None if settings.token is not None else catalog_signer(settings, utc_now)
    async with open_backstage_catalog(config, settings, names, utc_now, signer) as catalogue:
        await catalogue.refresh()
        return catalogue.current


@dataclass(kw_only=True)
class InstanceAnswer:
    """What one instance had to say."""

    instance: str
    user_id: str | None = None
    """Whose the token is; ``None``: there is none, or it does not say."""
    memberships: Sequence[Membership] | None = None
    """The projects that the token sees; ``None``: they were not told."""
    takes_display_token: bool = False
    unwise: list[Finding] = field(default_factory=list)
    way: list[Finding] = field(default_factory=list)
    """What was found on the way to it, which kept nobody from asking."""
    failures: list[Finding] = field(default_factory=list)
    """What could not be asked, and why."""
    tagged: dict[ProjectRef, Content] = field(default_factory=dict)
    """Of each project the environments, whose tags may say whose it is."""
    project_tags: dict[ProjectRef, Sequence[str]] = field(default_factory=dict)
    """Of each project its own, where they were told."""


async def ask_instances(
    config: Config, projects: Sequence[ProjectRef], *, is_whole: bool
) -> Sequence[InstanceAnswer]:
    """Ask all instances; each is limited by its own pace, so all may be asked at once.

    Only if ``is_whole``, ``projects`` are all that entities name.
    """
    ways = await asyncio.gather(*(reach_instance(config, instance, utc_now) for instance in config.instances))
    async with AsyncExitStack() as stack:
        checks: list[Awaitable[InstanceAnswer]] = []
        for instance, way in zip(config.instances, ways, strict=True):
            if not way.is_open:
                checks.append(_unreached(config, instance, way.findings))
                continue
            client = await stack.enter_async_context(open_client(config, instance, Metrics("check")))
            own = [project for project in projects if project.instance == instance.name]
            checks.append(_check_instance(config, instance, client, own, way.findings, is_whole=is_whole))
        return await asyncio.gather(*checks)


async def _unreached(config: Config, instance: Instance, why: Sequence[Finding]) -> InstanceAnswer:
    """Judge the token by what it says itself, as offline."""
    claimed = facts_from_claims(_holder(instance, configured_token(instance)))
    return InstanceAnswer(instance=instance.name, unwise=[*_judged(config, claimed)], failures=[*why])


async def _check_instance(
    config: Config,
    instance: Instance,
    client: LitmusClient,
    projects: Sequence[ProjectRef],
    way: Sequence[Finding],
    *,
    is_whole: bool,
) -> InstanceAnswer:
    named = frozenset(project.project_id for project in projects) if is_whole else frozenset()
    auth = LitmusAuth(client, timeout_seconds=_TIMEOUT_SECONDS)
    answer = InstanceAnswer(instance=instance.name, way=[*way])
    token: LitmusToken | None = None
    try:
        token = client.token()
    except UpstreamError as error:
        if instance.token_file is None:  # Else the configuration's findings tell why.
            answer.failures.append(failed(error.code, f"Instance {instance.name}: {error}"))
    facts = await fetch_facts(
        auth, _holder(instance, token), managed_name=managed_name(instance), shown=shown_token(config)
    )
    answer.user_id = facts.status.user_id
    answer.takes_display_token = bool(facts.takes_display_token)
    if token is None:
        return answer
    answer.unwise += _judged(config, msgspec.structs.replace(facts, named_projects=named))
    try:
        await client.run(SERVER_VERSION, {}, _TIMEOUT_SECONDS)
    except UpstreamError as error:
        answer.failures.append(await unanswered(config, instance, error))
        return answer
    answer.failures += await auth_path_findings(instance, client)
    # Where they are not told, the service goes by the other claims too.
    with suppress(UpstreamError):
        answer.memberships = await auth.list_projects(token)
        answer.project_tags = {
            ProjectRef(instance=instance.name, project_id=one.project_id): one.tags
            for one in answer.memberships
        }
    source = LitmusSource(client, utc_now)
    for project in projects:
        results = [
            result for lane in (Lane.FAST, Lane.SLOW) for result in await source.collect(project, lane, None)
        ]
        answer.failures += _failures(project, results)
        read = {result.section: result.value for result in results if result.error is None}
        answer.tagged[project] = Content(environments=cast("Environments", read.get(Section.ENVIRONMENTS)))
    return answer


async def _unclaimed(
    config: Config,
    entities: Sequence[Entity],
    tagged: Mapping[ProjectRef, Content],
    project_tags: Mapping[ProjectRef, Sequence[str]],
) -> Sequence[str]:
    """Say which projects need a claim; who named one first, only the store of a running service knows."""

    def snapshot_of(project: ProjectRef) -> Snapshot | None:
        if project not in tagged:
            return None
        return Snapshot(project=project, version=0, content=tagged[project], freshness={})

    async with open_store(MEMORY_URL, clock=utc_now) as empty:
        memory = NamingMemory(empty.namings, utc_now)
        await memory.load()
    claims = Claims(
        configured=configured_claims(config),
        memory=memory,
        catalogue=StaticCatalog(entities),
        snapshot_of=snapshot_of,
        project_tags=lambda project: project_tags.get(project, ()),
        clock=utc_now,
    )
    return run_whole(claims.findings())


def _failures(project: ProjectRef, results: Sequence[SectionResult]) -> Iterator[Finding]:
    """Say once per cause what it keeps from being read; the sections of a project mostly fail for one."""
    by_cause: dict[str, list[Section]] = {}
    sentences: dict[str, str] = {}
    codes: dict[str, str] = {}
    for result in results:
        if (error := result.error) is None:
            continue
        # Sentences name what was asked, which differs; answers that we do not know are no two alike.
        cause = error.message if error.code == UpstreamProtocolError.code else error.code
        sentences.setdefault(cause, error.message)
        codes.setdefault(cause, error.code)
        by_cause.setdefault(cause, []).append(result.section)
    for cause, sections in by_cause.items():
        yield failed(codes[cause], f"Project {project} ({', '.join(sections)}): {sentences[cause]}")


def _holder(instance: Instance, token: LitmusToken | None) -> TokenHolder:
    return TokenHolder(instance.name, source_of(instance), utc_now, token)


def _judged(config: Config, facts: TokenFacts) -> Iterator[Finding]:
    enabled = config.actions.policy != "disabled"
    return token_findings(facts, actions_enabled=enabled, now=utc_now())


@click.command("check", help="Look for mistakes. 0: fine, 1: findings, 2: bad configuration.")
@config_option
@click.option(
    "--offline", is_flag=True, help="Ask nobody on the network: no Litmus, no Backstage and no PostgreSQL."
)
@click.option(
    "--explain",
    "code",
    metavar="CODE",
    help="Say what the code of a finding or error means and what to do, and look at nothing.",
)
@click.option(
    "--fix-suggestions", "suggests", is_flag=True, help="Print what to write into app-config, as YAML."
)
@json_option
@click.pass_obj
def check_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    *,
    offline: bool,
    code: str | None,
    suggests: bool,
    as_json: bool,
) -> int:
    """Print what would be used, secrets masked, and everything that looks wrong."""
    if code is not None:
        click.echo(explained(code, as_json=as_json))
        return FINE
    if suggests and as_json:
        raise click.UsageError("--fix-suggestions prints YAML: leave out --json, which has each finding.")
    configure_logging(level="error")
    config: Config = load_config(config_paths, environ)
    catalogs: list[Found] = []
    if not offline:
        progress(f"Asking {', '.join(instance.name for instance in config.instances)}")
    found = run(examine(config, offline=offline, tell=catalogs.append))
    (catalog,) = catalogs
    if suggests:
        click.echo(suggestions(found), nl=False)
    elif as_json:
        counts = {"entities": catalog.entities, "projects": catalog.projects, "complete": catalog.is_whole}
        click.echo(as_document(config, counts, found))
    else:
        click.echo(for_people(config, _counted(catalog), found))
    return FINE if all(is_note(one) for one in found) else FINDINGS


def _counted(catalog: Found) -> str:
    entities = counted(catalog.entities, "entity names", "entities name")
    projects = counted(catalog.projects, "project")
    missing = "" if catalog.is_whole else "; Backstage's catalog was not read, or not in whole"
    return f"In the catalog {entities} {projects}{missing}."
