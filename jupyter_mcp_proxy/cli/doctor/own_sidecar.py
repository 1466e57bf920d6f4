"""A sidecar of the doctor's own: started as the server starts it, asked for its proof, and ended."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from ...contract import ENV_PREFIX, NONCE_HEADER, PROOF_PATH, module_command, prove, same
from ...store.sidecars import chosen
from .installation import Started
from .looking import last_line

if TYPE_CHECKING:
    from ...config import MCPProxy

LIMIT = 60.0
"""Seconds, as many as the server gives it."""
POLL = 0.1
GRACE = 5.0


def start(settings: MCPProxy) -> Started:
    """Start one, have it prove itself, and end it."""
    python = chosen(settings.python)
    if python is None:
        return Started("")
    with tempfile.TemporaryDirectory(prefix="mcp-proxy-doctor-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        secret = secrets.token_hex(32)
        command = [*module_command(python, "jupyter_mcp_proxy.sidecar.__main__"), "--port", str(port)]
        began = time.monotonic()
        said = Path(folder) / "said"
        try:
            with said.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603 - the Python of the settings
                    command, env=environment(settings, secret, folder), cwd=folder, stdin=subprocess.DEVNULL,
                    stdout=output, stderr=subprocess.STDOUT,
                )  # fmt: skip
        except OSError as error:
            return Started(python, code=-1, said=str(error))
        try:
            proven = None
            while proven is None and process.poll() is None and time.monotonic() - began < LIMIT:
                proven = proves(port, secret)
                if proven is None:
                    time.sleep(POLL)
            seconds, code = time.monotonic() - began, process.poll()
        finally:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        told = "" if proven else f"It said: {last_line(said.read_text(errors='replace'))}"
        return Started(python, seconds, proven is not None, bool(proven), None if proven else code, told)


def environment(settings: MCPProxy, secret: str, folder: str) -> dict[str, str]:
    """What the server would tell it; it has no server to call, and nothing of it is kept."""
    told = {
        "AUDIT": "False",
        "SECRET": secret,
        "RUN_ID": "doctor",
        "RELAY": "streaming",
        "PARENT_PID": str(os.getpid()),
        "SERVER_URL": "http://127.0.0.1:9/",
        "ROOT_DIR": folder,
        "RUNTIME_DIR": folder,
    }
    return os.environ | settings.environment() | {ENV_PREFIX + name: value for name, value in told.items()}


def proves(port: int, secret: str) -> bool | None:
    """Whether what listens there proves itself; None while nothing answers."""
    nonce = secrets.token_hex(16)
    request = urllib.request.Request(f"http://127.0.0.1:{port}{PROOF_PATH}", headers={NONCE_HEADER: nonce})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as response:
            return same(response.read(200).decode("latin-1"), prove(secret, nonce, str(port)))
    except (HTTPError, HTTPException):
        return False
    except OSError:
        return None
