"""A Jupyter server of the doctor's own, with the person's configuration, where none runs."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...contract import ENV_PREFIX
from ...store.sidecars import chosen
from ..servers import Server
from .looking import last_line

LIMIT = 60.0
POLL = 0.1
GRACE = 10.0


def free_port() -> int:
    """A port that nobody listens on; where another is quicker, Jupyter takes the next, and says so in its file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NotStarted(Exception):
    """It did not come up; the text is the end of what it said."""


def command(root: Path) -> list[str]:
    """The server's command line: nothing in it is secret, and what it sets, no configuration file changes."""
    parts = [
        sys.executable,
        "-m",
        "jupyter_server",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={free_port()}",
    ]
    parts += [f"--ServerApp.root_dir={root}", "--ServerApp.sock=", "--ServerApp.open_browser=False"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        parts.append("--allow-root")
    return parts


def environment(folder: Path, token: str) -> dict[str, str]:
    """The person's environment and configuration, with folders in which nothing of theirs is written."""
    from jupyter_core.paths import jupyter_path

    # A sidecar in an environment of its own is below the data directory, which is another one here.
    elsewhere = chosen(sys.executable)
    found = {ENV_PREFIX + "PYTHON": elsewhere} if elsewhere and elsewhere != sys.executable else {}
    return (
        os.environ
        | found
        | {
            "JUPYTER_TOKEN": token,
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_PATH": os.pathsep.join(jupyter_path()),  # where their kernels are
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }
    )


@contextmanager
def own_server() -> Iterator[Server]:
    """A server that answers; it ends afterwards, with its folder. Raises NotStarted."""
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="mcp-proxy-doctor-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        root = folder / "notebooks"
        root.mkdir()
        log = folder / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - this Python
                command(root), env=environment(folder, token), cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            yield Server.of(_info(process, folder / "runtime", log))
        finally:
            _end(process)


def _info(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> dict[str, object]:
    """What the server says of itself once it listens."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            with suppress(OSError, ValueError):  # half of it may be there
                info = json.loads(file.read_text(encoding="utf-8"))
                if info.get("port"):
                    return dict(info)
        time.sleep(POLL)
    how = "does not listen" if process.poll() is None else f"ended with code {process.poll()}"
    raise NotStarted(f"it {how}. {last_line(log.read_text(encoding='utf-8', errors='replace'))}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it in good order, or else at once: with collaboration it may hang at SIGTERM."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
