"""What the tags of projects say, which only the auth server's list of the token's projects tells.

One reading per instance and slow interval, whatever the number of projects
(Litmus gives fifty to a page), and one more when projects are named anew. Tags
give rights and take them away, so what is not known is not taken for "no
tags": see :meth:`ProjectTags.of`.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from sidecar.domain.errors import UpstreamError, UpstreamProtocolError
from sidecar.domain.model import ProjectRef
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import LitmusClient
from sidecar.runtime.backoff import exponential_backoff
from sidecar.runtime.supervision import UnitErrors

_RETRY: Final = timedelta(seconds=30)
"""Shortest time between two readings where the interval is longer; doubled with every failure."""
_REFUSALS: Final = 2
"""So many answers in a row that are no list mean that this Litmus, or a proxy before it, tells none."""

_log = structlog.get_logger(__name__)


class ProjectTags:
    """The tags of one instance's projects as last told."""

    def __init__(
        self,
        instance: str,
        client: LitmusClient,
        projects: Callable[[], Collection[ProjectRef]],
        interval: timedelta,
    ) -> None:
        """Take whom to ask, what names the projects of all instances, and how often to ask anew."""
        self._instance = instance
        self._client = client
        self._auth = LitmusAuth(client)
        self._projects = projects
        self._interval = interval
        self._told: Mapping[str, tuple[str, ...]] = {}
        self._asked_about: frozenset[str] = frozenset()
        """The projects that were named when a list was last read."""
        self._refusals = 0
        self._failures = 0
        self._due_at = 0.0
        self._may_ask_at = 0.0
        self._is_hurried = False
        """Whether a failure is not waited out: since it began there is something new to ask with."""
        self._news = asyncio.Event()
        self._is_said = False
        """Whether the log has that it fails."""
        self._unit_errors = UnitErrors("tags of projects")

    def configure(self, interval: timedelta) -> None:
        """Ask anew after this interval, from the next list on."""
        self._interval = interval

    def of(self, project_id: str) -> tuple[str, ...] | None:
        """Return the project's tags; ``None``: not known so far, there may be any.

        What was told once holds until Litmus tells otherwise, whatever fails
        meanwhile. ``()`` also where there is nothing to be had: the list names
        other projects only (the token's user is no member), or the request is
        refused, or answered with something else, time and again.
        """
        told = self._told.get(project_id)
        if told is None and (project_id in self._asked_about or self._refusals >= _REFUSALS):
            return ()
        return told

    def look(self) -> None:
        """Look at what is named now: other projects may be."""
        self._news.set()

    def retry(self) -> None:
        """Ask at once for what could not be read: a new token may be let in."""
        self._is_hurried = True
        self._news.set()

    async def follow(self) -> None:
        """Read the list when it is due, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            named = frozenset(ref.project_id for ref in self._projects() if ref.instance == self._instance)
            due_at = self._next_at(named)
            if due_at is not None and due_at <= loop.time():
                await self.read(named)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due_at):
                    await self._news.wait()

    def _next_at(self, named: frozenset[str]) -> float | None:
        """Return when, by the event loop's clock, the list is due; ``None``: not for these projects."""
        if not named:
            return None
        if self._failures and self._is_hurried:
            return 0.0
        has_news = not self._failures and not named <= self._asked_about
        return min(self._due_at, self._may_ask_at) if has_news else self._due_at

    async def read(self, named: frozenset[str]) -> None:
        """Read the list once, for these projects; a failure leaves what was told."""
        interval = self._interval
        retry = min(_RETRY, interval)
        self._is_hurried = False
        try:
            with self._unit_errors.contained(self._instance):
                await self._read(named)
        except UpstreamError as exc:
            self._note(exc)
            retry = exponential_backoff(_RETRY, self._failures, interval)
            self._failures += 1
        now = asyncio.get_running_loop().time()
        self._may_ask_at = now + retry.total_seconds()
        self._due_at = now + (retry if self._failures else interval).total_seconds()

    async def _read(self, named: frozenset[str]) -> None:
        projects = await self._auth.list_projects(self._client.token())
        if not projects:
            # Litmus says the same when its database fails.
            raise UpstreamError("Litmus listed no project of the token's user.")
        listed = {project.project_id: project.tags for project in projects}
        # Of a project that is listed no more, what its owners wrote last goes on to hold.
        kept = {one: tags for one, tags in self._told.items() if one in named}
        self._told = kept | {one: tags for one, tags in listed.items() if one in named}
        self._asked_about = named
        self._refusals = self._failures = 0
        if self._is_said:
            _log.info("tags of projects are read again", instance=self._instance)
        self._is_said = False

    def _note(self, error: UpstreamError) -> None:
        # What did not come to an answer says nothing of whether there are tags.
        self._refusals = self._refusals + 1 if isinstance(error, UpstreamProtocolError) else 0
        if not self._is_said:
            self._is_said = True
            _log.warning(
                "tags of projects not read",
                instance=self._instance,
                code=error.code,
                reason=str(error),
                meaning="claims by a tag of a project hold as last read; all else is as without such tags",
            )
