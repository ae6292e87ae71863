"""Lines of the log, written in batches by a thread: nobody who logs waits for whoever reads the log."""

import atexit
import threading
from contextlib import suppress
from typing import Final, TextIO

FLUSH_SECONDS: Final = 0.2
"""Longest that a line waits, unless whoever reads the log does not take it."""
WAITING_CHARACTERS: Final = 8 * 1024 * 1024
"""Of what the reader did not take yet; who logs more waits, for nothing may be lost."""


class LogWriter:
    """A text stream for handlers of logs; what is written is sent on within :data:`FLUSH_SECONDS`.

    At the end of the process, a signal to end included, everything is written.
    """

    def __init__(self, stream: TextIO, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        self._stream = stream
        self._flush_seconds = flush_seconds
        self._lines: list[str] = []
        self._characters = 0
        self._lines_lock = threading.Lock()
        self._stream_lock = threading.Lock()
        """Batches are written one after the other."""
        self._wanted = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, text: str) -> int:
        """Take a text over; return its length."""
        with self._lines_lock:
            self._lines.append(text)
            self._characters += len(text)
        if self._is_over.is_set() or self._characters > WAITING_CHARACTERS:
            self._send()
        elif not self._wanted.is_set():
            self._wanted.set()
        return len(text)

    def flush(self) -> None:
        """Do nothing: handlers call it after every line, and the thread does it for many."""

    def close(self) -> None:
        """Write what waits; from now on every text is written at once."""
        atexit.unregister(self.close)
        self._is_over.set()
        self._wanted.set()
        self._thread.join()
        self._send()

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._wanted.wait()
            self._is_over.wait(self._flush_seconds)
            # Before the lines are taken: what comes meanwhile is wanted again.
            self._wanted.clear()
            self._send()

    def _send(self) -> None:
        with self._stream_lock:
            with self._lines_lock:
                lines, self._lines = self._lines, []
                self._characters = 0
            if lines:
                # A log that cannot be written is no reason to fail; logging itself says nothing either.
                with suppress(OSError, ValueError):
                    self._stream.write("".join(lines))
                    self._stream.flush()
