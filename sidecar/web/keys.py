"""Typed keys under which an application and a request carry what is ours."""

from aiohttp import web

from sidecar.model import Principal
from sidecar.services import Services

SERVICES = web.AppKey("services", Services)
PRINCIPAL = web.RequestKey("principal", Principal)
REQUEST_ID = web.RequestKey("request_id", str)
OUTCOME = web.RequestKey("outcome", str)
"""Code of the error that was answered; absent when all went well. For metrics and the log."""
