"""The application and its life: HTTP around the services, from the first request to the last."""

import asyncio
import errno
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial
from typing import Final

import structlog
from aiohttp import web

from sidecar.app.compose import open_services
from sidecar.app.gauges import answer_gauges
from sidecar.app.reloading import Reloading
from sidecar.config import Config
from sidecar.http.answers.cache import ANSWER_CACHE
from sidecar.http.answers.sending import (
    SENDING_BUDGET,
    SendingBudget,
    return_freed_memory,
)
from sidecar.http.answers.templates import TEMPLATES
from sidecar.http.gate.connection_limits import ConnectionLimits, limits_within, raise_descriptor_limit
from sidecar.http.gate.connections import Runner
from sidecar.http.metrics.domain import (
    DOMAIN_METRICS,
    DomainMetrics,
)
from sidecar.http.middleware.record import RECORDER, Recorder
from sidecar.http.middleware.request import DOOR, add_headers, request_middleware
from sidecar.http.middleware.warm import WARM_ANSWERS, WarmAnswers
from sidecar.http.routes import add_routes
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.runtime.door import Door

BACKLOG: Final = 1_024
"""Connections that the system holds ready for us; one more waits for a second before it tries again."""
DRAIN_SECONDS: Final = 5.0
"""Between saying "not ready" and not accepting any more: load balancers need to notice."""
HANDLERS_SECONDS: Final = 10.0
"""Longest that requests in progress may take to finish at the end."""
SWITCH_SECONDS: Final = 0.0005
"""After this a thread that computes lets the event loop go on; decision 25."""
ANY_V6: Final = "::"
ANY_V4: Final = "0.0.0.0"  # noqa: S104 - where it is asked for
_NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
ServicesContext = Callable[[Config], AbstractAsyncContextManager[Services]]

_log = structlog.get_logger(__name__)


def create_app(config: Config, *, open_services: ServicesContext = open_services) -> web.Application:
    """Return the application; its services open and close with it."""

    async def services(app: web.Application) -> AsyncIterator[None]:
        async with open_services(config) as parts:
            app[SERVICES] = parts
            app[RECORDER] = Recorder(config, parts.metrics)
            parts.metrics.export(partial(answer_gauges, app[ANSWER_CACHE].counts))
            domain = app[DOMAIN_METRICS] = _domain_metrics(parts)
            async with parts.supervisor.running("metrics of the domain", domain.follow):
                yield

    app = _bare_app(config)
    app[SENDING_BUDGET] = SendingBudget()
    app[DOOR] = Door()
    app.cleanup_ctx.append(services)
    add_routes(app)
    return app


def successor_of(before: web.Application, config: Config) -> web.Application:
    """Return an application with the services of another one under this configuration.

    It remembers nothing of what the other one answered, and closes nothing that the other one opened.

    Raises:
        RuntimeError: If its services stay as they were configured.
    """
    parts = before[SERVICES]
    if parts.reconfiguring is None:
        raise RuntimeError("These services take no other configuration.")
    app = _bare_app(config)
    app[SENDING_BUDGET] = before[SENDING_BUDGET]
    app[DOOR] = before[DOOR]
    app[SERVICES] = parts.reconfiguring.services(parts, config)
    app[RECORDER] = Recorder(config, parts.metrics)
    app[DOMAIN_METRICS] = before[DOMAIN_METRICS]
    add_routes(app, before=before)
    return app


def _bare_app(config: Config) -> web.Application:
    """Return an application without services and routes."""
    app = web.Application(middlewares=[request_middleware])
    app[WARM_ANSWERS] = WarmAnswers(app, config)
    app.on_response_prepare.append(add_headers)
    # Last, for it remembers the head as it is sent.
    app.on_response_prepare.append(app[WARM_ANSWERS].remember)
    return app


async def serve(
    config: Config,
    *,
    announce: Callable[[str], None],
    drain_seconds: float = DRAIN_SECONDS,
    read_again: Callable[[], Config] | None = None,
) -> int:
    """Serve until told to end; return the exit code.

    ``announce`` gets the address once it answers. The order at the end:
    not ready, drain, stop accepting, end waits, let handlers finish, stop
    synchronising. ``read_again`` reads the configuration at SIGHUP, for a
    reload; without it that signal does what it always does.
    """
    return_freed_memory()
    sys.setswitchinterval(SWITCH_SECONDS)
    reload = asyncio.Event()
    loop = asyncio.get_running_loop()
    if read_again is not None:
        # From the beginning: unanswered, the signal would end a process that is still starting.
        loop.add_signal_handler(signal.SIGHUP, reload.set)
    app = create_app(config)
    runner = make_runner(app, config, limits_within(raise_descriptor_limit()))
    await runner.setup()
    services = app[SERVICES]
    # What is there now stays: a full collection need not walk it while everybody waits.
    gc.collect()
    gc.freeze()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    stack = AsyncExitStack()
    try:
        if read_again is not None:
            reloading = Reloading(read_again, successor_of, runner.succession, asked=reload)
            await stack.enter_async_context(services.supervisor.running("configuration", reloading.follow))
        sites = await listen(runner, config.listen.host, config.listen.port)
        announce(_address(runner))
        # Not before: nobody needs a page to know that we are here. Who asks for one earlier waits for it.
        app[TEMPLATES].begin()
        if await _first_of(ending, services.supervisor.gave_up) is not ending:
            _log.error("service ends because a task failed too often", task=services.supervisor.dead)
            return 1
        await _drain(services, ending, drain_seconds)
        for site in sites:
            await site.stop()
        return 0
    finally:
        services.phase.draining.set()
        services.sync.drain()
        await stack.aclose()
        await runner.cleanup()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
        _log.info("ended")


async def _drain(services: Services, ending: asyncio.Event, seconds: float) -> None:
    """Say "not ready" for a while; a second signal ends the patience."""
    _log.info("draining", seconds=seconds)
    services.phase.draining.set()
    ending.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ending.wait()


async def listen(runner: web.BaseRunner, host: str, port: int) -> Sequence[web.BaseSite]:
    """Accept connections on a host; on ``::`` from both families, as people expect of it.

    Each family has a socket of its own: on one socket for both, IPv4 clients would seem to come from
    ``::ffff:…``, which no network of trusted proxies has. Without IPv6 on this machine, IPv4 is served alone.

    Raises:
        OSError: If the host or the port cannot be had.
    """
    sites: list[web.BaseSite] = []
    for one in (ANY_V6, ANY_V4) if host == ANY_V6 else (host,):
        # Of port 0 the first family takes any free one, and the other has the same.
        known = runner.addresses[0][1] if sites else port
        site = web.TCPSite(runner, one, known, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as exc:
            if one != ANY_V6 or exc.errno not in _NO_IPV6:
                raise
            _log.warning("this machine has no IPv6; only IPv4 is served", host=host)
            await site.stop()
        else:
            sites.append(site)
    return sites


def make_runner(app: web.Application, config: Config, bounds: ConnectionLimits) -> Runner:
    """Return what runs the application, with these bounds for its connections."""
    return Runner(
        app,
        bounds=bounds,
        proxies=config.listen.trusted_proxies,
        count=lambda reason: app[SERVICES].metrics.connections_refused.labels(reason).inc(),
        in_front=lambda one: one[WARM_ANSWERS].in_front_of,
        at_once=lambda one: one[WARM_ANSWERS].at_once,
        shutdown_timeout=HANDLERS_SECONDS,
    )


def _domain_metrics(parts: Services) -> DomainMetrics:
    return DomainMetrics(
        catalogue=parts.catalogue,
        snapshots=parts.snapshots,
        history=parts.history,
        digests=parts.digests,
        clock=parts.clock,
        max_experiments=parts.config.metrics.max_experiments,
        observe=parts.metrics.domain_render_seconds.observe,
    )


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _first_of(*events: asyncio.Event) -> asyncio.Event:
    """Wait for the first of the events and return it."""
    waits = {asyncio.create_task(event.wait()): event for event in events}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return waits[done.pop()]
