"""Lines of the log are written in batches by a thread, and none is lost."""

import io
import os
import threading
import time
from collections.abc import Callable
from typing import Final

import pytest

from sidecar.telemetry.log_writer import WAITING_CHARACTERS, LogWriter

CEILING_SECONDS: Final = 20.0


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + CEILING_SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


class Counted(io.StringIO):
    """A stream that counts how often it is written to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def test_many_lines_are_written_at_once_and_in_order() -> None:
    stream = Counted()
    writer = LogWriter(stream)
    lines = [f"line {number}\n" for number in range(1_000)]
    for line in lines:
        writer.write(line)
    wait_until(lambda: stream.getvalue() == "".join(lines))
    assert stream.writes < 100
    writer.close()


def test_a_line_is_written_though_nobody_writes_another() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    for line in ("first\n", "second\n"):
        writer.write(line)
        wait_until(lambda line=line: stream.getvalue().endswith(line))  # type: ignore[misc]
    writer.close()


def test_nothing_is_lost_at_the_end() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream, flush_seconds=3_600)
    writer.write("kept\n")
    writer.close()
    writer.write("after\n")
    assert stream.getvalue() == "kept\nafter\n"


def test_lines_of_many_threads_are_all_there_and_whole() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream, flush_seconds=0.001)

    def write(name: int) -> None:
        for number in range(2_000):
            writer.write(f"{name} {number}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = stream.getvalue().splitlines()
    assert sorted(found) == sorted(f"{name} {number}" for name in range(8) for number in range(2_000))


def test_who_logs_does_not_wait_for_who_reads_but_holds_no_more_than_the_bound() -> None:
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a pipe
        writer = LogWriter(stream, flush_seconds=0.001)
        line = "x" * 1_023 + "\n"
        # Nobody reads, and the pipe holds 64 KiB; far more is taken over without waiting.
        for _ in range(1_000):
            writer.write(line)
        # Past the bound it waits until somebody reads. As much again may be with the thread by then, which
        # takes over what there is when it has its turn.
        stuck = threading.Thread(
            target=lambda: [writer.write(line) for _ in range(2 * WAITING_CHARACTERS // len(line) + 1_000)]
        )
        stuck.start()
        stuck.join(0.5)
        # Said at the end: whoever leaves while nobody reads waits for ever.
        did_wait = stuck.is_alive()
        received = bytearray()

        def read() -> None:
            while piece := os.read(reading, 65_536):
                received.extend(piece)

        reader = threading.Thread(target=read)
        reader.start()
        stuck.join(CEILING_SECONDS)
        has_ended = not stuck.is_alive()
        writer.close()
    reader.join(CEILING_SECONDS)
    os.close(reading)
    assert (did_wait, has_ended) == (True, True)
    assert len(received) == len(line) * (1_000 + 2 * WAITING_CHARACTERS // len(line) + 1_000)


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("closed")])
def test_a_log_that_cannot_be_written_stops_nobody(error: Exception) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            del text
            raise error

    writer = LogWriter(Broken(), flush_seconds=0.001)
    writer.write("lost\n")
    writer.close()
    writer.write("lost, too\n")
