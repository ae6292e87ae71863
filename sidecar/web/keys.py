"""Typed keys under which an application and a request carry what is ours."""

from aiohttp import web

from sidecar.services import Services
from sidecar.web.answers import Answers
from sidecar.web.caller import Caller
from sidecar.web.domain_metrics import DomainMetrics
from sidecar.web.route import Route
from sidecar.web.sending import Sending

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
