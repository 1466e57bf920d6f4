"""Jupyter servers as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.machine import free_port, own_world
from harness.notebooks import write_notebook

TOKEN = "test-token-0123456789"
START_TIMEOUT = 60.0


class JupyterProcess:
    """A Jupyter server in a folder of its own, with nothing of the machine's user in it."""

    def __init__(
        self,
        home: Path,
        *,
        rtc: bool = True,
        arguments: tuple[str, ...] = (),
        token: str = TOKEN,
        base_url: str = "/",
        scheme: str = "http",
        environment: dict[str, str] | None = None,
        host: str = "127.0.0.1",
        stdin: int = subprocess.DEVNULL,
        python: str = sys.executable,
    ) -> None:
        self.home = home
        self.root = home / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.runtime = home / "runtime"
        self.data = home / "data"
        self.token = token
        self.port = free_port()
        self.base_url = base_url
        self.url = f"{scheme}://{host}:{self.port}{base_url}"
        self.endpoint = f"{self.url}mcp-proxy/mcp"
        self.guarantee = "live" if rtc else "file"
        self._log = (home / "server.log").open("ab")
        _answer_lab(home / "config")
        # Not `-m jupyter server`: that runs the first jupyter-server on PATH, maybe another Python's.
        command = [
            python, "-m", "jupyter_server", "--no-browser", "--allow-root",
            f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}",
            f"--ServerApp.base_url={base_url}",
        ]  # fmt: skip
        if token:
            command.append(f"--IdentityProvider.token={token}")
        if not rtc:
            command.append("--ServerApp.jpserver_extensions=jupyter_server_ydoc=False")
        env = own_world(home) | {
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_DATA_DIR": str(self.data),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "IPYTHONDIR": str(home / "ipython"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            **(environment or {}),
        }
        self.process = subprocess.Popen(
            [*command, *arguments], env=env, cwd=home, stdin=stdin, stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    def get(self, path: str, *, token: str | None = None, context: Any = None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path)
        credential = self.token if token is None else token
        if credential:
            request.add_header("Authorization", f"Bearer {credential}")
        # No proxy of the machine's stands before a server on it.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def wait(self, context: Any = None, path: str = "mcp-proxy/healthz") -> JupyterProcess:
        """Return once the server and its sidecar answer, or what else is at a path."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            try:
                status, _ = self.get(path, context=context)
            except OSError:
                status = 0
            if status == 200:
                return self
            time.sleep(0.05)
        raise AssertionError(f"the server did not come up:\n{self.log[-4000:]}")

    def sidecar_pid(self) -> int:
        """The process id of the sidecar, found as a person would: by its command line and parent."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"jupyter_mcp_proxy.sidecar" in command and int(parent) == self.process.pid:
                return int(entry.name)
        raise AssertionError("no sidecar runs")

    def kill_sidecar(self) -> None:
        """Kill it, and wait until it is gone: what is sent in between meets a process that dies, and is told so."""
        dying = self.sidecar_pid()
        os.kill(dying, signal.SIGKILL)
        while Path(f"/proc/{dying}").exists():
            time.sleep(0.005)

    def journals(self) -> set[Path]:
        """What the sidecar keeps of the code that it runs; on a shared server other tests' too."""
        return set(self.runtime.glob("mcp-proxy-*.jsonl"))

    def write_notebook(self, name: str, *sources: str, **metadata: Any) -> Path:
        return write_notebook(self.root / name, *sources, **metadata)

    def read_notebook(self, name: str) -> Any:
        """A notebook's content on disk. Jupyter writes in place: half of it may be there for a moment."""
        deadline = time.monotonic() + 5
        while True:
            try:
                return json.loads((self.root / name).read_text())
            except ValueError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self._log.close()


def _answer_lab(config: Path) -> None:
    """Answer JupyterLab's question about its news, as a person has: it lies over the panel's rows until then."""
    settings = (
        config / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    )
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))


StartJupyter = Callable[..., JupyterProcess]
"""What the fixture `start_jupyter` gives: `JupyterProcess` with options of a test's own, running."""
