"""Values that other parts keep, read for a scrape."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from sidecar.config import Config
from sidecar.domain.model import LANE_OF_SECTION, Lane, ProjectRef
from sidecar.domain.ports import Catalogue, StoreHealth, Tokens, TokenState, TokenStatus
from sidecar.domain.roles import LitmusRole
from sidecar.http.answers.cache import AnswerCache
from sidecar.litmus.tokens.managed import RENEWED_BEFORE
from sidecar.litmus.transport.client import LitmusClient
from sidecar.replica import Replica
from sidecar.telemetry.metrics import Reading


class HasStatus(Protocol):
    """Whatever knows how it stands with a token."""

    @property
    def status(self) -> TokenStatus:
        """How it stands now."""


def configured_gauges(config: Config) -> Mapping[str, Reading]:
    """Return what alerts compare ages with."""
    sync = config.sync
    intervals = {
        Lane.FAST: sync.interval,
        Lane.SLOW: sync.slow_interval,
        Lane.HISTORY: sync.slow_interval,
    }
    return {
        "litmus_sidecar_section_interval_seconds": Reading(
            "Configured time between two readings of a part of a project.",
            {
                (section.value,): intervals[lane].total_seconds()
                for section, lane in sorted(LANE_OF_SECTION.items())
            },
            labels=("section",),
        )
    }


def renewal_leads(config: Config) -> Mapping[str, timedelta]:
    """Return by when before its end a managed token must have been renewed, by instance."""
    return {
        instance.name: timedelta(days=instance.credentials.token_days) * RENEWED_BEFORE
        for instance in config.instances
        if instance.credentials is not None
    }


def service_gauges(
    *,
    catalogue: Catalogue,
    replica: Replica,
    clients: Mapping[str, LitmusClient],
    store: StoreHealth,
    tokens: Mapping[str, Tokens],
    token_role: Callable[[ProjectRef], LitmusRole | None],
    renewal_leads: Mapping[str, timedelta],
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
        **token_gauges(tokens, renewal_leads),
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
            "1 while the database is away or cannot be written and the sidecar goes on in memory, else 0.",
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


def answer_gauges(answers: AnswerCache) -> Mapping[str, Reading]:
    """Return what the answers to GET were made from, for a scrape."""
    return {
        "litmus_sidecar_answer_cache_hits": Reading(
            "Answers to GET given from memory.", {(): answers.hits}, counter=True
        ),
        "litmus_sidecar_answer_cache_misses": Reading(
            "Answers to GET that had to be made.", {(): answers.made}, counter=True
        ),
    }


def token_gauges(
    tokens: Mapping[str, HasStatus], renewal_leads: Mapping[str, timedelta]
) -> Mapping[str, Reading]:
    """Return how it stands with the tokens of the instances, without anything of their values."""
    statuses = {name: held.status for name, held in tokens.items()}
    expiries = {name: status.expires_at for name, status in statuses.items() if status.expires_at is not None}
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
            {(name, statuses[name].source): expiry.timestamp() for name, expiry in expiries.items()},
            labels=("instance", "source"),
        ),
        "litmus_sidecar_token_renewal_timestamp_seconds": Reading(
            "By when a token that the sidecar manages is renewed, Unix time; absent for others.",
            {
                (name,): (expiries[name] - lead).timestamp()
                for name, lead in renewal_leads.items()
                if name in expiries
            },
            labels=("instance",),
        ),
        "litmus_sidecar_token_problem": Reading(
            "1 while a token is rejected or missing, or no new one could be taken into use, else 0.",
            {(name, status.source): float(status.problem is not None) for name, status in statuses.items()},
            labels=("instance", "source"),
        ),
    }
