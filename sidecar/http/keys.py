"""Typed keys under which an application and a request carry what is ours."""

from aiohttp import web

from sidecar.http.answers.cache import Answers
from sidecar.http.answers.sending import Sending
from sidecar.http.gate.caller import Caller
from sidecar.http.metrics.domain import DomainMetrics
from sidecar.http.route import Route
from sidecar.http.services import Services

SERVICES = web.AppKey("services", Services)
ANSWERS = web.AppKey("answers", Answers)
SENDING = web.AppKey("sending", Sending)
DOMAIN_METRICS = web.AppKey("domain_metrics", DomainMetrics)
ROUTES = web.AppKey("routes", dict[str, Route])
"""Every route by name."""
CALLER = web.RequestKey("caller", Caller)
REQUEST_ID = web.RequestKey("request_id", str)
OUTCOME = web.RequestKey("outcome", str)
"""Code of the error that was answered; absent when all went well. For metrics and the log."""
