"""The temporary JupyterLab of the demonstration, and what it needs."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import httpx2
import nbformat
import nbformat.v4

from ..contract import NAME
from .screen import DemoError

REQUIRED = ("jupyterlab", "ipykernel", "matplotlib")
NOTEBOOK = "demo.ipynb"
START_TIMEOUT = 90.0
STEP_TIMEOUT = 90.0
"""Seconds for a step; matplotlib's first import on a new machine builds a font cache."""
POLL = 0.05
TERMINATE_TIMEOUT = 3.0
"""Seconds until a server that was asked to end is killed: with collaboration it may hang at SIGTERM."""
LOG_TAIL = 2500
PORTS = range(12_000, 32_000)
"""What `free_port` chooses from. The system gives none of these to a socket that asks for any (Linux begins at 32768,
others higher), so no kernel and no connection takes it before the server does."""
TRIES = 100
"""Ports that are looked at before the system is asked for one."""

INTRODUCTION = """\
# jupyter-mcp-proxy

An MCP client inserts a cell below and runs it, in this notebook's own kernel.
With jupyter-collaboration you see that happen while you look."""

SAMPLE = ("import math\n\nvalues = [math.sin(x / 10) for x in range(100)]", "max(values)")


def missing(modules: Sequence[str]) -> list[str]:
    """Which of these top-level modules are not installed."""
    return [module for module in modules if find_spec(module) is None]


def free_port(wanted: int = 0) -> int:
    """A port on loopback that nobody listens on: `wanted`, or any for 0. DemoError where it is taken."""
    if not wanted:
        return next(filter(_is_free, random.sample(PORTS, TRIES)), None) or _bound(0)
    try:
        return _bound(wanted)
    except OSError as error:
        raise DemoError(f"Port {wanted} cannot be used ({error.strerror}). Leave --port out for a free one.") from error


def _is_free(port: int) -> bool:
    with suppress(OSError):
        return bool(_bound(port))
    return False


def _bound(port: int) -> int:
    """The port by which a socket is known that was bound to it for a moment; OSError where it cannot be."""
    with socket.socket() as probe:
        if os.name == "posix":  # as the server will: an old connection in TIME_WAIT is no obstacle
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def command(port: int, root: Path) -> list[str]:
    """The server's command line: nothing in it is secret."""
    # Not `-m jupyter lab`: that runs the first jupyter-lab on PATH, maybe another Python's.
    parts = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    parts += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        parts.append("--allow-root")
    return parts


def environment(folder: Path, token: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The server's environment: its token, and folders of its own instead of the user's."""
    kept = {name: value for name, value in inherited.items() if not name.startswith("JUPYTER")}
    return kept | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        # A JupyterLab that finds npm asks it for its folders, and npm would leave a cache among the temporary files.
        "NODE_DISABLE_COMPILE_CACHE": "1",
    }


def sample_notebook() -> Any:
    """The notebook that the demonstration works in."""
    cells = [nbformat.v4.new_markdown_cell(INTRODUCTION), *map(nbformat.v4.new_code_cell, SAMPLE)]
    spec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def remove(folder: Path) -> None:
    """Remove a folder, though a process that is just ending may still write a last file into it."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    print(f"{folder} could not be removed; remove it by hand.", file=sys.stderr)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab of ours."""

    process: asyncio.subprocess.Process
    url: str
    token: str
    folder: Path

    @property
    def endpoint(self) -> str:
        """The URL that an MCP client is given."""
        return f"{self.url}{NAME}/mcp"

    @property
    def root(self) -> Path:
        """The folder with the notebooks."""
        return self.folder / "notebooks"

    def log_tail(self) -> str:
        """The end of the server's log, without the token."""
        text = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
        return "The end of its log:\n\n" + text[-LOG_TAIL:].replace(self.token, "...")

    def http(self) -> httpx2.AsyncClient:
        """A client for this server; no proxy of the machine comes between."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.AsyncClient(headers=headers, timeout=STEP_TIMEOUT, trust_env=False)

    async def ready(self) -> None:
        """Return once the server answers. DemoError with the end of its log where it ends or never does."""
        deadline = time.monotonic() + START_TIMEOUT
        async with self.http() as http:
            while time.monotonic() < deadline:
                if self.process.returncode is not None:
                    raise DemoError(f"JupyterLab ended with code {self.process.returncode}.\n{self.log_tail()}")
                with suppress(httpx2.TransportError):
                    if (await http.get(f"{self.url}api/status", timeout=5)).status_code == 200:
                        return
                await asyncio.sleep(POLL)
        raise DemoError(f"JupyterLab did not answer within {START_TIMEOUT:.0f} s.\n{self.log_tail()}")


@asynccontextmanager
async def jupyter_lab(folder: Path, port: int, token: str) -> AsyncIterator[Lab]:
    """A JupyterLab in `folder`, started but maybe not ready; afterwards neither it nor its kernels run."""
    root = folder / "notebooks"
    root.mkdir()
    nbformat.write(sample_notebook(), root / NOTEBOOK)
    with (folder / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command(port, root),
            env=environment(folder, token, os.environ),
            cwd=folder,  # `-m` looks for modules there, also for those that are needed later; agents write in the root
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to answer
        )
    try:
        yield Lab(process, f"http://127.0.0.1:{port}/", token, folder)
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a server with its kernels and sidecar, within about 6 s however it behaves."""
    import psutil  # type: ignore[import-untyped,unused-ignore]  # a dependency of ipykernel

    # Kernels and the sidecar have sessions of their own, so the server's process group is without them.
    descendants = []
    with suppress(psutil.NoSuchProcess):
        descendants = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        process.terminate()
    with anyio.move_on_after(TERMINATE_TIMEOUT):
        await process.wait()
    if process.returncode is None:
        if sys.platform == "win32":
            process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, descendants, 2.0)
    for survivor in alive:
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    await asyncio.to_thread(psutil.wait_procs, alive, 1.0)
