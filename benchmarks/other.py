"""The other side: Datalayer's `jupyter-mcp-server`, in an environment of its own and as a process of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .parts import JupyterProcess, free_port

REQUIREMENT = "jupyter-mcp-server"
START_TIMEOUT = 90.0
PACKAGES = ("jupyter-mcp-server", "mcp", "jupyter-nbmodel-client", "jupyter-server-client")


def environment(folder: Path, requirement: str = REQUIREMENT) -> Path:
    """A virtual environment with the other server: the one in `folder`, or a new one made there."""
    if not _program(folder).exists():
        install(folder, requirement)
    return folder


def install(folder: Path, *requirements: str) -> None:
    """Make a virtual environment with what is given."""
    print(f"Installing {requirements[0]} apart …", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", *requirements]
    subprocess.run(pip, check=True)


def versions(folder: Path) -> str:
    """What is installed there, of what matters here."""
    code = f"from importlib.metadata import version as v; print(*(f'{{n}} {{v(n)}}' for n in {PACKAGES!r}), sep=', ')"
    return subprocess.run(
        [folder / "bin" / "python", "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def _program(folder: Path) -> Path:
    return folder / "bin" / "jupyter-mcp-server"


@dataclass(frozen=True)
class Endpoint:
    """Where the other server answers, the token that it asks for, and its process."""

    url: str
    token: str
    pid: int


@contextmanager
def other_server(folder: Path, home: Path, jupyter: JupyterProcess) -> Iterator[Endpoint]:
    """The other server over streamable HTTP, told of a Jupyter server as its documentation says. Credentials go by the
    environment."""
    home.mkdir(parents=True, exist_ok=True)
    port, token = free_port(), secrets.token_hex(16)
    told = {
        "TRANSPORT": "streamable-http",
        "PORT": str(port),
        "MCP_TOKEN": token,
        "JUPYTER_URL": jupyter.url.rstrip("/"),
        "JUPYTER_TOKEN": jupyter.token,
        "ALLOW_IMG_OUTPUT": "true",
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "OTEL"))}
    with (home / "other.log").open("wb") as log:
        process = subprocess.Popen(
            [_program(folder), "start"], env=clean | told | {"HOME": str(home)}, cwd=home, stdout=log, stderr=log
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}/api/healthz", home / "other.log")
            yield Endpoint(f"http://127.0.0.1:{port}/mcp", token, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers, if only to say who may ask
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the other server did not come up:\n{log.read_text(errors='replace')[-3000:]}")
