"""What is kept of each request: metrics, its line in the log."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from prometheus_client import Counter, Histogram

from sidecar.config import Config
from sidecar.http.gate.caller import CALLER
from sidecar.http.keys import IS_ACTION, OUTCOME, REQUEST_ID
from sidecar.identity.proxy import Network, client_address
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.request_log import SLOW_SECONDS, RepeatedLine, RequestLine, is_logged, write_request

QUIET_ROUTES: Final = frozenset({"healthz", "readyz", "metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE"})


class Recorder:
    """Counts requests and writes their lines."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._logged = config.log.requests
        self._proxies: Sequence[Network] = config.listen.trusted_proxies
        self._metrics = metrics

    def record(self, request: web.Request, status: int, took_seconds: float) -> tuple[str, str]:
        """Count a request that was answered and log it; return its method and route as labels."""
        route = request.match_info.route
        resource = route.resource
        template = resource.canonical if resource is not None else "unmatched"
        outcome = request.get(OUTCOME, "ok")
        # Any other method is the client's text; it must not become a label.
        method = request.method if request.method in _METHODS else "other"
        caller = request.get(CALLER)
        self.note(
            request,
            RequestLine(
                method=request.method,
                route=template,
                status=status,
                outcome=outcome,
                caller=caller.principal.name if caller else None,
                client=None,
                seconds=took_seconds,
                request_id=request[REQUEST_ID],
            ),
            label=method,
            is_action=request.get(IS_ACTION, False),
            is_quiet=route.name in QUIET_ROUTES,
        )
        return method, template

    def note(
        self,
        request: web.Request,
        line: RequestLine,
        *,
        label: str,
        is_action: bool = False,
        is_quiet: bool = False,
    ) -> None:
        """Count what the line says, under this label of the method, and log it; the client is added."""
        self._metrics.count_request(line.route, label, line.outcome, line.seconds)
        if not is_logged(line, self._logged, is_action=is_action):
            return
        line.client = self.client(request)
        line.seconds = round(line.seconds, 4)
        write_request(line, is_quiet=is_quiet)

    def client(self, request: web.Request) -> str | None:
        """Return the address that a request comes from, as far as it is known."""
        return client_address(request.remote, request.headers, self._proxies)

    def repeated(self, line: RequestLine, *, label: str) -> "RepeatedRequest":
        """Return what keeps the like of a request that all is known of but its duration and its id."""
        return RepeatedRequest(
            self._metrics.labelled(line.route, label, line.outcome),
            RepeatedLine(line),
            is_logged=is_logged(line, self._logged, is_action=False),
        )


class RepeatedRequest:
    """Counts requests that differ in duration and id only, and writes their lines, as :class:`Recorder`."""

    __slots__ = ("_counted", "_is_logged", "_line", "_seconds")

    def __init__(self, counting: tuple[Counter, Histogram], line: RepeatedLine, *, is_logged: bool) -> None:
        self._counted, self._seconds = counting
        self._line = line
        self._is_logged = is_logged
        """Whether also one that was not slow is."""

    def note(self, took_seconds: float, request_id: str) -> None:
        """Count one, and log it."""
        self._counted.inc()
        self._seconds.observe(took_seconds)
        if self._is_logged or took_seconds >= SLOW_SECONDS:
            self._line.write(round(took_seconds, 4), request_id)


RECORDER = web.AppKey("recorder", Recorder)
