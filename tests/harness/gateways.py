"""A kernel gateway as a process: kernels that run on another machine, as far as a Jupyter server can tell."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from harness.machine import free_port, own_world

START_TIMEOUT = 60.0


class Gateway:
    """A real `jupyter kernelgateway`. Unless it `lists`, it refuses to list its kernels, as it does by default."""

    def __init__(self, home: Path, *, lists: bool = True) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (home / "gateway.log").open("ab")
        command = [
            sys.executable, "-m", "kernel_gateway", "--KernelGatewayApp.ip=127.0.0.1",
            f"--KernelGatewayApp.port={self.port}", "--KernelGatewayApp.port_retries=0",
            f"--JupyterWebsocketPersonality.list_kernels={lists}",
        ]  # fmt: skip
        env = own_world(home) | {
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "IPYTHONDIR": str(home / "ipython"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        }
        self.process = subprocess.Popen(
            command, env=env, cwd=home, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait(self) -> Gateway:
        """Return once it answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the gateway ended"
            try:
                opener.open(f"{self.url}/api", timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError("the gateway did not come up")

    def stop(self) -> None:
        """End it, and with it its kernels."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self._log.close()
