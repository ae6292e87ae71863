"""A reload: the configuration is read again while the service runs, and takes effect or changes nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog
from aiohttp import web

from sidecar.app.compose import require_usable
from sidecar.config import Changes, Config, changes
from sidecar.domain.errors import ConfigError
from sidecar.http.answers.cache import ANSWER_CACHE
from sidecar.http.gate.succession import Answering, Succession
from sidecar.http.middleware.warm import WARM_ANSWERS
from sidecar.http.services import SERVICES, ConfigState
from sidecar.runtime.supervision import end_all

UNEXPECTED: Final = "The configuration could not be taken over for a reason that the log has"

_log = structlog.get_logger(__name__)


class Reloading:
    """Reads the configuration when asked to, and replaces the application that answers."""

    def __init__(
        self,
        read: Callable[[], Config],
        successor_of: Callable[[web.Application, Config], web.Application],
        succession: Succession,
        *,
        asked: asyncio.Event,
    ) -> None:
        """Take what it needs.

        Args:
            read: Reads and judges the files again; called in a thread.
            successor_of: Makes the next application, under another configuration.
            succession: Where applications answer.
            asked: Set to ask for a reload; while one is under way, however many ask get one more.
        """
        self._read = read
        self._successor_of = successor_of
        self._succession = succession
        self._asked = asked
        self._ending: set[asyncio.Task[None]] = set()

    async def follow(self) -> None:
        """Reload whenever asked, one after the other, until cancelled."""
        try:
            while True:
                await self._asked.wait()
                self._asked.clear()
                await self.reload()
        finally:
            await end_all(self._ending)

    async def reload(self) -> None:
        """Read the configuration and put it into effect; what cannot be used leaves everything as it was."""
        services = self._succession.current.app[SERVICES]
        try:
            found = changes(services.config, await asyncio.to_thread(self._usable))
            await self._take_over(found)
        except ConfigError as error:
            self._refuse(error.problems)
            _log.error("configuration not reloaded; the one before stays", problems=error.problems)
        except Exception:  # noqa: BLE001 - whatever it is, the service goes on as it was
            self._refuse((UNEXPECTED,))
            _log.exception("configuration not reloaded; the one before stays")

    def _usable(self) -> Config:
        config = self._read()
        require_usable(config)
        return config

    async def _take_over(self, found: Changes) -> None:
        services = self._succession.current.app[SERVICES]
        state = ConfigState(loaded_at=services.clock(), needs_restart=found.waiting)
        if found.applied:
            successor = await self._succession.start(
                self._successor_of(self._succession.current.app, found.config)
            )
            # From here to the end nothing waits: all of it is in effect at once.
            if services.reconfiguring is not None:
                services.reconfiguring.adopt(found.config)
            self._end(self._succession.switch(successor))
        services.phase.configuration = state
        tell = _log.warning if found.waiting else _log.info
        tell("configuration reloaded", changed=found.applied, needs_restart=found.waiting)

    def _refuse(self, problems: tuple[str, ...]) -> None:
        phase = self._succession.current.app[SERVICES].phase
        phase.configuration = replace(phase.configuration, problems=problems)

    def _end(self, before: Answering) -> None:
        """Let the requests of an application end, and then itself, with all that it remembers."""

        async def end() -> None:
            await self._succession.end(before)
            await before.app[ANSWER_CACHE].close()
            before.app[WARM_ANSWERS].forget()

        task = asyncio.create_task(end(), name="application before")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
