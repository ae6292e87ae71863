"""The six documents of the plugin in our own words, and bodies around them."""

import json
from typing import Any

from sidecar.replica import MutationRequest, QueryEngine, QueryRequest
from tests.support.builders import PROJECT_ID

RUN_STATS = """query getExperimentRunStats($projectID: ID!) {
  getExperimentRunStats(projectID: $projectID) {
    totalExperimentRuns totalRunningExperimentRuns totalCompletedExperimentRuns
    totalTerminatedExperimentRuns totalStoppedExperimentRuns totalErroredExperimentRuns
  }
}"""
BASIC_STATS = """query getBasicStats($projectID: ID!) {
  getExperimentStats(projectID: $projectID) { totalExperiments }
  getChaosHubStats(projectID: $projectID) { totalChaosHubs }
  getInfraStats(projectID: $projectID) { totalActiveInfrastructure }
  getGitOpsDetails(projectID: $projectID) { enabled }
}"""
HUBS = """query listChaosHub($projectID: ID!, $request: ListChaosHubRequest!) {
  listChaosHub(projectID: $projectID, request: $request) { id isAvailable totalFaults totalExperiments name }
}"""
ENVIRONMENTS = """query listEnvironments($projectID: ID!, $request: ListEnvironmentRequest!) {
  listEnvironments(request: $request, projectID: $projectID) {
    environments { environmentID name tags type infraIDs isRemoved }
  }
}"""
EXPERIMENTS = """query listExperiment($projectID: ID!, $request: ListExperimentRequest!) {
  listExperiment(projectID: $projectID, request: $request) {
    experiments {
      experimentID cronSyntax
      infra { infraID infraType name environmentID infraNamespace infraScope isActive }
      experimentType name
      recentExperimentRunDetails { experimentRunID phase resiliencyScore updatedAt updatedBy { username } }
    }
  }
}"""
RUN = """mutation runChaosExperiment($projectID: ID!, $experimentID: String!) {
  runChaosExperiment(experimentID: $experimentID, projectID: $projectID) { notifyID }
}"""
QUERIES = (RUN_STATS, BASIC_STATS, HUBS, ENVIRONMENTS, EXPERIMENTS)


def body(query: str, variables: Any = None, **more: Any) -> bytes:
    """The bytes of a request; without variables, those the plugin sends."""
    given = {"projectID": PROJECT_ID, "request": {}} if variables is None else variables
    return json.dumps({"query": query, "variables": given, **more}).encode()


def prepare_query(engine: QueryEngine, query: str, variables: Any = None) -> QueryRequest:
    prepared = engine.prepare(body(query, variables))
    assert isinstance(prepared, QueryRequest)
    return prepared


def prepare_mutation(engine: QueryEngine, query: str, variables: Any = None) -> MutationRequest:
    prepared = engine.prepare(body(query, variables))
    assert isinstance(prepared, MutationRequest)
    return prepared
