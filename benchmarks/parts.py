"""What is measured, running: Jupyter servers from the tests' harness, and sidecars started by hand."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.contract import ENV_PREFIX, SECRET_HEADER, TIER_HEADER

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from harness import JupyterProcess, free_port
from harness.tokens import place_of, store_of

__all__ = ["JupyterProcess", "SidecarByHand", "free_port", "jupyter", "place_of", "sidecar", "store_of"]

STOCK = ("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",)
"""Without our extension jupyter-server-proxy serves the entry point itself, buffered."""


@contextmanager
def jupyter(home: Path, *arguments: str, rtc: bool = True) -> Iterator[JupyterProcess]:
    """A Jupyter server that answers, with its sidecar; `rtc` says whether its notebooks are shared documents."""
    server = JupyterProcess(home, arguments=arguments, rtc=rtc)
    try:
        yield server.wait()
    finally:
        server.stop()


class SidecarByHand:
    """A sidecar with this process as its parent, told what `jupyter_mcp_proxy.parent.launcher` would tell it."""

    def __init__(self, home: Path, server: JupyterProcess) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.secret = secrets.token_hex(32)
        self.headers = {SECRET_HEADER: self.secret, TIER_HEADER: "run"}
        told = {
            "SECRET": self.secret,
            "RUN_ID": secrets.token_hex(8),
            "RELAY": "streaming",
            "PARENT_PID": str(os.getpid()),
            "SERVER_URL": server.url,
            "SERVER_TOKEN": server.token,
            "RUNTIME_DIR": str(home),
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        environment |= MCPProxy().environment() | {ENV_PREFIX + name: value for name, value in told.items()}
        environment |= {"HOME": str(home), "JUPYTER_DATA_DIR": str(home / "data")}
        command = [sys.executable, "-m", "jupyter_mcp_proxy.sidecar", "--port", str(self.port)]
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment, cwd=home)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        self.process.kill()
        self.process.wait()


@contextmanager
def sidecar(home: Path, server: JupyterProcess) -> Iterator[SidecarByHand]:
    """A sidecar by hand, ended at the end. It may not listen yet."""
    started = SidecarByHand(home, server)
    try:
        yield started
    finally:
        started.stop()
