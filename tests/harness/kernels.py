"""Kernels as a test sees them from outside: their connection files, and what a notice says to be missing."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import anyio

from harness.agents import Agent
from harness.requests import post
from harness.servers import JupyterProcess
from harness.waiting import until


async def connection_file(server: JupyterProcess, agent: Agent, notebook: str, kernelspec: str = "python3") -> Path:
    """The connection file of a notebook's kernel, which is started, once the kernel has read and rewritten it."""
    used = await agent.ok("use_notebook", notebook=notebook, kernelspec=kernelspec)
    kernel = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", used)
    assert kernel, used
    file = server.runtime / f"kernel-{kernel[0]}.json"
    port = json.loads(file.read_text())["control_port"]

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await until(listens)
    await anyio.sleep(1)  # a kernel that listens writes the file anew
    return file


def kernel_of(file: Path) -> str:
    """The id of the kernel that a connection file belongs to."""
    return file.stem.removeprefix("kernel-")


def said_missing(told: str) -> int:
    """How many messages a notice says to be missing; 0 without one."""
    found = re.search(r"may be missing: up to ([\d,]+) of", told)
    return int(found[1].replace(",", "")) if found else 0


def end_kernels(server: JupyterProcess) -> None:
    """End all kernels of a server that runs; of one that does not, nothing."""
    if server.process.poll() is not None:
        return
    own = {"Authorization": f"Bearer {server.token}"}

    def end(kernel: str) -> None:
        with suppress(OSError):  # it may take longer than is waited here, and ends all the same
            post(server, None, f"api/kernels/{kernel}", "DELETE", **own)

    with suppress(OSError), ThreadPoolExecutor(4) as several:
        status, _, body = post(server, None, "api/kernels", "GET", **own)
        if status == 200:
            list(several.map(end, [each["id"] for each in json.loads(body)]))
