"""A real JupyterHub, behind its own proxy."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation

from harness import Agent, free_port, needs, own_world

PROXY = "configurable-http-proxy"
USERS = ("alice", "bob")


def installed_proxy(folder: Path) -> str:
    """The Hub's proxy: the installed one, else one from npm, in a folder."""
    if installed := shutil.which(PROXY):
        return installed
    proxy = folder / "node_modules" / ".bin" / PROXY
    if not proxy.exists():
        command = [needs("npm"), "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"{PROXY}@5"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, done.stderr
    return str(proxy)


class Hub:
    """A JupyterHub with a server for each of two users, in a folder of its own."""

    def __init__(
        self, home: Path, proxy: str, *, base_url: str = "/", subdomain_host: str = "", users: Sequence[str] = USERS
    ) -> None:
        """With a `subdomain_host` each user is at a name below it. Only `users` have servers from the start."""
        self.home = home
        self.base_url = base_url
        self.users = users
        port = free_port()
        bound = f"http://127.0.0.1:{port}"
        self.origin = f"http://{subdomain_host}:{port}" if subdomain_host else bound
        self._subdomain_host = subdomain_host
        self._api = f"{bound}{base_url}hub/api"
        self._admin = secrets.token_hex(16)
        env = own_world(home)
        folders = {name: value for name, value in env.items() if name.startswith(("JUPYTER", "XDG"))}
        config = home / "jupyterhub_config.py"
        config.write_text(
            f"""
c.JupyterHub.bind_url = {bound + base_url!r}
c.JupyterHub.subdomain_host = {self.origin if subdomain_host else ""!r}
c.JupyterHub.allow_named_servers = True
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{free_port()}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.pid_file = {str(home / "proxy.pid")!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.allowed_users = {set(USERS)!r}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {str(home / "home-{username}")!r}
c.Spawner.cmd = [{sys.executable!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {folders!r}
c.Spawner.start_timeout = c.Spawner.http_timeout = 90
c.JupyterHub.services = [{{"name": "pytest", "api_token": {self._admin!r}}}]
c.JupyterHub.load_roles = [
    {{"name": "pytest", "services": ["pytest"], "scopes": ["admin:servers", "admin:server_state", "tokens"]}}
]
"""
        )
        self._log = (home / "hub.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            env=env, cwd=home, stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self._pids = [self._process.pid]

    @property
    def log(self) -> str:
        return (self.home / "hub.log").read_text(errors="replace")[-6000:]

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """A call of the Hub's REST API as its administrator: the JSON that it answers."""
        with httpx2.Client(trust_env=False, timeout=30) as http:
            headers = {"Authorization": f"token {self._admin}"}
            response = http.request(method, f"{self._api}{path}", headers=headers, **arguments)
        response.raise_for_status()
        return response.json() if response.content else None

    def wait(self) -> Hub:
        """Return once the hub answers and its users' servers are ready."""
        self._poll(self._answers)
        for user in self.users:
            self.api("POST", f"/users/{user}/server")
        for user in self.users:
            self.started(user)
        return self

    def started(self, user: str, name: str = "") -> None:
        """Return once a server that somebody has started is ready."""
        self._poll(lambda: self._server(user, name).get("ready", False))
        self._pids.append(self._server(user, name)["state"]["pid"])

    def start_server(self, user: str, name: str = "") -> None:
        """Start a user's server, or one with a name, and return once it is ready."""
        self.api("POST", f"/users/{user}/servers/{name}" if name else f"/users/{user}/server")
        self.started(user, name)

    def stop_server(self, user: str) -> float:
        """Stop a user's server, as the Hub's page and its culler do; the seconds until it has ended."""
        began = time.monotonic()
        self.api("DELETE", f"/users/{user}/server")
        self._poll(lambda: not self._server(user))
        return time.monotonic() - began

    def _answers(self) -> bool:
        """Whether the hub itself answers; its proxy does so earlier, with errors of its own."""
        try:
            return bool(self.api("GET", "/"))
        except (httpx2.TransportError, httpx2.HTTPStatusError):
            return False

    def _server(self, user: str, name: str = "") -> dict[str, Any]:
        return dict(self.api("GET", f"/users/{user}")["servers"].get(name, {}))

    def _poll(self, done: Any) -> None:
        deadline = time.monotonic() + 120
        while not done():
            assert self._process.poll() is None and time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def token(self, user: str, scope: str) -> str:
        """A new token of `user`, as the Hub's Token page makes it."""
        return str(self.api("POST", f"/users/{user}/tokens", json={"scopes": [scope]})["token"])

    def url(self, user: str, name: str = "") -> str:
        """Where all of ours is at a user's server, or at one with a name."""
        host = self.origin.replace("//", f"//{user}.") if self._subdomain_host else self.origin
        return f"{host}{self.base_url}user/{user}/{f'{name}/' if name else ''}mcp-proxy/"

    def stop(self) -> None:
        """End the hub, which ends its proxy and the users' servers; what is left of them is killed.

        A server with a document open for collaboration does not end by itself (jupyter-collaboration#161).
        """
        with suppress(FileNotFoundError):  # `node` may be a script that the hub ends, and node itself goes on
            self._pids.append(int((self.home / "proxy.pid").read_text()))
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._process.wait(5)
        self._log.close()


@asynccontextmanager
async def connect_to(url: str, token: str, era: str) -> AsyncIterator[Agent]:
    """A real client of the endpoint at `url`, in one of the protocol's eras."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=era, client_info=Implementation(name="pytest", version="1")) as client:
            yield Agent(client)
