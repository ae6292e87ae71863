"""Values that other parts keep, read for a scrape."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from sidecar.config import Config
from sidecar.domain.model import LANE_OF_SECTION, Lane, ProjectRef
from sidecar.domain.ports import Catalogue, StoreHealth, Tokens, TokenState, TokenStatus
from sidecar.domain.roles import LitmusRole
from sidecar.http.answers.cache import AnswerCounts
from sidecar.http.services import Phase
from sidecar.litmus.tokens.managed import RENEWED_BEFORE
from sidecar.litmus.transport.client import LitmusClient
from sidecar.replica import QueryEngine
from sidecar.sync.planner import IntervalPlanner
from sidecar.telemetry.metrics import Reading


class HasStatus(Protocol):
    """Whatever knows how it stands with a token."""

    @property
    def status(self) -> TokenStatus:
        """How it stands now."""


def pace_gauges(planner: IntervalPlanner, clients: Mapping[str, LitmusClient]) -> Mapping[str, Reading]:
    """Return how often Litmus is asked and would have to be, and what ages are to be compared with."""
    plans = {name: planner.plan(name) for name in clients}
    longest = {
        lane: max((plan.others.of(lane) for plan in plans.values()), default=planner.configured.of(lane))
        for lane in Lane
    }
    return {
        "litmus_sidecar_section_interval_seconds": Reading(
            "Longest planned time between two readings of a part of a project.",
            {
                (section.value,): longest[lane].total_seconds()
                for section, lane in sorted(LANE_OF_SECTION.items())
            },
            labels=("section",),
        ),
        "litmus_sidecar_planned_interval_seconds": Reading(
            "Planned time between two readings of a project, by interest: asked for lately, or others.",
            {
                (name, lane.value, interest): intervals.of(lane).total_seconds()
                for name, plan in plans.items()
                for interest, intervals in (("asked", plan.asked), ("others", plan.others))
                for lane in Lane
            },
            labels=("instance", "lane", "interest"),
        ),
        "litmus_sidecar_reached_interval_seconds": Reading(
            "Mean time between two readings of a project, lately.",
            {(instance, lane.value): seconds for (instance, lane), seconds in planner.reached().items()},
            labels=("instance", "lane"),
        ),
        "litmus_sidecar_needed_requests_per_second": Reading(
            "Requests to Litmus that all projects take at the configured intervals.",
            {(name,): plan.needed_per_second for name, plan in plans.items()},
            labels=("instance",),
        ),
        "litmus_sidecar_allowed_requests_per_second": Reading(
            "Requests that Litmus gets at most now: sync.maxRequestsPerSecond, or what it bears.",
            {(name,): client.pace_per_second for name, client in clients.items()},
            labels=("instance",),
        ),
    }


def renewal_leads(config: Config) -> Mapping[str, timedelta]:
    """Return by when before its end a managed token must have been renewed, by instance."""
    return {
        instance.name: timedelta(days=instance.credentials.token_days) * RENEWED_BEFORE
        for instance in config.instances
        if instance.credentials is not None
    }


def catalog_gauges(
    catalogue: Catalogue, token_role: Callable[[ProjectRef], LitmusRole | None]
) -> Mapping[str, Reading]:
    """Return what is in the catalog, and what our tokens may do in its projects."""
    return {
        "litmus_sidecar_catalog_entities": Reading(
            "Entities that name a Litmus project.", {(): len(catalogue.current.entities)}
        ),
        "litmus_sidecar_catalog_problems": Reading(
            "Catalog documents, annotations or files that could not be used.",
            {(): len(catalogue.current.problems)},
        ),
        "litmus_sidecar_token_role": Reading(
            "1 for the role (Owner, Executor, Viewer) that a project gives the token's user; else absent.",
            {
                (project.instance, project.project_id, role.value): 1.0
                for project in {entity.project for entity in catalogue.current.entities}
                if (role := token_role(project)) is not None
            },
            labels=("instance", "project", "role"),
        ),
    }


def instance_gauges(
    clients: Mapping[str, LitmusClient], tokens: Mapping[str, Tokens], leads: Mapping[str, timedelta]
) -> Mapping[str, Reading]:
    """Return whether each instance is asked, and how it stands with its token."""
    return {
        "litmus_sidecar_breaker_open": Reading(
            "1 while an instance is left alone because it did not answer, else 0.",
            {(name,): float(client.breaker.state.value != "closed") for name, client in clients.items()},
            labels=("instance",),
        ),
        **token_gauges(tokens, leads),
    }


def store_gauges(health: StoreHealth) -> Mapping[str, Reading]:
    """Return how it stands with the database."""
    return {
        "litmus_sidecar_store_degraded": Reading(
            "1 while the database is away or cannot be written and the sidecar goes on in memory, else 0.",
            {(): float(health.state != "ok")},
        ),
        "litmus_sidecar_store_outages": Reading(
            "Times that the database was lost.", {(): health.outages}, counter=True
        ),
    }


def graphql_gauges(query_engine: QueryEngine) -> Mapping[str, Reading]:
    """Return what came of GraphQL requests, and what is kept of them."""
    stats = query_engine.stats
    return {
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
            "Bytes that plans and answers hold in memory.", {(): query_engine.cached_bytes}
        ),
    }


def configuration_gauges(phase: Phase) -> Mapping[str, Reading]:
    """Return what the last reading of the configuration came to."""
    state = phase.configuration
    return {
        "litmus_sidecar_config_last_reload_successful": Reading(
            "1 if the configuration as last read could be used, else 0; the start counts.",
            {(): float(not state.problems)},
        ),
        "litmus_sidecar_config_last_reload_success_timestamp_seconds": Reading(
            "When the configuration in effect was read, Unix time.", {(): state.loaded_at.timestamp()}
        ),
        "litmus_sidecar_config_needs_restart": Reading(
            "Keys that have another value in the files than in effect, and wait for a restart.",
            {(): len(state.needs_restart)},
        ),
    }


def answer_gauges(answers: AnswerCounts) -> Mapping[str, Reading]:
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
