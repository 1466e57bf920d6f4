"""What a notebook is to say of the kernel that runs it, as JupyterLab writes it once it has one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ..documents.metadata import Json, kernelspec_of, table
from ..errors import ServerError

if TYPE_CHECKING:
    from ..jupyter.server import JupyterServer
    from .kernels import Kernels

PATIENCE = 3.0
"""Seconds that the server may take to say which kernelspec a kernel is of; a cell's end waits for it, once."""


class About:
    """What the server and the kernels say, asked for once."""

    def __init__(self, server: JupyterServer, kernels: Kernels) -> None:
        self._server = server
        self._kernels = kernels
        self._specs: dict[str, Json] = {}

    async def of(self, kernel_id: str) -> Json:
        """`kernelspec` and `language_info` for a notebook's metadata, as far as they are known."""
        channel = self._kernels.open_channel(kernel_id)
        if channel is None:
            return {}
        said: Json = {}
        if kernel_id not in self._specs:
            with suppress(ServerError, asyncio.TimeoutError):  # the next run asks again
                self._specs[kernel_id] = await asyncio.wait_for(self._spec(kernel_id), PATIENCE)
        if kernel_id in self._specs:
            said["kernelspec"] = self._specs[kernel_id]
        language = table(table(channel.info).get("language_info"))
        if language:
            said["language_info"] = language
        return said

    async def _spec(self, kernel_id: str) -> Json:
        name = str((await self._server.kernel(kernel_id))["name"])
        specs = (await self._server.kernelspecs())["kernelspecs"]
        return kernelspec_of(name, table(specs.get(name)).get("spec"))
