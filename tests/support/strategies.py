"""Hypothesis strategies for hostile values of the model: everything its types admit, odd corners often."""

from hypothesis import strategies as st

from sidecar.domain.model import (
    Content,
    Environment,
    Experiment,
    GitOps,
    Hub,
    Infra,
    RunStats,
    Schedule,
    Section,
    Snapshot,
)
from sidecar.domain.runs import KnownExperiment, RecentRun, Run
from tests.support.builders import NOW, fresh, project

texts = st.sampled_from(("", "-", "pod-delete", "<b>x</b>", "Ünïcode\u2028", "a" * 300, "\x00")) | st.text(
    max_size=12
)
ids = st.sampled_from(("", "a", "b", "c")) | st.text(max_size=8)
times_ms = st.none() | st.sampled_from((0, 1, 1_772_452_800_000, -1, 2**63)) | st.integers(0, 2**53)
counts = st.sampled_from((0, 1, -1, 2**31, 2**53)) | st.integers()
scores = st.none() | st.floats(allow_nan=True, allow_infinity=True)
tags = st.lists(texts, max_size=3).map(tuple)
phases = st.sampled_from(
    (
        "Completed",
        "Completed_With_Error",
        "Completed_With_Probe_Failure",
        "Error",
        "Running",
        "Stopped",
        "Timeout",
        "Queued",
        "NA",
        "Pending",
        "Succeeded",
        "Terminated",
        "Skipped",
        "",
    )
) | st.text(max_size=6)
crons = st.sampled_from(
    (
        "",
        "0 2 * * *",
        "@daily",
        "@every 1h",
        "TZ=Europe/Berlin 0 2 * * *",
        "60 * * * *",
        "? ? ? ? ?",
        "garbage",
    )
) | st.text(alphabet="0123456789*/-,?L# @AEIFMNORSTU", max_size=16)

recent_runs = st.builds(
    RecentRun,
    experiment_run_id=ids,
    phase=phases,
    resiliency_score=scores,
    updated_at_ms=times_ms,
    created_at_ms=times_ms,
    run_sequence=st.none() | counts,
    updated_by=st.none() | texts,
)
infras = st.builds(
    Infra,
    infra_id=ids,
    name=texts,
    environment_id=ids,
    is_active=st.booleans(),
    infra_type=st.none() | st.sampled_from(("Kubernetes", "", "Nomad")),
    infra_namespace=st.none() | texts,
    infra_scope=st.none() | texts,
    description=st.none() | texts,
    platform_name=st.none() | texts,
    version=st.none() | texts,
    is_confirmed=st.none() | st.booleans(),
    tags=tags,
    created_at_ms=times_ms,
    updated_at_ms=times_ms,
)
experiments = st.builds(
    Experiment,
    experiment_id=ids,
    name=texts,
    cron_syntax=crons,
    experiment_type=st.none() | st.sampled_from(("experiment", "cronexperiment", "chaosengine", "")),
    description=st.none() | texts,
    tags=tags,
    infra=st.none() | infras,
    recent_runs=st.lists(recent_runs, max_size=12).map(tuple),
    created_at_ms=times_ms,
    updated_at_ms=times_ms,
    created_by=st.none() | texts,
    updated_by=st.none() | texts,
)
environments = st.builds(
    Environment,
    environment_id=ids,
    name=texts,
    type=st.none() | st.sampled_from(("PROD", "NON_PROD", "", "STAGE")),
    infra_ids=tags,
    tags=tags,
    description=st.none() | texts,
    is_removed=st.booleans(),
    created_at_ms=times_ms,
    updated_at_ms=times_ms,
    created_by=st.none() | texts,
    updated_by=st.none() | texts,
)
hubs = st.builds(
    Hub,
    hub_id=ids,
    name=texts,
    is_available=st.booleans(),
    total_faults=counts,
    total_experiments=counts,
    description=st.none() | texts,
    is_default=st.none() | st.booleans(),
    tags=tags,
)
run_stats = st.builds(
    RunStats,
    total=counts,
    running=counts,
    completed=counts,
    terminated=counts,
    stopped=counts,
    errored=counts,
)
gitops = st.builds(GitOps, enabled=st.none() | st.booleans())

contents = st.builds(
    Content,
    experiments=st.lists(experiments, max_size=4).map(tuple),
    run_stats=run_stats,
    infrastructures=st.lists(infras, max_size=3).map(tuple),
    environments=st.lists(environments, max_size=3).map(tuple),
    hubs=st.lists(hubs, max_size=3).map(tuple),
    gitops=st.none() | gitops,
)
"""Content of which every section was fetched."""

snapshots = st.builds(
    Snapshot,
    project=st.just(project()),
    version=st.integers(1, 2**31),
    content=contents,
    freshness=st.just(dict.fromkeys(Section, fresh(NOW))),
)

moments_ms = st.sampled_from((0, -1, 1_772_452_800_000, 2**53)) | st.integers(
    1_700_000_000_000, 1_800_000_000_000
)
runs = st.builds(
    Run,
    experiment_id=ids,
    experiment_name=texts,
    experiment_run_id=ids,
    phase=phases,
    # What Litmus's JSON can carry.
    resiliency_score=st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
    created_at_ms=moments_ms,
    updated_at_ms=moments_ms,
    removed=st.booleans(),
)
known_experiments = st.builds(
    KnownExperiment,
    experiment_id=ids,
    name=texts,
    infra_id=st.none() | ids,
    tags=tags,
    first_seen_at=st.just(NOW),
    removed_at=st.none() | st.just(NOW),
)
schedules = st.builds(
    Schedule,
    experiment_id=ids,
    cron_syntax=crons,
    suspended=st.booleans(),
    timezone=st.none() | st.sampled_from(("Europe/Berlin", "Nowhere/Land", "")),
    experiment_updated_at_ms=times_ms,
    since=st.just(NOW),
)
