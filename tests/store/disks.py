"""Disks that are full: a small one of memory, where this machine lets us mount it, and files of few pages."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool


@contextmanager
def pages_limited() -> Iterator[list[int]]:
    """Give SQLite files at most so many pages while the list names a number: a disk that is full."""
    limit: list[int] = []

    def apply(connection: Any, _record: Any, _proxy: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count={limit[0] if limit else 2**30}")
        cursor.close()

    event.listen(Pool, "checkout", apply)
    try:
        yield limit
    finally:
        event.remove(Pool, "checkout", apply)


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[Path]:
    """Mount a disk of this size below the folder, or skip the test."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("a disk of a fixed size can be mounted by root alone")
    disk = folder / "disk"
    disk.mkdir()
    command = [mount, "-t", "tmpfs", "-o", f"size={kibibytes}k,mode=0700", "tmpfs", str(disk)]
    done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    if done.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        yield disk
    finally:
        subprocess.run([umount, "-l", disk], check=True)  # noqa: S603


def fill(disk: Path) -> Path:
    """Write a file until nothing fits any more; return it, to be deleted when there is to be room."""
    rest = disk / "rest"
    with rest.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return rest
