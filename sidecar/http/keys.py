"""Typed keys for what a request carries and no type of ours stands for; others stand beside their type."""

from aiohttp import web

REQUEST_ID = web.RequestKey("request_id", str)
OUTCOME = web.RequestKey("outcome", str)
"""Code of the error that was answered; absent when all went well. For metrics and the log."""
IS_ACTION = web.RequestKey("is_action", bool)
"""Set where the request ran, stopped or switched something, or tried to."""
