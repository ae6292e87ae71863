"""Every GraphQL text we send, each with the reader of its answer.

A query is one root field; a document joins several, so that any selection of
sections travels in one POST. No document selects a secret or execution data,
and one alone a manifest (:data:`MANIFESTS`); all lists are paged explicitly
(Litmus's silent default is 15), and all read documents are valid from Litmus
3.0.0 on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from sidecar.domain.action import Change
from sidecar.domain.model import Environment, Experiment, GitOps, Hub, Infra, RunStats
from sidecar.domain.runs import Run
from sidecar.litmus.wire import runs, sections
from sidecar.litmus.wire.runs import ManifestRow
from sidecar.litmus.wire.values import Page

T = TypeVar("T")


class Query(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One root field: what is sent, and how its answer is read."""

    field: str
    """Name of the root field; also the operation's name in metrics."""
    variables: Mapping[str, str]
    """GraphQL type per variable, by name."""
    call: str
    """The field with its arguments and its selection."""
    read: Callable[[bytes | msgspec.Raw], T]
    """Maps the field's JSON, a page's interruptibly; raises ``msgspec.ValidationError`` on another shape."""
    kind: Literal["query", "mutation"] = "query"
    since: str | None = None
    """First Litmus release that has the field; ``None``: every 3.x."""
    waits_on_others: bool = False
    """Whether a time-out says nothing of Litmus itself, because the field waits for a third party."""
    asks_auth: bool = True
    """Whether Litmus asks its auth server for the role: with that away it hangs, and is done later."""
    proves_token: bool = True
    """Whether an answer shows that the token holds and its user is active."""


def document(queries: Sequence[Query[Any]]) -> str:
    """Return the text of one operation with these root fields, all of one kind."""
    declared = {name: type_ for query in queries for name, type_ in query.variables.items()}
    head = ", ".join(f"${name}: {type_}" for name, type_ in declared.items())
    body = "\n".join(query.call for query in queries)
    return f"{queries[0].kind} LitmusSidecar{f'({head})' if head else ''} {{\n{body}\n}}"


def pagination(page: int, limit: int) -> dict[str, dict[str, int]]:
    """Return the request argument of a paged list; ``page`` starts at 0."""
    return {"pagination": {"page": page, "limit": limit}}


_INFRA = """
      infraID name description tags environmentID platformName isActive
      infraNamespace infraScope infraType version createdAt updatedAt
"""

EXPERIMENTS: Final = Query[Page[Experiment]](
    field="listExperiment",
    variables={"projectID": "ID!", "experiments": "ListExperimentRequest!"},
    call=f"""
  listExperiment(projectID: $projectID, request: $experiments) {{
    totalNoOfExperiments
    experiments {{
      experimentID name description tags cronSyntax experimentType createdAt updatedAt
      createdBy {{ username }}
      updatedBy {{ username }}
      infra {{{_INFRA}}}
      recentExperimentRunDetails {{
        experimentRunID phase resiliencyScore runSequence createdAt updatedAt
        updatedBy {{ username }}
      }}
    }}
  }}""",
    read=sections.experiments_page,
)

RUN_STATS: Final = Query[RunStats](
    field="getExperimentRunStats",
    variables={"projectID": "ID!"},
    call="""
  getExperimentRunStats(projectID: $projectID) {
    totalExperimentRuns totalRunningExperimentRuns totalCompletedExperimentRuns
    totalTerminatedExperimentRuns totalStoppedExperimentRuns totalErroredExperimentRuns
  }""",
    read=sections.run_stats,
)

INFRAS: Final = Query[Page[Infra]](
    field="listInfras",
    variables={"projectID": "ID!", "infras": "ListInfraRequest"},
    call=f"""
  listInfras(projectID: $projectID, request: $infras) {{
    totalNoOfInfras
    infras {{{_INFRA}      isInfraConfirmed
    }}
  }}""",
    read=sections.infras_page,
)

ENVIRONMENTS: Final = Query[Page[Environment]](
    field="listEnvironments",
    variables={"projectID": "ID!", "environments": "ListEnvironmentRequest"},
    call="""
  listEnvironments(projectID: $projectID, request: $environments) {
    totalNoOfEnvironments
    environments {
      environmentID name description tags type infraIDs isRemoved createdAt updatedAt
      createdBy { username }
      updatedBy { username }
    }
  }""",
    read=sections.environments_page,
)

HUBS: Final = Query[tuple[Hub, ...]](
    field="listChaosHub",
    variables={"projectID": "ID!"},
    call="""
  listChaosHub(projectID: $projectID) {
    id name description tags isAvailable isDefault totalFaults totalExperiments
  }""",
    read=sections.hubs,
    asks_auth=False,
    proves_token=False,  # Answered for deactivated users too.
)

TOKEN_TRIAL: Final = Query[bool](
    field="listChaosHub",
    variables={"projectID": "ID!"},
    call="  listChaosHub(projectID: $projectID) { id }",
    read=sections.any_answer,
    asks_auth=False,
    proves_token=False,
)
"""Litmus's GraphQL server looks at signature and expiry of the token by itself, for whichever project."""

GITOPS: Final = Query[GitOps](
    field="getGitOpsDetails",
    variables={"projectID": "ID!"},
    call="  getGitOpsDetails(projectID: $projectID) { enabled }",
    read=sections.gitops,
    waits_on_others=True,
)
"""Litmus holds the project's git lock over network I/O: this field hangs as long as the git remote does."""

SERVER_VERSION: Final = Query[str](
    field="getServerVersion",
    variables={},
    call="  getServerVersion { value }",
    read=sections.version,
    asks_auth=False,
    proves_token=False,  # Answered without any.
)
"""Informational: Litmus stores it at its first start and may not update it."""

RUNS: Final = Query[Page[Run]](
    field="listExperimentRun",
    variables={"projectID": "ID!", "runs": "ListExperimentRunRequest!"},
    call="""
  listExperimentRun(projectID: $projectID, request: $runs) {
    totalNoOfExperimentRuns
    experimentRuns {
      experimentRunID experimentID experimentName phase resiliencyScore runSequence createdAt updatedAt
      faultsPassed faultsFailed faultsAwaited faultsStopped faultsNa totalFaults
      updatedBy { username }
    }
  }""",
    read=runs.runs_page,
)
"""Without ``infra``, which is non-null: where its document is gone, the whole run would be null.

Litmus joins every run that matches before it cuts the page, so a request must narrow.
"""

MANIFESTS: Final = Query[Page[ManifestRow]](
    field="listExperiment",
    variables={"projectID": "ID!", "manifests": "ListExperimentRequest!"},
    call="""
  listExperiment(projectID: $projectID, request: $manifests) {
    totalNoOfExperiments
    experiments { experimentID updatedAt experimentManifest }
  }""",
    read=runs.manifests_page,
)
"""For schedules only: suspension and time zone stand nowhere else. Its reader drops the text at once."""

RUN_EXPERIMENT: Final = Query[str](
    field="runChaosExperiment",
    variables={"projectID": "ID!", "experimentID": "String!"},
    call="  runChaosExperiment(experimentID: $experimentID, projectID: $projectID) { notifyID }",
    read=sections.notify_id,
    kind="mutation",
)

STOP_RUN: Final = Query[bool](
    field="stopExperimentRuns",
    variables={"projectID": "ID!", "experimentID": "String!", "experimentRunID": "String!"},
    call="""
  stopExperimentRuns(
    projectID: $projectID, experimentID: $experimentID, experimentRunID: $experimentRunID
  )""",
    read=sections.boolean,
    kind="mutation",
    since="3.1",
)

SWITCH_SCHEDULE: Final = Query[bool](
    field="updateCronExperimentState",
    variables={"projectID": "ID!", "experimentID": "String!", "disable": "Boolean!"},
    call="""
  updateCronExperimentState(
    experimentID: $experimentID, disable: $disable, projectID: $projectID
  )""",
    read=sections.boolean,
    kind="mutation",
    since="3.1",
)

READ_QUERIES: Final[tuple[Query[Any], ...]] = (
    EXPERIMENTS,
    RUN_STATS,
    INFRAS,
    ENVIRONMENTS,
    HUBS,
    GITOPS,
    SERVER_VERSION,
    RUNS,
)
"""All that may stand in one document.

:data:`MANIFESTS` and :data:`TOKEN_TRIAL` ask for fields that are here already.
"""
MUTATIONS: Final[Mapping[Change, Query[Any]]] = {
    Change.RUN_EXPERIMENT: RUN_EXPERIMENT,
    Change.STOP_RUN: STOP_RUN,
    Change.SWITCH_SCHEDULE: SWITCH_SCHEDULE,
}
"""Their variables are the project, the experiment and the arguments that :class:`Change` names."""
