"""Actions on experiments, runs and schedules that are refused, or of which nothing more is known."""

from typing import Final

from sidecar.insight.finding_codes.explanation import ACTING, ROUTES, TOKENS, explained

CODES: Final = {
    "actions_disabled": explained(
        "Run, stop and schedule are switched off, everywhere or in production",
        "Use Litmus itself, or change `actions.policy` or `actions.production`",
        ACTING,
    ),
    "action_refused": explained(
        "An action makes no sense as things stand",
        "Read the sentence",
        ACTING,
    ),
    "experiment_unknown": explained(
        "The project has no such experiment",
        "Compare the id with Litmus",
        ACTING,
    ),
    "experiment_removed": explained(
        "The experiment was deleted in Litmus",
        "Nothing; its history stays",
        ACTING,
    ),
    "experiment_not_covered": explained(
        "The experiment lies outside of what the caller's entities are narrowed to",
        "Ask an owner of the whole project, or correct the narrowing annotations",
        ACTING,
    ),
    "experiment_scheduled": explained(
        "A scheduled experiment cannot be run by hand: Litmus would start its schedule and no run",
        "Start or switch its schedule, or create an experiment without one",
        ACTING,
    ),
    "experiment_not_scheduled": explained(
        "There is no schedule to switch or start; Litmus would damage or run the experiment",
        "Use run and stop",
        ACTING,
    ),
    "schedule_started": explained(
        "The schedule was started already, or has runs",
        "Nothing; resume it if it is suspended",
        ACTING,
    ),
    "already_running": explained(
        "A run of the experiment is unfinished",
        'Wait, stop it, or send `"force": true`',
        ACTING,
    ),
    "run_unknown": explained(
        "The experiment has no such run",
        "Compare the id; a run has one only after its agent's first event",
        ACTING,
    ),
    "run_finished": explained(
        "The run is over, or none is unfinished; stopping would overwrite its result",
        "Nothing",
        ACTING,
    ),
    "run_without_id": explained(
        "A run was not stopped: Litmus stops a run by its id only, and its infrastructure gave "
        "it none within a minute. It may still run",
        "Look at it in Litmus and in the cluster; stop it once it shows with an id",
        ACTING,
    ),
    "stop_incomplete": explained(
        "Over GraphQL: not every run of a stop is stopped, or not yet",
        "Look at `/api/v1/actions/{actionID}` or the audit for each run's outcome",
        ACTING,
    ),
    "infrastructure_inactive": explained(
        "The agent is not connected",
        "Connect it: its pods in the cluster, its way to Litmus",
        ACTING,
    ),
    "infrastructure_missing": explained(
        "The infrastructure of the experiment is gone from Litmus",
        "Give the experiment another one in Litmus",
        ACTING,
    ),
    "token_role_insufficient": explained(
        "The sidecar's token may not do this in the project",
        "Make its user Executor (run, stop) or Owner (schedules) there",
        TOKENS,
    ),
    "project_unclaimed": explained(
        "Several owners name the project, or its first owner left, and nobody has a claim to it; "
        "or tags and memory were not read yet",
        "Name its owners in `projects`, or tag it or an environment in Litmus "
        "`backstage-owner:group:default/<team>`",
        ACTING,
    ),
    "idempotency_key_reused": explained(
        "The `Idempotency-Key` was used for another action",
        "Send a new one per action",
        ROUTES,
    ),
}
