"""A Deployment's pod as a process on this machine: its mounts are directories, its paths lead there."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.service import CEILING_SECONDS

ENTRY: Final = (sys.executable, "-m", "sidecar")
"""What the image starts (``ENTRYPOINT``)."""
WORKING_DIRECTORY: Final = "/data"
"""Where it starts it (``WORKDIR``)."""


class Pod:
    """The first container of a Deployment's pod, its volumes filled."""

    def __init__(
        self,
        deployment: Mapping[str, Any],
        root: Path,
        *,
        config_maps: Mapping[str, Mapping[str, str]],
        secrets: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Lay the volumes out below ``root``; other volumes than those of the given names fail."""
        self.spec: Mapping[str, Any] = deployment["spec"]["template"]["spec"]
        self.container: Mapping[str, Any] = self.spec["containers"][0]
        self._root = root
        self._mounts = {mount["mountPath"]: mount["name"] for mount in self.container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for mount_path, name in self._mounts.items():
            directory = Path(self.mapped(mount_path))
            directory.mkdir(parents=True)
            self._fill(directory, volumes[name], config_maps, secrets)

    def mapped(self, text: str) -> str:
        """Return a text with every mounted path led below the root."""
        either = "|".join(re.escape(path) for path in self._mounts)
        return re.sub(rf"(?<![\w.-])(?:{either})(?=/|$)", rf"{self._root}\g<0>", text, flags=re.MULTILINE)

    def _fill(
        self,
        directory: Path,
        volume: Mapping[str, Any],
        config_maps: Mapping[str, Mapping[str, str]],
        secrets: Mapping[str, Mapping[str, str]],
    ) -> None:
        if "secret" in volume:
            _swapped_in(directory, secrets[volume["secret"]["secretName"]])
        for source in volume.get("projected", {}).get("sources", ()):
            data = config_maps[source["configMap"]["name"]]
            every = [{"key": key, "path": key} for key in data]
            for item in source["configMap"].get("items", every):
                path = directory / item["path"]
                path.parent.mkdir(exist_ok=True)
                path.write_text(self.mapped(data[item["key"]]))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[Process, str]]:
        """Start the command in its environment alone, on a free port; yield it and its address."""
        environ = {
            one["name"]: self.mapped(one["value"])
            for one in self.container["env"]
            if not one["name"].endswith("_listen_port")
        }
        process = await asyncio.create_subprocess_exec(
            *ENTRY,
            *(self.mapped(argument) for argument in self.container["args"]),
            stderr=PIPE,
            cwd=self.mapped(WORKING_DIRECTORY),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(sys.path),
                "TMPDIR": self.mapped("/tmp"),  # noqa: S108 - a path of the container
                "APP_CONFIG_litmusSidecar_listen_port": "0",
                **environ,
            },
        )
        reading: asyncio.Task[bytes] | None = None
        try:
            assert process.stderr is not None
            url = await _address(process.stderr)
            reading = asyncio.create_task(process.stderr.read())
            yield process, url
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            if reading is not None:
                await reading


def _swapped_in(directory: Path, data: Mapping[str, str]) -> None:
    """Write files as the kubelet does: links through one link that is swapped."""
    (directory / "..first").mkdir()
    (directory / "..data").symlink_to("..first")
    for key, value in data.items():
        (directory / "..first" / key).write_text(value)
        (directory / key).symlink_to(f"..data/{key}")


async def _address(stream: asyncio.StreamReader) -> str:
    said = b""
    async with asyncio.timeout(CEILING_SECONDS):
        while line := await stream.readline():
            said += line
            if found := re.search(rb"on (http://\S+)", line):
                return found[1].decode()
    raise AssertionError(said.decode())
