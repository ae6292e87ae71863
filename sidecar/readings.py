"""Values that other parts keep, read for a scrape."""

from collections.abc import Callable, Mapping

from sidecar.litmus.client import LitmusClient
from sidecar.metrics import Reading
from sidecar.model import ProjectRef
from sidecar.policy import LitmusRole
from sidecar.ports import Catalogue, StoreHealth, Tokens, TokenState
from sidecar.replica import Replica
from sidecar.web.answers import Answers


def readings(
    *,
    catalogue: Catalogue,
    replica: Replica,
    clients: Mapping[str, LitmusClient],
    store: StoreHealth,
    tokens: Mapping[str, Tokens],
    token_role: Callable[[ProjectRef], LitmusRole | None],
) -> Mapping[str, Reading]:
    """Return the values that other parts keep, for a scrape."""
    stats = replica.stats
    return {
        "litmus_sidecar_catalog_entities": Reading(
            "Entities that name a Litmus project.", {(): len(catalogue.current.entities)}
        ),
        "litmus_sidecar_catalog_problems": Reading(
            "Catalog documents, annotations or files that could not be used.",
            {(): len(catalogue.current.problems)},
        ),
        "litmus_sidecar_breaker_open": Reading(
            "1 while an instance is left alone because it did not answer, else 0.",
            {(name,): float(client.breaker.state.value != "closed") for name, client in clients.items()},
            labels=("instance",),
        ),
        **_token_readings(tokens),
        "litmus_sidecar_token_role": Reading(
            "1 for the role (Owner, Executor, Viewer) that a project gives the token's user; else absent.",
            {
                (project.instance, project.project_id, role.value): 1.0
                for project in {entity.project for entity in catalogue.current.entities}
                if (role := token_role(project)) is not None
            },
            labels=("instance", "project", "role"),
        ),
        "litmus_sidecar_store_degraded": Reading(
            "1 while the database is away and the sidecar goes on in memory, else 0.",
            {(): float(store.state != "ok")},
        ),
        "litmus_sidecar_store_outages": Reading(
            "Times that the database was lost.", {(): store.outages}, counter=True
        ),
        "litmus_sidecar_graphql_plans_compiled": Reading(
            "GraphQL documents compiled into a plan.", {(): stats.plans_compiled}, counter=True
        ),
        "litmus_sidecar_graphql_answers_built": Reading(
            "GraphQL answers projected from a snapshot.", {(): stats.answers_built}, counter=True
        ),
        "litmus_sidecar_graphql_answer_hits": Reading(
            "GraphQL answers given from memory.", {(): stats.answer_hits}, counter=True
        ),
        "litmus_sidecar_graphql_refusals": Reading(
            "GraphQL requests refused by the served schema or its limits.",
            {(): stats.refusals},
            counter=True,
        ),
        "litmus_sidecar_graphql_cache_bytes": Reading(
            "Bytes that plans and answers hold in memory.", {(): replica.cached_bytes}
        ),
    }


def answer_readings(answers: Answers) -> Mapping[str, Reading]:
    """Return what the answers to GET were made from, for a scrape."""
    return {
        "litmus_sidecar_answer_cache_hits": Reading(
            "Answers to GET given from memory.", {(): answers.hits}, counter=True
        ),
        "litmus_sidecar_answer_cache_misses": Reading(
            "Answers to GET that had to be made.", {(): answers.made}, counter=True
        ),
    }


def _token_readings(tokens: Mapping[str, Tokens]) -> Mapping[str, Reading]:
    statuses = {name: held.status for name, held in tokens.items()}
    return {
        "litmus_sidecar_token_state": Reading(
            "1 for the state that an instance's token is in (good, unproven, rejected, missing), else 0.",
            {
                (name, state.value): float(status.state is state)
                for name, status in statuses.items()
                for state in TokenState
            },
            labels=("instance", "state"),
        ),
        "litmus_sidecar_token_expiry_timestamp_seconds": Reading(
            "When an instance's token expires, Unix time; absent for one that never does.",
            {
                (name,): status.expires_at.timestamp()
                for name, status in statuses.items()
                if status.expires_at is not None
            },
            labels=("instance",),
        ),
    }
