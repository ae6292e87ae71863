"""Every failure we expect: a stable code, an HTTP status, one sentence.

Clients and tests rely on ``code``; sentences stay free to improve. A sentence
never holds a secret and never repeats text that Litmus sent. Foreign
exceptions are translated into these at the edge that met them.
"""

from typing import ClassVar


class SidecarError(Exception):
    """Base of all expected failures; ``str(error)`` is the sentence for the client."""

    code: ClassVar[str] = "internal"
    """Stable name, relied on by clients, metrics and tests."""
    status: ClassVar[int] = 500
    """HTTP status of the problem document."""


class ConfigError(SidecarError):
    """The configuration cannot be used; ``problems`` has one sentence per mistake."""

    code = "bad_configuration"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class BadRequestError(SidecarError):
    """The request is wrong; ``parameter`` names what is to blame, ``None`` when it is the whole."""

    code = "bad_request"
    status = 400

    def __init__(self, detail: str, *, parameter: str | None = None) -> None:
        super().__init__(detail)
        self.parameter = parameter


class TooLargeError(SidecarError):
    """The request's body is larger than we read."""

    code = "too_large"
    status = 413


class UnsupportedMediaTypeError(SidecarError):
    """The request's body is not of the type we read."""

    code = "unsupported_media_type"
    status = 415


class UnauthenticatedError(SidecarError):
    """No credential, or one that does not hold."""

    code = "unauthenticated"
    status = 401


class ForbiddenError(SidecarError):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class TooManyRequestsError(SidecarError):
    """The caller, or all callers together, ask for more than is allowed; later they may."""

    code = "too_many_requests"
    status = 429

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class BusyError(SidecarError):
    """So much waits to be sent that nothing long is begun; soon it may."""

    code = "busy"
    status = 503

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class NotFoundError(SidecarError):
    """There is no such thing here."""

    code = "not_found"
    status = 404


class QueryRefusedError(SidecarError):
    """A GraphQL document is outside the served schema or its limits."""

    code = "query_refused"
    status = 400


class ActionsDisabledError(SidecarError):
    """Running and stopping experiments is switched off."""

    code = "actions_disabled"
    status = 403


class ProjectUnknownError(SidecarError):
    """No catalog entity names the project, so nobody may read it here."""

    code = "project_unknown"
    status = 404


class ProjectAmbiguousError(SidecarError):
    """The project id exists in several instances; a bare id cannot tell which is meant."""

    code = "project_ambiguous"
    status = 409


class NotReadyError(SidecarError):
    """The first synchronisation of this project did not finish within the wait."""

    code = "not_ready"
    status = 503


class NoDataError(SidecarError):
    """The first synchronisation of this project failed; the next attempt is scheduled."""

    code = "no_data"
    status = 503


class TooStaleError(SidecarError):
    """The data is older than ``sync.maxStale`` allows to show without its age."""

    code = "too_stale"
    status = 503


class DrainingError(SidecarError):
    """The service is shutting down and ends its waits."""

    code = "draining"
    status = 503


class StoreError(SidecarError):
    """The store cannot be read or written."""

    code = "store_unavailable"
    status = 503


class StoreRefusedError(StoreError):
    """The database is well, and refused a value of this one write."""


class LeaseLostError(StoreError):
    """A write came from a worker whose lease has moved on; nothing was written."""

    code = "lease_lost"


class UpstreamError(SidecarError):
    """Litmus did not give what was asked; subclasses say why."""

    code = "upstream_error"
    status = 502


class UpstreamUnavailableError(UpstreamError):
    """No answer arrived, or a 5xx: connection refused, reset, gateway error."""

    code = "upstream_unavailable"


class UpstreamTimeoutError(UpstreamUnavailableError):
    """Litmus did not answer in time (its auth server may be down: it then hangs)."""

    code = "upstream_timeout"


class UpstreamPausedError(UpstreamUnavailableError):
    """The circuit breaker of this instance is open: Litmus was not asked."""

    code = "upstream_paused"


class UpstreamUncheckedError(UpstreamUnavailableError):
    """Litmus could not check the token, because of trouble of its own: it did nothing."""


class UpstreamAuthAwayError(UpstreamUnavailableError):
    """Litmus's auth server does not answer: what needs it would hang in Litmus, so it was not sent."""

    code = "upstream_auth_away"


class UpstreamBusyError(UpstreamUnavailableError):
    """Our own pace to this instance is used up: no turn came in time, Litmus was not asked."""

    code = "upstream_busy"


class UpstreamOverloadedError(UpstreamError):
    """Litmus hit its own deadline or result size; a smaller page may pass."""

    code = "upstream_overloaded"


class UpstreamProtocolError(UpstreamError):
    """What arrived is not a Litmus answer: HTML, broken JSON, another shape, 400 or 422."""

    code = "upstream_protocol"


class UpstreamHostRefusedError(UpstreamError):
    """Litmus refused our Host header (its ``ALLOWED_ORIGINS``); see ``hostHeader``."""

    code = "upstream_host_refused"


class UpstreamUnsupportedError(UpstreamProtocolError):
    """This Litmus does not know the operation (422): it is older than the operation."""

    code = "upstream_unsupported"


class TokenRejectedError(UpstreamError):
    """Litmus does not accept the token: expired, wrongly signed, malformed."""

    code = "token_rejected"


class TokenRevokedError(TokenRejectedError):
    """Litmus says the token is revoked (HTTP 401)."""

    code = "token_revoked"


class AccessDeniedError(UpstreamError):
    """The token's user has no sufficient role, or the project id does not exist.

    Litmus answers both with the same words (api: ``auth gRPC - Unauthorized``).
    """

    code = "upstream_denied"


class UpstreamAnswerLostError(UpstreamError):
    """An action was sent and its answer did not arrive: Litmus may have done it."""

    code = "upstream_answer_lost"


class UpstreamRefusedError(UpstreamError):
    """Litmus refused an action for a reason that we know; ``refusal`` is that, in our words."""

    code = "refused_by_litmus"
    status = 409

    def __init__(self, refusal: "ActionRefusedError") -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class ActionRefusedError(SidecarError):
    """An action makes no sense as things stand, by Litmus's own word or ours. Subclasses say why."""

    code = "action_refused"
    status = 409


class ExperimentUnknownError(ActionRefusedError):
    """The project has no such experiment."""

    code = "experiment_unknown"
    status = 404


class ExperimentRemovedError(ActionRefusedError):
    """The project had the experiment, and Litmus deleted it."""

    code = "experiment_removed"
    status = 410


class ExperimentNotCoveredError(ActionRefusedError):
    """The experiment lies outside of what the caller's entities are narrowed to."""

    code = "experiment_not_covered"
    status = 403


class ProjectUnclaimedError(ActionRefusedError):
    """Whose project it is cannot be told: several owners name it, or its first one left, without a claim."""

    code = "project_unclaimed"
    status = 403


class InfrastructureInactiveError(ActionRefusedError):
    """The agent that would have to do it is not connected."""

    code = "infrastructure_inactive"


class InfrastructureMissingError(ActionRefusedError):
    """The infrastructure of the experiment is gone from Litmus."""

    code = "infrastructure_missing"


class AlreadyRunningError(ActionRefusedError):
    """A run of the experiment is unfinished, and a second one was not forced."""

    code = "already_running"


class ExperimentScheduledError(ActionRefusedError):
    """A scheduled experiment cannot be run: Litmus would start its schedule and no run."""

    code = "experiment_scheduled"


class ScheduleStartedError(ActionRefusedError):
    """The cluster has the schedule already; there is nothing to start."""

    code = "schedule_started"


class ExperimentNotScheduledError(ActionRefusedError):
    """An experiment without a schedule cannot be switched: Litmus would damage it."""

    code = "experiment_not_scheduled"


class RunUnknownError(ActionRefusedError):
    """The experiment has no such run, or none that could be stopped."""

    code = "run_unknown"
    status = 404


class RunFinishedError(ActionRefusedError):
    """The run is over; stopping it would overwrite its result."""

    code = "run_finished"


class RunWithoutIdError(ActionRefusedError):
    """A run was not stopped, because it got no id by which it could be; it may still run."""

    code = "run_without_id"


class StopIncompleteError(ActionRefusedError):
    """Not all runs are stopped so far; only where an answer has no place for each run's own outcome."""

    code = "stop_incomplete"


class TokenRoleError(ActionRefusedError):
    """The sidecar's own token may not do this in the project."""

    code = "token_role_insufficient"


class IdempotencyKeyReusedError(ActionRefusedError):
    """The Idempotency-Key was used for another action."""

    code = "idempotency_key_reused"


class ActionNotDoneError(UpstreamError):
    """Litmus did not answer an action, and later synchronisations show that it did not do it."""

    code = "action_not_done"


class ShareInvalidError(SidecarError):
    """The address of a shared picture was not signed here, or for another picture."""

    code = "share_invalid"
    status = 403


class ShareExpiredError(SidecarError):
    """The address of a shared picture held once."""

    code = "share_expired"
    status = 410


class ShareRevokedError(SidecarError):
    """Somebody revoked the address of a shared picture before its time."""

    code = "share_revoked"
    status = 410


class TokenUnknownError(SidecarError):
    """The user of the instance has no API token of this id."""

    code = "token_unknown"
    status = 404


class TokenInUseError(SidecarError):
    """The sidecar itself uses this token; rotate first."""

    code = "token_in_use"
    status = 409


class TokenNotManagedError(SidecarError):
    """The token comes from outside; only one that the sidecar manages can be rotated by it."""

    code = "token_not_managed"
    status = 409


class TokenNameReservedError(SidecarError):
    """Tokens of this name are the sidecar's: it uses the newest and removes the others."""

    code = "token_name_reserved"
    status = 409


class TokenNameTakenError(SidecarError):
    """A token of this name lives, and its value cannot be shown again."""

    code = "token_name_taken"
    status = 409


class InstanceUnknownError(SidecarError):
    """No instance of this name is configured."""

    code = "instance_unknown"
    status = 404


class InitialPasswordError(UpstreamError):
    """The user still has the initial password; Litmus creates and removes tokens only after it changed."""

    code = "initial_password"


class CredentialsRejectedError(UpstreamError):
    """Litmus refused user and password, or the user is deactivated."""

    code = "credentials_rejected"


class RightsUnknownError(SidecarError):
    """Litmus cannot be asked what somebody who signed in with it may do, so they see nothing."""

    code = "rights_unknown"
    status = 503
