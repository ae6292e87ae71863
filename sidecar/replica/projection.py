"""From values of the model to fields of the served types: one plain function per field.

A *root field* says which section it reads, what its arguments do and which
value it starts from; the tables per type take it from there. Leaves come out
ready for JSON and healed for the plugin, so no value of a snapshot can make an
answer fail.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, get_args

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
)

from sidecar.domain.model import Content, Environment, Experiment, Hub, Infra, Section
from sidecar.domain.runs import RecentRun
from sidecar.replica.arguments import Page, select_environments, select_experiments, select_hubs
from sidecar.replica.cron import plugin_cron
from sidecar.replica.healing import (
    NEVER_RAN,
    NO_INFRA,
    UNKNOWN_USER,
    finite,
    int32,
    millis,
    plugin_experiments,
    plugin_phase,
    plugin_runs,
)
from sidecar.replica.schema import served_schema

Resolver = Callable[[Any], Any]
"""From the value of an object to the value of one of its fields."""
Source = Callable[[Content], Any]
"""From the content of a snapshot to the value of a root field."""


class RootField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of ``Query``: what it reads and how its arguments shape that."""

    section: Section
    prepare: Callable[[Mapping[str, Any]], Source]
    """From coerced arguments to the source; refuses arguments that make no sense."""
    needs_data: bool = True
    """Whether a section that was never fetched is an error; else the source copes with ``None``."""


class GitOpsFlag(msgspec.Struct, frozen=True, kw_only=True):
    """What ``getGitOpsDetails`` starts from: the flag is false when it may not be read."""

    enabled: bool
    project_id: str


def _without_arguments(source: Source) -> Callable[[Mapping[str, Any]], Source]:
    return lambda _arguments: source


def _hubs(arguments: Mapping[str, Any]) -> Source:
    select = select_hubs(arguments.get("request"))
    return lambda content: select(content.hubs or ()).rows


def _environments(arguments: Mapping[str, Any]) -> Source:
    select = select_environments(arguments.get("request"))
    return lambda content: select(content.environments or ())


def _experiments(arguments: Mapping[str, Any]) -> Source:
    select = select_experiments(arguments.get("request"))
    return lambda content: select(plugin_experiments(content))


def _gitops(arguments: Mapping[str, Any]) -> Source:
    project_id = arguments["projectID"]
    return lambda content: GitOpsFlag(
        enabled=bool(content.gitops and content.gitops.enabled), project_id=project_id
    )


ROOT_FIELDS: Final[Mapping[str, RootField]] = MappingProxyType(
    {
        "getExperimentRunStats": RootField(
            section=Section.RUN_STATS, prepare=_without_arguments(attrgetter("run_stats"))
        ),
        "getExperimentStats": RootField(
            section=Section.EXPERIMENTS, prepare=_without_arguments(attrgetter("experiments"))
        ),
        "getChaosHubStats": RootField(section=Section.HUBS, prepare=_without_arguments(attrgetter("hubs"))),
        "getInfraStats": RootField(
            section=Section.INFRASTRUCTURES, prepare=_without_arguments(attrgetter("infrastructures"))
        ),
        "getGitOpsDetails": RootField(section=Section.GITOPS, prepare=_gitops, needs_data=False),
        "listChaosHub": RootField(section=Section.HUBS, prepare=_hubs),
        "listEnvironments": RootField(section=Section.ENVIRONMENTS, prepare=_environments),
        "listExperiment": RootField(section=Section.EXPERIMENTS, prepare=_experiments),
    }
)

CONTENT_OF_SECTION: Final[Mapping[Section, Callable[[Content], Any]]] = MappingProxyType(
    {
        Section.EXPERIMENTS: attrgetter("experiments"),
        Section.RUN_STATS: attrgetter("run_stats"),
        Section.INFRASTRUCTURES: attrgetter("infrastructures"),
        Section.ENVIRONMENTS: attrgetter("environments"),
        Section.HUBS: attrgetter("hubs"),
        Section.GITOPS: attrgetter("gitops"),
    }
)


def _is_active(infra: Infra) -> bool:
    return infra.is_active


def _constant(value: Any) -> Resolver:
    return lambda _: value


def _identity(value: Any) -> Any:
    return value


def _count(attribute: str) -> Resolver:
    get = attrgetter(attribute)
    return lambda value: int32(get(value))


def _text(attribute: str) -> Resolver:
    """A text that may not be null: Litmus sends its unset ones as ``""``."""
    get = attrgetter(attribute)
    return lambda value: get(value) or ""


def _time(attribute: str) -> Resolver:
    get = attrgetter(attribute)
    return lambda value: millis(get(value))


def _healed_user(value: Any) -> str:
    user: str | None = value.updated_by
    return UNKNOWN_USER if user is None else user


def _default_resolver(type_: GraphQLOutputType, attribute: str, model: Mapping[str, Any]) -> Resolver | None:
    """Return how the attribute is served as this type; ``None``: the model has none of this name."""
    is_required = isinstance(type_, GraphQLNonNull)
    named = get_named_type(type_)
    if attribute not in model:
        return _time(f"{attribute}_ms") if f"{attribute}_ms" in model else None
    get = attrgetter(attribute)
    if named is GraphQLFloat:
        return lambda value: finite(get(value))
    if is_required and named is GraphQLInt:
        return _count(attribute)
    if is_required and type(None) in get_args(model[attribute]):
        if named is GraphQLBoolean:
            return lambda value: bool(get(value))
        return _text(attribute)
    return get


def _attribute_of(name: str) -> str:
    """Return a served name as the model spells it: ``infra_ids`` of ``infraIDs``."""
    letters = name.replace("ID", "Id")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in letters)


def _resolvers_of(
    name: str, model: type[msgspec.Struct], repaired: Mapping[str, Resolver]
) -> Mapping[str, Resolver]:
    """Return every field that the schema serves of the type: as repaired, else the model's of the same name.

    Raises:
        LookupError: If a field is neither.
    """
    served = served_schema().type_map[name]
    assert isinstance(served, GraphQLObjectType), "schema.graphql has it"  # noqa: S101 - tells mypy
    attributes = {field.name: field.type for field in msgspec.structs.fields(model)}
    resolvers = {}
    for field, definition in served.fields.items():
        resolver = repaired.get(field) or _default_resolver(definition.type, _attribute_of(field), attributes)
        if resolver is None:
            raise LookupError(f"{name}.{field}: neither {model.__name__} nor a rule here has it")
        resolvers[field] = resolver
    return resolvers


FIELDS: Final[Mapping[str, Mapping[str, Resolver]]] = MappingProxyType(
    {
        "GetExperimentRunStatsResponse": {
            "totalExperimentRuns": _count("total"),
            "totalCompletedExperimentRuns": _count("completed"),
            "totalTerminatedExperimentRuns": _count("terminated"),
            "totalRunningExperimentRuns": _count("running"),
            "totalStoppedExperimentRuns": _count("stopped"),
            "totalErroredExperimentRuns": _count("errored"),
        },
        "GetExperimentStatsResponse": {"totalExperiments": len},
        "GetChaosHubStatsResponse": {"totalChaosHubs": len},
        "GetInfraStatsResponse": {
            "totalInfrastructures": len,
            "totalActiveInfrastructure": lambda infras: sum(map(_is_active, infras)),
            "totalInactiveInfrastructures": lambda infras: len(infras) - sum(map(_is_active, infras)),
        },
        "GitConfigResponse": _resolvers_of("GitConfigResponse", GitOpsFlag, {}),
        "ChaosHubStatus": _resolvers_of("ChaosHubStatus", Hub, {"id": attrgetter("hub_id")}),
        "ListEnvironmentResponse": {
            "totalNoOfEnvironments": attrgetter("total"),
            "environments": attrgetter("rows"),
        },
        "Environment": _resolvers_of("Environment", Environment, {"updatedBy": _healed_user}),
        "ListExperimentResponse": {
            "totalNoOfExperiments": attrgetter("total"),
            "experiments": attrgetter("rows"),
        },
        "Experiment": _resolvers_of(
            "Experiment",
            Experiment,
            {
                "cronSyntax": lambda experiment: plugin_cron(experiment.cron_syntax),
                "isRemoved": _constant(value=False),
                "infra": lambda experiment: experiment.infra or NO_INFRA,
                "recentExperimentRunDetails": lambda experiment: plugin_runs(experiment.recent_runs),
                "updatedBy": _healed_user,
            },
        ),
        "RecentExperimentRun": _resolvers_of(
            "RecentExperimentRun",
            RecentRun,
            {
                "phase": lambda run: plugin_phase(run.phase),
                "updatedAt": lambda run: "" if run is NEVER_RAN else millis(run.updated_at_ms),
                "createdBy": _healed_user,  # in this list Litmus sends a copy
                "updatedBy": _healed_user,
            },
        ),
        "Infra": _resolvers_of(
            "Infra",
            Infra,
            {
                "createdBy": _constant(None),  # not filled by Litmus inside experiments
                "updatedBy": _constant(None),
            },
        ),
        "UserDetails": {"userID": _constant(""), "username": _identity, "email": _constant("")},
        "RunChaosExperimentResponse": {"notifyID": _identity},
    }
)
"""Per served type, from the value it starts from to the value of each field.

Of the model's own types only what is repaired stands here; the rest has the model's names.
"""

__all__ = ["CONTENT_OF_SECTION", "FIELDS", "ROOT_FIELDS", "GitOpsFlag", "Page", "RootField", "Source"]
